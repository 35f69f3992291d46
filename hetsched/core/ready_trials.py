"""The trials that could run now, in the order of their progress."""

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hetsched.core.changes import Changes

if TYPE_CHECKING:
    from hetsched.core.trial import Trial

MOST_TAKEN = 500


class ReadyTrials(Sequence["Trial"]):
    """Trials by iterations, and trials of equal iterations by index. Only the state changes the
    collection.

    It is a flat sorted array with a list beside it. Finding a place takes O(log n) steps. An
    insertion moves all later entries in one block copy. Up to about ten thousand trials, the number
    that clusters have, that costs less than a tree would. Most trials are taken from the front.
    There nothing moves until `MOST_TAKEN` of them are gone.

    The order of arrival is kept, too, after the first call that asks for it. `changes` notes every
    trial that is added, taken or replaced.
    """

    def __init__(self) -> None:
        self.changes = Changes()
        self._trials: list[Trial] = []
        self._places = array("q")  # iterations and index as one number, which compares faster than a tuple
        self._taken = 0
        self._indices: list[int] | None = None
        self._by_index: dict[int, Trial] = {}
        self._turns: dict[int, int] = {}
        self._added = 0

    @property
    def by_arrival(self) -> "Iterator[Trial]":
        """The same trials, by index."""
        if self._indices is None:
            self._by_index = {trial.index: trial for trial in self}
            self._indices = sorted(self._by_index)
        return map(self._by_index.__getitem__, self._indices)

    def turn(self, trial: "Trial") -> int:
        """A number that grows in the order in which trials became ready, or had their counts
        changed."""
        return self._turns[trial.index]

    def first_come(self) -> "list[Trial]":
        """The same trials by iterations, and trials of equal iterations in the order in which they
        were added."""
        return sorted(self, key=lambda trial: (trial.iterations, self._turns[trial.index]))

    def add(self, trial: "Trial") -> None:
        self._turns[trial.index] = self._added = self._added + 1
        place = (trial.iterations << 32) + trial.index
        at = bisect_left(self._places, place, self._taken)
        self._places.insert(at, place)
        self._trials.insert(at, trial)
        self.changes.note(trial.id)
        if self._indices is not None:
            insort(self._indices, trial.index)
            self._by_index[trial.index] = trial

    def take(self, trial: "Trial") -> None:
        """The trial is ready no more. Raises LookupError if it was not ready."""
        first, trials = self._taken, self._trials
        if first == len(trials) or trials[first] is not trial:
            at = self._find(trial)
            del self._places[at], trials[at]
        elif first < MOST_TAKEN:
            self._taken = first + 1
        else:
            del self._places[: first + 1], trials[: first + 1]
            self._taken = 0
        self.changes.note(trial.id)
        if self._indices is not None:
            del self._indices[bisect_left(self._indices, trial.index)], self._by_index[trial.index]

    def replace(self, trial: "Trial") -> None:
        """The trial has changed; its iterations are the same. Raises LookupError if it is not
        ready."""
        self._trials[self._find(trial)] = trial
        self.changes.note(trial.id)
        if self._indices is not None:
            self._by_index[trial.index] = trial

    def _find(self, trial: "Trial") -> int:
        place = (trial.iterations << 32) + trial.index
        at = bisect_left(self._places, place, self._taken)
        if at == len(self._places) or self._places[at] != place:
            raise LookupError(f"trial {trial.id!r} is not ready with {trial.iterations} iterations")
        return at

    def __len__(self) -> int:
        return len(self._trials) - self._taken

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        if isinstance(place, slice):
            return self._trials[self._taken :][place]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._trials[place + self._taken if place >= 0 else place]

    def __iter__(self) -> "Iterator[Trial]":
        return map(self._trials.__getitem__, range(self._taken, len(self._trials)))

    def __repr__(self) -> str:
        return f"ReadyTrials({list(self)})"
