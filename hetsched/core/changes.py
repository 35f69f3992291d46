"""Which trials have changed since somebody last looked."""

from hetsched.domain.workload import TrialId


class Changes:
    """The trials in the order of their last changes. `count` is the number of changes so far.

    A dict in the order of its insertions: a change takes O(1) steps, and asking takes one step per trial that changed.
    Its size is that of the trials, however long the run is.
    """

    def __init__(self) -> None:
        self.count = 0
        self._numbers: dict[TrialId, int] = {}

    def note(self, trial: TrialId) -> None:
        """The trial has changed."""
        self._numbers.pop(trial, None)
        self.count += 1
        self._numbers[trial] = self.count

    def since(self, count: int) -> list[TrialId]:
        """The trials that changed after the change of this number, each once, in the order of their last changes."""
        found = []
        for trial, number in reversed(self._numbers.items()):
            if number <= count:
                break
            found.append(trial)
        found.reverse()
        return found
