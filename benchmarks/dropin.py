"""Measure what the drop-in costs a Ray Tune script on equal nodes, and what it gains on unequal
nodes.

python benchmarks/dropin.py [equal|unequal|both]

Both schedulers run one script, one after the other, on one local Ray cluster. A step sleeps, so
that a small machine can imitate several.

- Equal: three nodes of one core, one worker each, with as many trials as workers and with twice as
  many.
- Unequal: a node with a GPU that is four times as fast as a core, and three nodes of one core.
  Stock Tune runs with each of the two bundles that a trial could ask for.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray
from ray import tune
from ray.cluster_utils import Cluster
from ray.tune.schedulers import PopulationBasedTraining

from hetsched.tune import HeterogeneousPBT

CORE_S, SPEED_UP = 0.8, 4
INTERVAL, STOP = 5, 40
RATES = {"lr": tune.loguniform(0.01, 0.5)}


class Sleeper(tune.Trainable):
    """A step takes `CORE_S` on a core, and less on a GPU."""

    def setup(self, config: dict[str, Any]) -> None:
        self.weight = 1.0
        self.seconds = CORE_S / (SPEED_UP if ray.get_gpu_ids() else 1)

    def step(self) -> dict[str, Any]:
        time.sleep(self.seconds)
        self.weight -= self.config["lr"] * self.weight
        return {"loss": self.weight**2}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "weight").write_text(str(self.weight))

    def load_checkpoint(self, checkpoint_dir: Any) -> None:
        self.weight = float(Path(checkpoint_dir, "weight").read_text())

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return True


@contextmanager
def nodes(*shapes: dict[str, Any]) -> Iterator[None]:
    """A local Ray cluster of these nodes."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for number, shape in enumerate(shapes):
        labels = {"hetsched-node": f"n{number}"} | ({"ray.io/accelerator-type": "fast"} if "num_gpus" in shape else {})
        cluster.add_node(labels=labels, include_dashboard=False, **shape)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()


def seconds(scheduler: Any, trials: int, resources: dict[str, float]) -> float:
    """The seconds from `fit` to the end of a script."""
    with TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(Sleeper, resources),
            param_space=RATES,
            tune_config=tune.TuneConfig(
                metric="loss", mode="min", num_samples=trials, scheduler=scheduler, reuse_actors=True
            ),
            run_config=tune.RunConfig(storage_path=folder, stop={"training_iteration": STOP}, verbose=0),
        )
        began = time.perf_counter()
        results: Any = tuner.fit()
        took = time.perf_counter() - began
    assert not results.errors
    assert all(result.metrics["training_iteration"] == STOP for result in results)
    return took


PBT: dict[str, Any] = {
    "time_attr": "training_iteration",
    "perturbation_interval": INTERVAL,
    "hyperparam_mutations": RATES,
}


def equal() -> None:
    with nodes(*[{"num_cpus": 1}] * 3):
        for trials in (3, 6):
            stock = seconds(PopulationBasedTraining(**PBT), trials, {"cpu": 1})
            ours = seconds(HeterogeneousPBT(**PBT), trials, {"cpu": 1})
            least = trials * STOP * CORE_S / 3
            print(f"equal, {trials} trials: stock {stock:.1f} s, drop-in {ours:.1f} s, steps alone {least:.1f} s")


def unequal() -> None:
    with nodes({"num_cpus": 1, "num_gpus": 1}, *[{"num_cpus": 1}] * 3):
        trials = 8
        on_gpu = seconds(PopulationBasedTraining(**PBT), trials, {"cpu": 1, "gpu": 1})
        on_cpus = seconds(PopulationBasedTraining(**PBT), trials, {"cpu": 1})
        ours = seconds(HeterogeneousPBT(**PBT, devices="all"), trials, {"cpu": 1, "gpu": 1})
        least = trials * STOP * CORE_S / (SPEED_UP + 3)
        print(
            f"unequal, {trials} trials: stock {{GPU: 1}} {on_gpu:.1f} s, stock {{CPU: 1}} {on_cpus:.1f} s, drop-in "
            f"{ours:.1f} s, bound {least:.1f} s"
        )


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "both"
    if asked in ("equal", "both"):
        equal()
    if asked in ("unequal", "both"):
        unequal()
