"""The backend `ray`: real runs on Ray Tune, Ray clusters for simulations, and profiles of this
machine.

The methods import the packages of `hetsched[real]`. They raise InputError if a package is missing.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from hetsched.core.dispatcher import Listener
from hetsched.domain.entry_points import needed_for
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Backend, Outcome, Profiling
from hetsched.studies.recording_plan import Recorded, RecordingPlan

if TYPE_CHECKING:
    from joblib import Parallel


class RayBackend(Backend):
    """Carries runs out on Ray Tune, with torch."""

    name = "ray"

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        with _needed_to("run a scenario"):
            from real.tune.run import run
        return run(setup, strategy, seed, folder, listeners)

    def discover(self, address: str) -> list[dict[str, Any]]:
        with _needed_to("discover the nodes of a cluster"):
            from real.cluster.discovery import discover
        return discover(address)

    def executor(self, address: str, jobs: int | None = None) -> AbstractContextManager["Parallel"]:
        with _needed_to("simulate on a cluster"):
            from real.cluster.joblib_on_ray import on_cluster
        return on_cluster(address, jobs)

    def profile(
        self,
        models: Sequence[str],
        batch_sizes: Sequence[int],
        cores: Sequence[int],
        **options: Unpack[Profiling],
    ) -> list[ProfileRow]:
        with _needed_to("profile a machine"):
            from real.measuring.profiler import measure

            return measure(models, batch_sizes, cores, **options)  # which imports torch

    def record(self, plan: RecordingPlan, numbers: Sequence[int]) -> Iterator[Recorded]:
        with _needed_to("record learning curves"):
            from real.measuring.recorder import recordings

            return recordings(plan, numbers)  # which imports what the training needs


def _needed_to(ability: str) -> AbstractContextManager[None]:
    return needed_for(f"backend 'ray' cannot {ability}: it")
