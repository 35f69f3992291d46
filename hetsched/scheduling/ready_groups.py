"""The ready trials in groups, each in an order of the policy's own, kept from call to call."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from sortedcontainers import SortedDict

from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.workload import TrialId

Group = TypeVar("Group")
Key = TypeVar("Key")


class ReadyGroups(Generic[Group, Key]):
    """The ready trials by `group`, those of a group by `key`: sorted once, then mended by the trials that changed.

    `group` and `key` say of a trial in which group it is, and where in it. Their answers may change only when the trial
    does. No two trials may have the same key: let keys end with `Trial.index`. A call takes O(log n) steps per trial
    that has changed since the last call, for n trials.
    """

    def __init__(self, group: Callable[[StateView, Trial], Group], key: Callable[[StateView, Trial], Key]) -> None:
        self._group, self._key = group, key
        self._state: StateView | None = None
        self._changes = 0
        self._places: dict[TrialId, tuple[Group, Key]] = {}
        self._groups: dict[Group, SortedDict[Key, Trial]] = {}

    def of(self, state: StateView) -> Mapping[Group, "SortedDict[Key, Trial]"]:
        """The groups that have trials, each the trials by key, the least key first. Valid until the next call."""
        if state is not self._state:
            self._state, self._changes = state, 0
            self._places, self._groups = {}, {}
        for trial in state.changed_since(self._changes):
            self._take_out(trial.id)
            if state.is_ready(trial):
                self._put_in(trial, self._group(state, trial), self._key(state, trial))
        self._changes = state.changes
        return self._groups

    def _take_out(self, trial: TrialId) -> None:
        place = self._places.pop(trial, None)
        if place is not None:
            group, key = place
            del self._groups[group][key]
            if not self._groups[group]:
                del self._groups[group]

    def _put_in(self, trial: Trial, group: Group, key: Key) -> None:
        self._places[trial.id] = group, key
        if group not in self._groups:
            self._groups[group] = SortedDict()
        self._groups[group][key] = trial
