"""Measures a training for a moment on every type of worker that some allocation policy makes."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from hetsched.domain.cluster import Worker
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError, PolicyError
from hetsched.scenario.scenario import Setup
from hetsched.studies.budget import Budget
from hetsched.studies.folder import PROBES
from hetsched.studies.measured import Measured
from hetsched.studies.measuring_policy import MEASURE
from hetsched.studies.probe import measuring_scenario, probe
from hetsched.studies.slow_paces import slow_paces
from hetsched.studies.validation import check_pace
from hetsched.studies.watching import Watch

SHARE = 0.75
"""The share of the budget for measuring. The rest is for simulations."""

MOST_PROBES = 3
"""The most probes for one allocation policy. The measurements may change which workers it makes."""


class Lacking(NamedTuple):
    """An allocation policy with all of its workers. Some of their types were not measured."""

    allocation: str
    workers: list[Worker]


def measure(
    setup: Setup, allocations: Iterable[str], measured: Measured, folder: Path, budget: Budget, watch: Watch
) -> dict[str, str]:
    """Measure until every type of worker of every allocation policy is known. The folder keeps the
    measurements.

    Each probe is a short real run on all workers of the policy that lacks most types, because
    neighbours slow each other down. When all these types are known, the policies are asked again:
    the measurements may change their workers. Returns why policies were left out, by their names.
    Raises HetschedError if nothing could be measured at all.
    """
    left_out: dict[str, str] = {}
    probes = _Probes(setup, measured, folder, budget, watch)
    while lacking := _lacking(measured, [name for name in allocations if name not in left_out]):
        while lacking:
            if budget.is_over(SHARE):
                return left_out | {one.allocation: f"not measured: {budget} was over before" for one in lacking}
            most = max(lacking, key=lambda one: _unknown_types(measured, one.workers))
            if (reason := probes.make(most)) is not None:
                left_out[most.allocation] = reason
            lacking = [one for one in lacking if one is not most and _unknown_types(measured, one.workers)]
    return left_out


class _Probes:
    """Makes probes, each in a folder of its own."""

    def __init__(self, setup: Setup, measured: Measured, folder: Path, budget: Budget, watch: Watch) -> None:
        self._setup = setup
        self._measured = measured
        self._folder = folder
        self._budget = budget
        self._watch = watch
        self._made: Counter[str] = Counter()

    def make(self, lacking: Lacking) -> str | None:
        """Measure on these workers. Returns why that is impossible. If nothing is known yet it
        raises HetschedError.

        The workers are those that the policy has made. Their pace is that of the scenario's own
        profile.
        """
        name, measured = lacking.allocation, self._measured
        if self._made[name] == MOST_PROBES:
            return f"makes other workers whenever more is known ({MOST_PROBES} probes)"
        self._made[name] += 1
        home = self._folder / PROBES / f"{self._made.total()}-{name}"
        frozen = replace(self._setup, frozen_workers={name: tuple(lacking.workers)})
        probing = measuring_scenario(frozen, len(lacking.workers), self._budget.left_s(SHARE))
        try:
            calibration = probe(probing, Strategy(name, MEASURE), home, self._watch, held=True)
            measured.add(calibration, slow_paces(self._setup, home))
        except HetschedError as error:
            if not measured.any:
                raise
            return f"could not be measured: {error}"
        measured.save(self._folder, cut_short=self._budget.is_over(SHARE))
        if _unknown_types(measured, lacking.workers):
            return f"not measured: not every type of its workers finished a segment in {home}"
        return None


def workers_to_measure(setup: Setup, allocation: str) -> list[Worker]:
    """The workers of an allocation policy. Raises InputError or PolicyError if it makes none that
    can be measured."""
    workers = setup.workers(Strategy(allocation, MEASURE))
    check_pace(workers)
    return workers


def _lacking(measured: Measured, allocations: Iterable[str]) -> list[Lacking]:
    """The policies that make workers of types that were not measured. A policy that makes none is
    left out."""
    found = []
    for name in allocations:
        try:
            workers = workers_to_measure(measured.setup, name)
        except (InputError, PolicyError):
            continue
        if _unknown_types(measured, workers):
            found.append(Lacking(name, workers))
    return found


def _unknown_types(measured: Measured, workers: Iterable[Worker]) -> int:
    """How many types of these workers were not measured, among those that some trial may use."""
    experiments = measured.setup.workload.experiments
    types = {
        worker.type.as_profiled
        for worker in workers
        if any(experiment.may_use(worker.device) for experiment in experiments)
    }
    return sum(not measured.knows(one) for one in types)
