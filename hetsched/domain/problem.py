"""The scheduling problem: what there is to train, on which machines, how fast, and what a run is measured against."""

from msgspec import Struct

from hetsched.domain.cluster import ClusterSpec
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


class Problem(Struct, frozen=True, kw_only=True):
    """An instance of the problem that schedulers solve.

    `times` are the profile's, with all costs. `target_accuracy` is in 0..1 (None: each experiment's `stop_accuracy`),
    `deadline_s` in seconds since the start of the run (None: there is none).
    """

    cluster: ClusterSpec
    workload: Workload
    times: StepTimes
    target_accuracy: float | None = None
    deadline_s: float | None = None
