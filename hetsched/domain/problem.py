"""The scheduling problem: the experiments, the machines, the step times, and the goals that a run
is measured by."""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from hetsched.domain.cluster import ClusterSpec, NodeId
from hetsched.domain.profiles import StepTimes
from hetsched.domain.segment_costs import SegmentCosts
from hetsched.domain.workload import Experiment, Workload


class Problem(Struct, frozen=True, kw_only=True):
    """An instance of the problem that schedulers solve.

    `times` come from the profile, with all costs. `target_score` is a value of the metric (None:
    each experiment's `stop_score`). `deadline_s` is in seconds since the start of the run. `budget`
    is in the unit of the nodes' prices. None: there is no deadline, or no budget. `costs` are the
    costs of segments beside training (None: nothing). `late_s` has the seconds at which nodes join
    that are not there at the start.
    """

    cluster: ClusterSpec
    workload: Workload
    times: StepTimes
    target_score: float | None = None
    deadline_s: float | None = None
    budget: float | None = None
    costs: SegmentCosts | None = None
    late_s: Mapping[NodeId, float] = field(default_factory=dict)

    def costs_of(self, experiments: Iterable[Experiment]) -> SegmentCosts | None:
        """The costs of segments beside training in a run that has exactly these experiments."""
        return None if self.costs is None else self.costs.of(experiments)
