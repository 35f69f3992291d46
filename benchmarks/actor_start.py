"""Measure the seconds that an actor takes to start, with a training without torch and with a
built-in network.

    python -m benchmarks.actor_start [--repeat N]

It starts Ray on this machine with one core. It makes one actor after the other, and ends each. An
actor is ready when it answers its first call: its process runs, and its training is imported and
made. The first actor of each kind is a warm-up.
"""

import argparse
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import ray

from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.training_class import source_of
from real.training.trainer import Settings
from real.tune.actor import Plan, SegmentTrainable

MY_TRAINING = Path(__file__).parents[1] / "examples" / "my_training.py"
WORKER = Worker(WorkerId("a/cpu0"), NodeId("a"), "cpu", 1)


def kinds() -> dict[str, Settings]:
    """The trainings, by the name of the row."""
    source = source_of(f"{MY_TRAINING.name}:Mine", MY_TRAINING.parent)
    return {
        "a training without torch": Settings("Mine", "own", 1, training=source),
        "resnet18 on synthetic images": Settings("resnet18", "synthetic", 32, None, 64, 64),
    }


def start_s(actors: Any, settings: Settings) -> float:
    """The seconds from the order to the first answer of an actor in a separate process."""
    plan = Plan(WORKER, settings, None, "storage")
    begin = perf_counter()
    actor = actors.remote(config={"plan": plan})
    ray.get(actor.flush.remote())
    seconds = perf_counter() - begin
    ray.kill(actor)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="actors of each kind (default: 5)")
    repeat = parser.parse_args().repeat
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    actors = ray.remote(num_cpus=1)(SegmentTrainable)
    for name, settings in kinds().items():
        times = sorted([start_s(actors, settings) for _ in range(repeat + 1)][1:])
        print(
            f"{name}: median {median(times):.2f} s, {times[0]:.2f} to {times[-1]:.2f} s, n = {len(times)}", flush=True
        )
    ray.shutdown()


if __name__ == "__main__":
    main()
