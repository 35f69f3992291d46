"""Orders that a view keeps from decision to decision, for policies that ask for them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

from hetsched.core.kept_orders import KeptGroups, KeptOrder, Place
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.core.worker_pool import ByType, Ranked, Ranking, Speed, Turn
from hetsched.domain.cluster import WorkerType

GroupOf = Callable[[Any, Trial], Hashable]
PlaceOf = Callable[[Any, Trial], Place]
"""Both are called with the policy's view. Its type is not named here, as the module of the view
imports this one."""


class Kept:
    """Orders of the ready trials and of the idle workers. An order is made when it is first asked
    for. Later calls update it by what has changed since the call before."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._groups: dict[tuple[GroupOf, PlaceOf], KeptGroups] = {}
        self._rankings: dict[Hashable, Ranking] = {}

    def groups(self, view: object, group: GroupOf, place: PlaceOf) -> Mapping[Hashable, KeptOrder]:
        key = (group, place)
        if key not in self._groups:
            self._groups[key] = KeptGroups(self._state, group, place)
        return self._groups[key].up_to_date(view)

    def ranking(self, alike: Hashable, speed: Speed) -> Sequence[Ranked]:
        if alike not in self._rankings:
            self._rankings[alike] = Ranking(self._state.idle)
        return self._rankings[alike].up_to_date(speed)

    def idle_by_type(self) -> Mapping[WorkerType, Mapping[str, Turn]]:
        return self._idle.up_to_date()

    @cached_property
    def _idle(self) -> ByType:
        return ByType(self._state.idle)
