"""Records learning curves: the accuracies of the real training code on its way, under many hyperparameters.

    python -m real.measuring.recorder --out FILE.csv --data-dir DIR     # recordings as they are shipped
    python -m real.measuring.recorder --out FILE.csv --data-dir DIR --model resnet50 --dataset cifar100 --device cuda \
        --batch-sizes 512 --iterations 1000 --recordings 64 --jobs 4

What is finished is in the file at once: Ctrl-C or SIGTERM loses the recordings under way, no more. The simulator's
learning-curve models are fitted to such files, or replay them; docs/learning.md describes the columns.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import lru_cache, partial
from itertools import islice
from math import exp, log
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from torch import cuda

from hetsched.argument_types import count
from hetsched.errors import HetschedError, InputError, Terminated
from hetsched.signals import TERMINATED, sigterm_as_ctrl_c
from real.training import data
from real.training.models import constructor
from real.training.trainer import Settings
from real.training.training import Training

COLUMNS = (
    "recording", "model", "dataset", "batch_size", "seed", "iteration", "lr", "momentum", "weight_decay", "accuracy",
    "loss",
)  # fmt: skip
SEED = 20261124
LEAST_RATE, GREATEST_RATE = 3e-4, 4.0
"""Effective rates lr / (1 - momentum) between which recordings lie: from hardly learning to hardly stable."""
REPEATS = 4
"""The last recordings are of one configuration under several seeds: what they differ by is chance."""


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
            "accuracy": round(training.evaluate()["accuracy"], 4),
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
        _check(options)
        with sigterm_as_ctrl_c(), options.out.open("x", newline="") as file:
            finished, status = _write(file, options)
    except (HetschedError, ValueError, OSError, RuntimeError) as error:
        print(f"real.measuring.recorder: {error}", file=sys.stderr)
        return 2 if isinstance(error, (InputError, ValueError)) else 1
    if status:
        print(f"real.measuring.recorder: interrupted; {finished} recordings were finished", file=sys.stderr)
    return status


def _check(options: argparse.Namespace) -> None:
    """Raises InputError for what is wrong, before anything is done."""
    if options.out.exists():
        raise InputError(f"--out {options.out}: exists, and results are never overwritten; name a new file")
    if not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: there is no folder {options.out.parent}; make it first")
    if options.iterations % options.every:
        raise InputError(f"--iterations {options.iterations}: must be a multiple of --every {options.every}")
    if options.device == "cuda" and not cuda.is_available():
        raise InputError("--device cuda: torch finds no GPU on this machine; record on the cpu instead")
    constructor(options.model)


def _write(file: TextIO, options: argparse.Namespace) -> tuple[int, int]:
    """Write recordings as they are finished. Return how many there are, and the exit status: not 0 after Ctrl-C or
    SIGTERM. The file of no recording is deleted."""
    finished = status = 0
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    try:
        for number, lines, seconds in _recordings(options):
            writer.writerows({"recording": number, **line} for line in lines)
            file.flush()
            finished += 1
            chosen = _configuration(options, number)
            print(f"{number}: {chosen}: accuracy {lines[-1]['accuracy']}, {seconds:.0f} s", file=sys.stderr)
    except KeyboardInterrupt as stop:
        status = TERMINATED if isinstance(stop, Terminated) else 130
    finally:
        if not finished:
            options.out.unlink()
    return finished, status


def _configuration(options: argparse.Namespace, number: int) -> Configuration:
    return configuration(number, options.recordings, options.batch_sizes, options.iterations, options.every)


class Finished(NamedTuple):
    """A recording: its number, its lines, and the seconds that it took."""

    number: int
    lines: list[dict[str, object]]
    seconds: float


def _recordings(options: argparse.Namespace) -> Iterator[Finished]:
    """As they are finished, so many at once. After an error no other one begins; Ctrl-C and SIGTERM break off those
    that are under way."""
    numbers = iter(range(options.recordings))
    record_one = partial(_recording, options)
    if options.jobs == 1:
        yield from map(record_one, numbers)
        return
    # Fresh processes, as a GPU cannot be used after a fork. None is given work before it is idle: what the pool has
    # been given, it does.
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        under_way = {pool.submit(record_one, number) for number in islice(numbers, options.jobs)}
        try:
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                under_way |= {pool.submit(record_one, number) for number in islice(numbers, len(done))}
                for each in done:
                    yield each.result()
        except KeyboardInterrupt:
            for process in active_children():  # a signal may have come to this process alone
                process.terminate()
            raise


def _recording(options: argparse.Namespace, number: int) -> Finished:
    settings = Settings(
        options.model, options.dataset, max(options.batch_sizes), options.data_dir, None, options.test_images
    )
    training = _training(settings, options.device, options.threads)
    started = time.perf_counter()
    lines = record(training, _configuration(options, number), 1000 + number, options.iterations, options.every)
    return Finished(number, lines, time.perf_counter() - started)


@lru_cache(maxsize=1)
def _training(settings: Settings, device: str, threads: int) -> Training:
    """This process's, for one recording after the other."""
    return Training(settings, device=device, threads=threads)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m real.measuring.recorder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv", help="must be new")
    parser.add_argument("--data-dir", type=Path, help="folder of the data set")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--dataset", default="cifar10", choices=sorted(data.DATASETS))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    numbers: list[tuple[str, int, str]] = [
        ("--threads", 1, "CPU threads"),
        ("--jobs", 1, "processes at once"),
        ("--recordings", 52, "how many"),
        ("--iterations", 300, "of a recording"),
        ("--every", 25, "iterations between evaluations"),
        ("--test-images", 1000, "images of an evaluation"),
    ]
    for name, default, what in numbers:
        parser.add_argument(name, type=count, default=default, metavar="N", help=f"{what} (default: {default})")
    parser.add_argument(
        "--batch-sizes", type=count, nargs="+", default=[16, 32, 32, 32, 64], metavar="N", help="drawn from this list"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
