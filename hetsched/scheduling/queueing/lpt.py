"""Longest processing time first."""

from collections.abc import Iterable

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.queueing.processing_time import serve_by_processing_time


@register("lpt")
class LongestProcessingTimeFirst:
    """The trial with the longest time left to train, on the fastest free worker, an interval at a
    time.

    It takes the waiting trial j with the greatest R_j / s_jw, remaining iterations divided by
    iterations per second, on the free worker w that is fastest for it. Long jobs come first, so
    that short ones even out the end. On m equal machines the makespan is at most 4/3 - 1/(3m) times
    the optimum (Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM J. Applied Mathematics
    1969). The bound is for whole jobs. Here the rule is applied again at every interval, to the
    work that is left. Unknown speeds are tried.
    """

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve_by_processing_time(state, longest=True)
