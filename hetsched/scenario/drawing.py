"""Draws scenarios at random, so that policies are tried on clusters and workloads that nobody chose
for them.

Every figure has a documented distribution. docs/suite.md has a table of the distributions.
"""

from collections.abc import Iterator
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from hetsched.domain.cluster import CPU
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.random_streams import stream
from hetsched.errors import InputError, counted
from hetsched.scenario.profile_files import write_profile

PROVENANCE = "drawn at random"
IMAGES = 1000
BATCH = 128
MOST_WORKERS = 40


class Draw:
    """One scenario. The same `seed` and `number` always draw the same scenario. Only the last digit
    of its numbers may depend on the processor.

    There are one to four kinds of nodes. A kind has GPUs of its own type with probability 0.6.
    Otherwise it is a box of 1 to 16 cores. The speed of a kind of device is log-uniform over a
    factor of 30. The speed of a model on a device has a further lognormal factor (sigma 0.25), so
    that models disagree about which device is fast.
    """

    def __init__(self, seed: int, number: int) -> None:
        self.name = f"drawn-{seed}-{number}"
        self._rng = stream(seed, "draw", number)
        self._nodes = list(self._draw_nodes())
        self._workers = sum(node["count"] * max(1, node.get("gpus", 0)) for node in self._nodes)
        self._models = [f"model{place}" for place in range(1 + self._chance(0.4))]
        self._iteration_s = self._log_uniform(0.02, 2.0)
        self._intervals = self._whole(6, 30)
        self._interval = int(self._rng.choice([10, 20, 50, 100]))
        self._experiments = list(self._draw_experiments())

    def write(self, folder: Path) -> Path:
        """Write the scenario NAME.toml and its profile NAME.csv into the folder. Returns the path
        of NAME.toml."""
        write_profile(folder / f"{self.name}.csv", self._rows())
        path = folder / f"{self.name}.toml"
        path.write_text(f"# Drawn at random: {self._in_words()}.\n" + tomli_w.dumps(self._tables()))
        return path

    def _in_words(self) -> str:
        kinds = ", ".join(f"{node['count']} x {_kind_in_words(node)}" for node in self._nodes)
        trials = sum(one["population"] for one in self._experiments)
        return f"{kinds}; {trials} trials in {counted(len(self._experiments), 'experiment')}"

    def _tables(self) -> dict[str, Any]:
        workload: dict[str, Any] = {"experiments": self._experiments}
        if len(self._experiments) > 1 and self._chance(0.6):
            whole_s = self._iteration_s * self._intervals * self._interval
            workload["poisson"] = {"mean_gap_s": round(whole_s * self._log_uniform(0.1, 1.0), 3)}
        return {
            "name": self.name,
            "strategies": ["fusion+least-progress", "fusion+lookahead"],
            "profile": {"sources": [f"{self.name}.csv"]},
            "cluster": {"nodes": self._nodes},
            "workload": workload,
        }

    def _draw_nodes(self) -> Iterator[dict[str, Any]]:
        left = MOST_WORKERS
        for kind in range(self._whole(1, 4)):
            node: dict[str, Any] = {"name": f"kind{kind}", "cores": int(2 ** self._whole(0, 4))}
            if self._chance(0.6):
                node |= {"gpus": int(2 ** self._whole(0, 2)), "gpu_type": f"gpu{kind}"}
                node["cores"] = node["gpus"]  # one core per GPU to load its data
            workers = node.get("gpus", 1)
            node["count"] = max(1, min(self._whole(1, 8), left // workers))
            left = max(1, left - node["count"] * workers)
            yield node

    def _draw_experiments(self) -> Iterator[dict[str, Any]]:
        number = 1 if self._chance(0.6) else self._whole(2, 5)
        trials = self._workers * self._log_uniform(0.6, 6.0)
        for place in range(number):
            experiment = {
                "name": f"e{place}",
                "model": self._models[place % len(self._models)],
                "dataset": "images",
                "batch_size": BATCH,
                "population": max(2, round(trials / number)),
                "stop_iterations": self._intervals * self._interval,
                "evaluation_images": IMAGES,
                "search_space": {"lr": {"low": 0.0001, "high": 1.0, "scale": "log"}},
            }
            if self._chance(0.85):
                yield {**experiment, "pbt": {"perturbation_interval": self._interval}}
            else:
                yield {**experiment, "pbt": {"enabled": False}, "checkpoint_interval": self._interval}

    def _rows(self) -> Iterator[ProfileRow]:
        devices = [(node["gpu_type"], 0, 1.0) if "gpus" in node else (CPU, node["cores"], 0.0) for node in self._nodes]
        noise = self._rng.uniform(0.02, 0.2)
        interval_s = self._iteration_s * self._interval
        costs = {name: self._log_uniform(0.005, 0.3) * interval_s for name in ("evaluation", "restore", "checkpoint")}
        start_up_s = self._log_uniform(0.05, 1.0) * interval_s
        for device, cores, share in dict.fromkeys(devices):
            speed = exp(self._rng.uniform(0, log(30)))
            for model in self._models:
                slower = exp(self._rng.normal(0, 0.25)) / speed
                yield ProfileRow(
                    model=model,
                    dataset="images",
                    batch_size=BATCH,
                    device=device,
                    cores=cores,
                    gpu_share=share,
                    seconds_per_iteration=30 * self._iteration_s * slower,
                    noise_cv=noise,
                    evaluation_s_per_image=costs["evaluation"] / IMAGES * 10 * slower,
                    start_up_s=start_up_s,
                    restore_s=costs["restore"],
                    checkpoint_s=costs["checkpoint"],
                    provenance=PROVENANCE,
                )

    def _chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)

    def _whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included. All are equally likely."""
        return int(self._rng.integers(low, high + 1))

    def _log_uniform(self, low: float, high: float) -> float:
        return float(np.exp(self._rng.uniform(log(low), log(high))))


def _kind_in_words(node: dict[str, Any]) -> str:
    return f"{node['gpus']} {node['gpu_type']}" if "gpus" in node else f"{node['cores']} cores"


def draw(folder: Path, seed: int, count: int) -> list[Path]:
    """Write the first `count` scenarios of a seed into the folder, and return their paths.

    Raises InputError if the folder is not empty or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    if taken:
        raise InputError(f"{folder}: is not empty, and scenarios are never overwritten; name a new folder")
    return [Draw(seed, number).write(folder) for number in range(count)]
