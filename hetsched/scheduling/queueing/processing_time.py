"""Serving trials by the time that they still need, on the fastest free worker: what `srtf` and `lpt` share."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heapify, heappop

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.scheduling.free_workers import FreeWorkers

Ranking = deque[tuple[float, Worker]]
"""Free workers with their seconds per iteration, the fastest first; those of unknown speed count as 0."""


def serve_by_processing_time(state: StateView, longest: bool) -> Iterator[Dispatch]:
    """One trial after the other starts on the free worker that is fastest for it, for an interval.

    The time of a trial j is R_j / s_jw: its remaining iterations by their number per second on that worker w. The
    trial of the shortest time is first (or of the `longest`); ties by `Trial.index`, then the longest idle worker. A
    worker of unknown speed counts as the fastest, so that it is tried; of the trials that could try it, the one with
    the fewest (or most) remaining iterations comes first.
    """
    free = FreeWorkers(state)
    queues = [_Queue(state, trials, free) for trials in _alike(state, longest)]
    while queues := [queue for queue in queues if queue.can_run(free)]:
        chosen = min(queues, key=lambda queue: queue.place(longest))
        worker = chosen.fastest
        team = free.team(chosen.head, worker)
        if team:
            yield free.start(chosen.head, team, state.interval(chosen.head))
            chosen.advance()
        else:
            free.hold(worker.type)
            queues.remove(chosen)


class _Queue:
    """Trials that differ in nothing but their remaining iterations, so that their order is the same on all workers."""

    def __init__(self, state: StateView, trials: Iterator[Trial], free: FreeWorkers) -> None:
        self.head = next(trials)
        self._state = state
        self._trials = trials
        self._exhausted = False
        suited = (worker for worker in free if free.suits(self.head, worker))
        seconds = [(state.seconds_per_iteration(self.head, worker) or 0.0, worker) for worker in suited]
        self._ranking: Ranking = deque(sorted(seconds, key=lambda pair: pair[0]))

    @property
    def fastest(self) -> Worker:
        return self._ranking[0][1]

    def advance(self) -> None:
        following = next(self._trials, None)
        self._exhausted = following is None
        self.head = following or self.head

    def can_run(self, free: FreeWorkers) -> bool:
        while self._ranking and self.fastest not in free:
            self._ranking.popleft()
        return bool(self._ranking) and not self._exhausted

    def place(self, longest: bool) -> tuple[bool, float, int]:
        """The place of the head among the heads: least first."""
        seconds = self._ranking[0][0]
        time = self._state.remaining(self.head) * (seconds or 1.0)
        return seconds > 0, -time if longest else time, self.head.index


def _alike(state: StateView, longest: bool) -> list[Iterator[Trial]]:
    """The ready trials, those together whose segments take the same time everywhere, in the order of serving."""
    experiments = list(state.experiments.values())
    if len(experiments) == 1 and len(experiments[0].kinds) == 1 and state.ready_trials:
        return [iter(state.ready_trials) if longest else _most_advanced_first(state.ready_trials)]
    alike: dict[object, list[tuple[int, int, Trial]]] = {}
    for trial in state.ready_trials:
        experiment, remaining = state.experiment(trial), state.remaining(trial)
        place = (-remaining if longest else remaining, trial.index, trial)
        alike.setdefault((trial.kind, experiment.gang, experiment.devices), []).append(place)
    return [_in_order(places) for places in alike.values()]


def _in_order(places: list[tuple[int, int, Trial]]) -> Iterator[Trial]:
    heapify(places)
    while places:
        yield heappop(places)[-1]


def _most_advanced_first(trials: Sequence[Trial]) -> Iterator[Trial]:
    """Trials that come least advanced first, the other way round; ties by index all the same."""
    end = len(trials)
    while end:
        start = bisect_left(trials, trials[end - 1].iterations, hi=end, key=lambda trial: trial.iterations)
        for place in range(start, end):
            yield trials[place]
        end = start
