"""First in, first out."""

from collections.abc import Iterable

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.queueing.in_order import serve


@register("fifo")
class Fifo:
    """The trial that was added first, an interval at a time. So trials are completed one after
    another."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve(state, state.ready_by_arrival)
