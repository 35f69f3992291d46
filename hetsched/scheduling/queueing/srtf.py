"""Shortest remaining time first."""

from collections.abc import Iterable

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.queueing.processing_time import serve_by_processing_time


@register("srtf")
class ShortestRemainingTimeFirst:
    """The trial that would be done soonest, on the fastest free worker, an interval at a time.

    The pair of a waiting trial j and a free worker w with the least R_j / s_jw: remaining iterations by iterations per
    second. On one machine shortest-remaining-processing-time is optimal for the mean completion time (Schrage, "A Proof
    of the Optimality of the Shortest Remaining Processing Time Discipline", Operations Research 1968); on several it
    is the reference that assumes known durations (Tiresias, NSDI'19, section 2). A shorter trial that arrives waits for
    the end of a segment. Speeds that are unknown are tried.
    """

    preempts_at_checkpoints = True

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve_by_processing_time(state, longest=False)
