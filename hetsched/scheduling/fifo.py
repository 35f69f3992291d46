"""First in, first out."""

from collections.abc import Iterable

from hetsched.scheduling import register
from hetsched.scheduling.in_order import serve
from hetsched.scheduling.policy import Dispatch
from hetsched.view import StateView


@register("fifo")
class Fifo:
    """The trial that was added first, an interval at a time, so that trials are worked off one after the other."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve(state, state.ready_by_arrival)
