"""The least costs of segments beside training. Bounds add them to the step times."""

from collections.abc import Iterable

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment, TrialKind


class SegmentCosts:
    """The costs that no policy can avoid, by the profile's means.

    Every segment pays for evaluation, checkpoint, the latency of its messages, and the driver's
    time `dispatch_s`. Its workers wait for all of them. Restores are left out: a trial that stays
    on its worker has none.
    """

    def __init__(
        self,
        times: StepTimes,
        experiments: Iterable[Experiment] = (),
        *,
        in_memory: bool = False,
        latency_s: float = 0.0,
        dispatch_s: float = 0.0,
    ) -> None:
        """`times` has the costs that a run pays. With `in_memory` a segment ends when its
        checkpoint is in the memory of its node. `experiments` are all experiments of the run."""
        self.dispatch_s = dispatch_s
        self._times = times
        self._experiments = tuple(experiments)
        self._in_memory = in_memory
        self._latency_s = latency_s
        self._warm_s: dict[WorkerType, float] = {}

    def of(self, experiments: Iterable[Experiment]) -> "SegmentCosts":
        """The same costs for a run that has exactly these experiments."""
        return SegmentCosts(
            self._times,
            experiments,
            in_memory=self._in_memory,
            latency_s=self._latency_s,
            dispatch_s=self.dispatch_s,
        )

    def segment_s(self, kind: TrialKind, worker: WorkerType, evaluation_images: int) -> float:
        """Seconds that a segment of the kind occupies a worker of this type after its iterations.
        For a gang, the type is the gang's. Costs before the iterations are not included."""
        costs = self._times.costs(kind, worker)
        save_s = costs.object_store_save_s if self._in_memory else costs.checkpoint_s
        return evaluation_images * costs.evaluation_s_per_image + save_s + self._latency_s + self.dispatch_s

    def warm_s(self, worker: WorkerType) -> float:
        """Seconds since the start of the run before which no worker of this type trains.

        1. The first segment of a worker starts the worker up.
        2. A gang starts up unless all of its workers are warm. If they are warm, other first
           segments on workers of the same type have started them up before.
        3. So some first segment on the type comes before all training on the type, and it starts a
           worker up.
        4. It pays at least the least start-up of any kind of trial that may run there, after the
           arrival of such a trial.
        """
        if worker not in self._warm_s:
            self._warm_s[worker] = min(
                (
                    experiment.arrival_s + self._times.costs(kind, worker.gang(experiment.gang)).start_up_s
                    for experiment in self._experiments
                    if experiment.may_use(worker.device)
                    for kind in experiment.kinds
                    if self._times.seconds_per_iteration(kind, worker.gang(experiment.gang)) is not None
                ),
                default=0.0,
            )
        return self._warm_s[worker]
