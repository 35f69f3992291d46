"""The workers of each type."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hetsched.domain.cluster import Worker, WorkerId, WorkerType

if TYPE_CHECKING:
    from hetsched.core.state import State


class WorkersByType:
    """The workers that may get work, by type. The mapping is the same object until a worker comes
    or leaves.

    Types come in the order of their first workers, workers in the order in which they joined.
    """

    def __init__(self) -> None:
        self._as_of = -1
        self._found: Mapping[WorkerType, Mapping[WorkerId, Worker]] = {}

    def of(self, state: "State") -> Mapping[WorkerType, Mapping[WorkerId, Worker]]:
        if self._as_of != state.comings_and_goings:
            self._as_of = state.comings_and_goings
            found: dict[WorkerType, dict[WorkerId, Worker]] = {}
            for worker in state.serving.values():
                found.setdefault(worker.type, {})[worker.id] = worker
            self._found = MappingProxyType({name: MappingProxyType(alike) for name, alike in found.items()})
        return self._found
