"""Records learning curves: the accuracies of the real training code on its way, under many hyperparameters.

    python -m real.recorder --out FILE.csv --data-dir DIR     # recordings as they are shipped
    python -m real.recorder --out FILE.csv --data-dir DIR --model resnet50 --dataset cifar100 --device cuda \
        --batch-sizes 512 --iterations 1000 --recordings 64

What is finished is in the file at once: Ctrl-C loses the recording that is under way, no more. The simulator's
learning-curve models are fitted to such files, or replay them; docs/learning.md describes the columns.
"""

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from math import exp, log
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hetsched.errors import HetschedError, InputError
from real import data
from real.training import Settings, Training

COLUMNS = (
    "recording", "model", "dataset", "batch_size", "seed", "iteration", "lr", "momentum", "weight_decay", "accuracy",
    "loss",
)  # fmt: skip
SEED = 20261124
LEAST_RATE, GREATEST_RATE = 3e-4, 4.0
"""Effective rates lr / (1 - momentum) between which recordings lie: from hardly learning to hardly stable."""
REPEATS = 4
"""The last recordings are of one configuration under several seeds: what they differ by is luck."""


class Configuration(NamedTuple):
    """What is recorded: a learning rate, from some iteration on perhaps another one, and all else."""

    batch_size: int
    momentum: float
    rates: tuple[tuple[int, float], ...]
    """(first iteration, learning rate), in order."""

    def rate(self, iteration: int) -> float:
        """The learning rate of that iteration."""
        return [rate for first, rate in self.rates if first <= iteration][-1]


def configuration(
    number: int, recordings: int, batch_sizes: Sequence[int], iterations: int, every: int
) -> Configuration:
    """The `number`-th of so many, drawn at random; two in five change their rate on the way, as under PBT."""
    rng = np.random.default_rng([SEED, number])
    batch_size = int(rng.choice(batch_sizes))
    momentum = float(rng.choice([0.0, rng.uniform(0, 0.9), 0.9, rng.uniform(0.9, 0.98)]))
    rate = exp(rng.uniform(log(LEAST_RATE), log(GREATEST_RATE))) * (1 - momentum)
    if number >= recordings - REPEATS:
        return Configuration(32 if 32 in batch_sizes else batch_sizes[0], 0.5, ((0, 0.05),))
    if number % 5 not in (0, 2):
        return Configuration(batch_size, momentum, ((0, rate),))
    evaluations = iterations // every
    at = every * int(rng.integers(evaluations // 4, max(evaluations // 4 + 1, evaluations * 5 // 6)))
    return Configuration(batch_size, momentum, ((0, rate), (at, rate * float(rng.choice([0.1, 0.2, 0.3, 0.1, 3.0])))))


def record(
    training: Training, chosen: Configuration, seed: int, iterations: int, every: int
) -> list[dict[str, object]]:
    """The lines of one recording, less its name: the untrained network, then an evaluation every `every` iterations."""
    settings = training.settings
    training.reset({"lr": chosen.rate(0), "momentum": chosen.momentum}, seed)

    def line(iteration: int, rate: float, loss: float | None) -> dict[str, object]:
        return {
            "model": settings.model,
            "dataset": settings.dataset,
            "batch_size": chosen.batch_size,
            "seed": seed,
            "iteration": iteration,
            "lr": f"{rate:.6g}",
            "momentum": f"{chosen.momentum:.4g}",
            "weight_decay": 0,
            "accuracy": round(training.evaluate(), 4),
            "loss": "" if loss is None or not np.isfinite(loss) else f"{loss:.4g}",
        }

    lines = [line(0, chosen.rate(0), None)]
    for done in range(0, iterations, every):
        rate = chosen.rate(done)
        training.configure({"lr": rate, "momentum": chosen.momentum})
        loss = training.train(every, batch_size=chosen.batch_size)
        lines.append(line(done + every, rate, loss))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        if options.out.exists():
            raise InputError(f"--out {options.out}: exists, and results are never overwritten; name a new file")
        if options.iterations % options.every:
            raise InputError(f"--iterations {options.iterations}: must be a multiple of --every {options.every}")
        settings = Settings(
            options.model, options.dataset, max(options.batch_sizes), options.data_dir, None, options.test_images
        )
        training = Training(settings, device=options.device, threads=options.threads)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            for number in range(options.recordings):
                started = time.perf_counter()
                chosen = configuration(
                    number, options.recordings, options.batch_sizes, options.iterations, options.every
                )
                lines = record(training, chosen, 1000 + number, options.iterations, options.every)
                writer.writerows({"recording": number, **line} for line in lines)
                file.flush()
                seconds = time.perf_counter() - started
                print(f"{number}: {chosen}: accuracy {lines[-1]['accuracy']}, {seconds:.0f} s", file=sys.stderr)
    except (HetschedError, ValueError) as error:
        print(f"real.recorder: {error}", file=sys.stderr)
        return 2 if isinstance(error, (InputError, ValueError)) else 1
    except KeyboardInterrupt:
        print(f"real.recorder: interrupted; what was finished is in {options.out}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m real.recorder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="must be new")
    parser.add_argument("--data-dir", type=Path, help="folder of the data set")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--dataset", default="cifar10", choices=sorted(data.DATASETS))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--recordings", type=int, default=52, metavar="N")
    parser.add_argument("--iterations", type=int, default=300, metavar="N")
    parser.add_argument("--every", type=int, default=25, metavar="N", help="iterations between evaluations")
    parser.add_argument("--test-images", type=int, default=1000, metavar="N", help="images of an evaluation")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[16, 32, 32, 32, 64], metavar="N", help="drawn from this list"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
