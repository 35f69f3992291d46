"""The start-ups of a run that began at one time, and how they slowed each other down."""

from collections import defaultdict

from hetsched.core.events import SIMULATED, Event, RunStarted, SegmentEnded, SegmentStarted
from hetsched.core.state import State
from hetsched.domain.cluster import WorkerId
from hetsched.domain.start_ups import core_places, slowdowns


class StartsAtOnce:
    """Follows the log of a real run whose nodes are all on one host of `host_cores` cores.

    In a simulation, and without `host_cores`, no start-up slows another down.
    """

    def __init__(self, host_cores: int | None) -> None:
        self.host_cores = host_cores
        self._cold: defaultdict[float, set[WorkerId]] = defaultdict(set)

    def see(self, event: Event, state: State) -> None:
        """Note an event. `state` is the state before the event."""
        if isinstance(event, RunStarted) and event.backend == SIMULATED:
            self.host_cores = None
        elif isinstance(event, SegmentStarted):
            self._cold[event.time] |= {worker for worker in event.workers if worker not in state.in_memory}

    def slowdown(self, ended: SegmentEnded, state: State) -> float:
        """The factor by which the start-up of a segment took longer. `state` is the state before
        its end."""
        if self.host_cores is None or ended.parts.start_up_s <= 0:
            return 1.0
        at_once = self._cold[state.running[ended.trial].time] & state.workers.keys() | {ended.worker}
        return slowdowns(at_once, core_places(state.workers.values(), self.host_cores), self.host_cores)[ended.worker]
