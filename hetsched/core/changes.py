"""Which trials have changed since somebody last looked."""

from hetsched.domain.workload import TrialId


class Changes:
    """The trials in the order of their last changes. `count` is the number of changes so far.

    The trials are in a dict, in the order of insertion. Noting a change takes O(1) steps; asking
    takes one step per trial that changed. The dict has at most one entry per trial, however long
    the run is.
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
        """The trials that changed after the change of this number, each once, in the order of their
        last changes."""
        found = []
        for trial, number in reversed(self._numbers.items()):
            if number <= count:
                break
            found.append(trial)
        found.reverse()
        return found
