"""Costs of a segment that no profile has: their means in the run so far."""

from msgspec.structs import replace

from hetsched.core.state import State
from hetsched.domain.profiles import Costs


class LearntCosts:
    """The mean seconds of a restore in this run, start-up included, and of a segment's checkpoint
    and dispatch.

    A mean is 0 before the first restore or segment. The means are computed again if a segment has
    ended since the last call.
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._counted = 0
        self._restore_s = self._checkpoint_s = 0.0

    def filled_in(self, costs: Costs) -> Costs:
        """The costs, with the learnt seconds of a restore and of a checkpoint."""
        if self._counted != self._state.segments:
            self._count()
        return replace(costs, restore_s=self._restore_s, checkpoint_s=self._checkpoint_s)

    def _count(self) -> None:
        all_trained = [one for of_worker in self._state.trained.values() for one in of_worker.values()]
        restores = sum(one.restores for one in all_trained)
        self._restore_s = sum(one.restore_s for one in all_trained) / restores if restores else 0.0
        segments = sum(one.segments for one in all_trained)
        self._checkpoint_s = sum(one.beside_s for one in all_trained) / segments if segments else 0.0
        self._counted = self._state.segments
