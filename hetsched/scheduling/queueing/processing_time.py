"""Serving trials by the time that they still need, on the fastest free worker: the common part of
`srtf` and `lpt`."""

from collections.abc import Iterator

from hetsched.core.decisions import Dispatch
from hetsched.core.kept_orders import KeptOrder, Place
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.domain.rounding import rounded
from hetsched.scheduling.free_workers import FreeWorkers


def serve_by_processing_time(state: StateView, longest: bool) -> Iterator[Dispatch]:
    """One trial after another starts on the free worker that is fastest for it, for an interval.

    The time of a trial j is R_j / s_jw: its remaining iterations divided by iterations per second
    on worker w. The trial with the shortest time is first (or the `longest`). Times that are equal
    but for rounding errors tie. Ties are decided by `Trial.index`, then by the longest idle worker.
    Workers tie if their step times are equal to the
    last bit; measured ones may differ there. A worker of unknown speed counts as the fastest, so
    that it is tried. Of the trials that could try it, the trial with the fewest (or most)
    remaining iterations comes first.
    """
    free = FreeWorkers(state)
    groups = state.grouped(StateView.alike, _longest if longest else _shortest)
    queues = [_Queue(state, trials) for trials in groups.values()]
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


def _shortest(state: StateView, trial: Trial) -> Place:
    return state.remaining(trial), trial.index


def _longest(state: StateView, trial: Trial) -> Place:
    return -state.remaining(trial), trial.index


class _Queue:
    """Trials that differ only in their remaining iterations, so that their order is the same on all
    workers."""

    def __init__(self, state: StateView, trials: KeptOrder) -> None:
        self._state = state
        self._trials = iter(trials)
        self.head = next(self._trials)
        self._exhausted = False
        self._ranking = state.ranking(self.head)
        self._at = 0

    @property
    def fastest(self) -> Worker:
        return self._ranking[self._at][-1]

    def advance(self) -> None:
        following = next(self._trials, None)
        self._exhausted = following is None
        self.head = following or self.head

    def can_run(self, free: FreeWorkers) -> bool:
        """Whether a trial is left, and a free worker suits it. Workers that are not free or do not
        suit are skipped."""
        if self._exhausted:
            return False
        while self._at < len(self._ranking) and not self._is_free(free):
            self._at += 1
        return self._at < len(self._ranking)

    def _is_free(self, free: FreeWorkers) -> bool:
        return self.fastest in free and free.suits(self.head, self.fastest)

    def place(self, longest: bool) -> tuple[bool, float, int]:
        """The place of the head among the heads: least first."""
        seconds = self._ranking[self._at][0]
        time = rounded(self._state.remaining(self.head) * (seconds or 1.0))
        return seconds > 0, -time if longest else time, self.head.index
