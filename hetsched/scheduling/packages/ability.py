"""Abilities: how many trials of a population a worker gets by its speed, and which workers GPA
retires."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.rounding import level, rounded
from hetsched.domain.workload import Experiment

SPARED = 9
"""GPA retires no worker if there are at most this many. If there are more, it retires at most this
many."""


UNKNOWN = 1.0
"""The score of a worker of which nothing is known, if no known score is less."""


def scores_of(times: StepTimes, experiment: Experiment, workers: Sequence[Worker]) -> list[float]:
    """The workers' scores: the samples that each one trains per second by the profile, as the mean
    over the kinds of trial."""
    found = [_samples_per_second(times, experiment, worker) for worker in workers]
    unknown = min([UNKNOWN, *(score for score in found if score is not None)])
    return [unknown if score is None else score for score in found]


def _samples_per_second(times: StepTimes, experiment: Experiment, worker: Worker) -> float | None:
    seconds = {kind: times.seconds_per_iteration(kind, worker.type) for kind in experiment.kinds}
    known = [kind.batch_size / found for kind, found in seconds.items() if found is not None]
    return fmean(known) if known else None


def abilities(scores: Mapping[WorkerId, float], population: int) -> dict[WorkerId, int]:
    """How many trials of a population each worker gets, by its score. Equal workers come in the
    order of the mapping. Empty: all workers have left.

    >>> a, b, c = WorkerId("a"), WorkerId("b"), WorkerId("c")
    >>> abilities({a: 100.0, b: 300.0}, 10)
    {'a': 3, 'b': 7}
    >>> abilities({a: 100.0, b: 300.0, c: 200.0}, 2)
    {'a': 0, 'b': 1, 'c': 1}
    """
    fastest = sorted(scores, key=lambda worker: -scores[worker])
    if not scores or population < len(scores):
        return {worker: int(worker in fastest[:population]) for worker in scores}
    spread, total = population - len(scores), sum(scores.values())
    found = {worker: 1 + round(rounded(score / total * spread)) for worker, score in scores.items()}
    return _mended(found, fastest, population)


def _mended(found: dict[WorkerId, int], fastest: Sequence[WorkerId], population: int) -> dict[WorkerId, int]:
    """Abilities whose sum is the population. Missing trials go to the fastest workers in turn.
    Surplus ones are taken from the slowest workers that have more than 1."""
    while (missing := population - sum(found.values())) > 0:
        for worker in fastest[:missing]:
            found[worker] += 1
    while (surplus := sum(found.values()) - population) > 0:
        for worker in [worker for worker in reversed(fastest) if found[worker] > 1][:surplus]:
            found[worker] -= 1
    return found


def candidates(able: Mapping[WorkerId, int]) -> list[WorkerId]:
    """The workers that GPA retires: of more than 9 workers, the 9 of least ability above 0. At
    least one worker stays.

    Of workers with equal ability, those that come first in the mapping are retired first.
    """
    if len(able) <= SPARED:
        return []
    working = sorted((worker for worker in able if able[worker] > 0), key=lambda worker: able[worker])
    return working[: min(SPARED, len(working) - 1)]


class Abilities:
    """The abilities of the present workers, by experiment. They are computed again when workers
    come or go."""

    def __init__(self) -> None:
        self.times = StepTimes()
        self._workers: Mapping[WorkerType, Mapping[WorkerId, Worker]] = {}
        self._known: dict[str, dict[WorkerId, int]] = {}

    def of(self, state: StateView, experiment: Experiment) -> Mapping[WorkerId, int]:
        """The abilities of the workers on which trials of the experiment may run. Of workers with
        equal ability, slower ones come first."""
        self._look(state)
        known = self._known.get(experiment.id)
        if known is None:
            known = self._known[experiment.id] = self._measured(state, experiment)
        return known

    def _look(self, state: StateView) -> None:
        """Forget what no longer holds: workers have come or gone."""
        if state.workers_by_type is not self._workers:
            self._workers = state.workers_by_type
            self._known.clear()

    def _measured(self, state: StateView, experiment: Experiment) -> dict[WorkerId, int]:
        able = [
            worker
            for worker in state.workers.values()
            if any(state.runs(experiment, kind, worker) for kind in experiment.kinds)
        ]
        levelled = level(scores_of(self.times, experiment, able))
        scores = {worker.id: score for worker, score in zip(able, levelled, strict=True)}
        found = abilities(scores, experiment.population)
        return {worker: found[worker] for worker in sorted(found, key=lambda worker: scores[worker])}
