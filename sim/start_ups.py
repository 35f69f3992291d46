"""Start-ups on one host. Those that begin at one time share its cores."""

from collections.abc import Iterable
from itertools import takewhile

from hetsched.core.state import State
from hetsched.domain.cluster import Worker
from hetsched.domain.start_ups import core_places, slowdowns
from hetsched.domain.workload import TrialId


class StartUps:
    """The factor by which a start-up is longer than the profile's start-up of a worker that starts
    alone.

    Start-ups that begin at one time slow each other down, as all do at the beginning of a run. See
    `hetsched.domain.start_ups`.
    """

    def __init__(self, state: State, workers: Iterable[Worker], host_cores: int) -> None:
        self._state = state
        self._host_cores = host_cores
        self._places = core_places(workers, host_cores)

    def factor(self, trial: TrialId) -> float:
        """The factor for the segment of the trial, which has just begun: a gang waits for the slowest
        of its start-ups."""
        state, segment = self._state, self._state.running[trial]
        starting = {
            worker
            for other in takewhile(lambda other: other.time == segment.time, reversed(state.running.values()))
            for worker in other.workers
            if worker not in state.in_memory
        }
        slowed = slowdowns(starting, self._places, self._host_cores)
        return max(slowed[worker] for worker in segment.workers if worker in starting)
