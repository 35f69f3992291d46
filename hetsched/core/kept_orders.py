"""Orders that are kept from decision to decision, so that a policy need not sort at every one."""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hetsched.domain.workload import TrialId

if TYPE_CHECKING:
    from hetsched.core.trial import Trial

Place = tuple[Any, ...]
"""What a trial is sorted by. No two trials have the same place: its last part is `Trial.index`, say."""

T = TypeVar("T")


class Changes(dict[str, T | None], Generic[T]):
    """What became of the members of a collection since somebody last looked: the newest by name, None for one that is
    gone. Those that changed last come last."""

    def note(self, name: str, what: T | None) -> None:
        self.pop(name, None)
        self[name] = what

    def drained(self) -> dict[str, T | None]:
        """The changes, which are then forgotten."""
        found = dict(self)
        self.clear()
        return found


class KeptOrder(Sequence["Trial"]):
    """Trials by their places, least first. Reading the first of n trials takes one step; a change takes O(log n) steps
    and moves those behind it up in one stroke."""

    def __init__(self, trials: "Mapping[TrialId, Trial]") -> None:
        self._trials = trials
        self._sorted: list[tuple[Place, TrialId]] = []
        self._places: dict[TrialId, Place] = {}

    def put(self, trial: "Trial", place: Place) -> None:
        """The trial has this place now, whether it had another one or none."""
        self.drop(trial.id)
        self._places[trial.id] = place
        insort(self._sorted, (place, trial.id))

    def drop(self, name: str) -> None:
        """The trial is gone, if it was there."""
        place = self._places.pop(TrialId(name), None)
        if place is not None:
            del self._sorted[bisect_left(self._sorted, (place, name))]

    def __contains__(self, trial: object) -> bool:
        return getattr(trial, "id", None) in self._places

    def __len__(self) -> int:
        return len(self._sorted)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        if isinstance(at, slice):
            return [self._trials[name] for _, name in self._sorted[at]]
        return self._trials[self._sorted[at][1]]

    def __iter__(self) -> "Iterator[Trial]":
        return (self._trials[name] for _, name in self._sorted)


class KeptGroups:
    """Trials in groups, each group in its order. A group without trials is not there.

    `group` and `place` are asked with the policy's view and the trial.
    """

    def __init__(
        self,
        trials: "Mapping[TrialId, Trial]",
        changes: "Changes[Trial]",
        group: "Callable[[Any, Trial], Hashable]",
        place: "Callable[[Any, Trial], Place]",
    ) -> None:
        self._orders: dict[Hashable, KeptOrder] = {}
        self._trials = trials
        self._changes = changes
        self._group = group
        self._place = place
        self._groups: dict[str, Hashable] = {}

    def up_to_date(self, state: object) -> Mapping[Hashable, KeptOrder]:
        """The groups now that all changes are taken into account."""
        if self._changes:
            for name, trial in self._changes.drained().items():
                if trial is None:
                    self._leave(name)
                else:
                    self._put(state, trial)
        return self._orders

    def _put(self, state: object, trial: "Trial") -> None:
        group = self._group(state, trial)
        if self._groups.get(trial.id, group) != group:
            self._leave(trial.id)
        if group not in self._orders:
            self._orders[group] = KeptOrder(self._trials)
        self._orders[group].put(trial, self._place(state, trial))
        self._groups[trial.id] = group

    def _leave(self, name: str) -> None:
        if name in self._groups:
            group = self._groups.pop(name)
            self._orders[group].drop(name)
            if not self._orders[group]:
                del self._orders[group]
