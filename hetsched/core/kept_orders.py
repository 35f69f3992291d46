"""Orders that are kept from decision to decision, so that a policy need not sort at every
decision."""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hetsched.domain.workload import TrialId

if TYPE_CHECKING:
    from hetsched.core.state import State
    from hetsched.core.trial import Trial

Place = tuple[Any, ...]
"""The key that a trial is sorted by. No two trials have equal keys: the last part may be
`Trial.index`."""


class KeptOrder(Sequence["Trial"]):
    """Trials sorted by their places, least first. Reading the first of n trials takes one step. A
    change takes O(log n) steps, and moves all later trials in one block copy."""

    def __init__(self, trials: "Mapping[TrialId, Trial]") -> None:
        self._trials = trials
        self._sorted: list[tuple[Place, TrialId]] = []
        self._places: dict[TrialId, Place] = {}

    def put(self, trial: "Trial", place: Place) -> None:
        """Set the trial's place, whether it had a place before or not."""
        self.drop(trial.id)
        self._places[trial.id] = place
        insort(self._sorted, (place, trial.id))

    def drop(self, name: TrialId) -> None:
        """Take the trial out of the order, if it is in the order. Raises ValueError if its place
        cannot be ordered, such as one with nan."""
        place = self._places.pop(name, None)
        if place is not None:
            at = bisect_left(self._sorted, (place, name))
            if at == len(self._sorted) or self._sorted[at][1] != name:
                raise ValueError(f"the places of trials cannot be ordered, such as {place} of {name}: is one nan?")
            del self._sorted[at]

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
    """Trials in groups, each group in its order. A group without trials has no entry.

    `group` and `place` are called with the policy's view and the trial.
    """

    def __init__(
        self,
        state: "State",
        group: "Callable[[Any, Trial], Hashable]",
        place: "Callable[[Any, Trial], Place]",
    ) -> None:
        self._orders: dict[Hashable, KeptOrder] = {}
        self._state = state
        self._seen = 0
        self._group = group
        self._place = place
        self._groups: dict[TrialId, Hashable] = {}

    def up_to_date(self, view: object) -> Mapping[Hashable, KeptOrder]:
        """The groups, after all changes since the last call."""
        changes = self._state.changes
        for name in changes.since(self._seen):
            trial = self._state.trials[name]
            if self._state.is_ready(trial):
                self._put(view, trial)
            else:
                self._leave(name)
        self._seen = changes.count
        return self._orders

    def _put(self, view: object, trial: "Trial") -> None:
        group = self._group(view, trial)
        if self._groups.get(trial.id, group) != group:
            self._leave(trial.id)
        if group not in self._orders:
            self._orders[group] = KeptOrder(self._state.trials)
        self._orders[group].put(trial, self._place(view, trial))
        self._groups[trial.id] = group

    def _leave(self, name: TrialId) -> None:
        if name in self._groups:
            group = self._groups.pop(name)
            self._orders[group].drop(name)
            if not self._orders[group]:
                del self._orders[group]
