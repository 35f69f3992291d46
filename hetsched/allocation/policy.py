"""The interface of allocation policies."""

from typing import Protocol, runtime_checkable

from hetsched.domain.cluster import ClusterSpec, Worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


@runtime_checkable
class AllocationPolicy(Protocol):
    """Divides nodes into workers. No core and no share of a GPU may be in two workers."""

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]: ...
