"""Shortest remaining time first."""

from collections.abc import Iterable

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.queueing.processing_time import serve_by_processing_time


@register("srtf")
class ShortestRemainingTimeFirst:
    """The trial that would be done soonest, on the fastest free worker, an interval at a time.

    It takes the pair of a waiting trial j and a free worker w with the least R_j / s_jw: remaining
    iterations divided by iterations per second. A shorter trial that arrives waits for the end of a
    segment. Unknown speeds are tried.

    On one machine shortest-remaining-processing-time is optimal for the mean completion time
    (Schrage, "A Proof of the Optimality of the Shortest Remaining Processing Time Discipline",
    Operations Research 1968). On several machines it is the reference that assumes known durations
    (Tiresias, NSDI'19, section 2).
    """

    preempts_at_checkpoints = True

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve_by_processing_time(state, longest=False)
