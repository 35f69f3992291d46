"""How fast a worker would train a workload: what allocation policies weigh workers by."""

from collections.abc import Iterator

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import ExperimentId, TrialKind, Workload

Member = tuple[ExperimentId, TrialKind]
"""The trials of an experiment that are of one kind."""


def training_speed(workload: Workload, times: StepTimes, worker: WorkerType) -> float | None:
    """Iterations per second on a worker of the type, summed over the trials that run on it: those that may use its
    device and whose step time the profile has there. None if some may use the device and the profile knows none."""
    speeds = dict(_speeds(workload, times, worker))
    known = [speed for speed in speeds.values() if speed is not None]
    return sum(known) if known or not speeds else None


def members_on(workload: Workload, times: StepTimes, worker: WorkerType) -> frozenset[Member]:
    """The trials, by kind, that run on a worker of the type."""
    return frozenset(member for member, speed in _speeds(workload, times, worker) if speed is not None)


def _speeds(workload: Workload, times: StepTimes, worker: WorkerType) -> Iterator[tuple[Member, float | None]]:
    for experiment in workload.experiments:
        if experiment.may_use(worker.device):
            for kind, trials in experiment.kinds.items():
                seconds = times.seconds_per_iteration(kind, worker.gang(experiment.gang))
                yield (experiment.id, kind), None if seconds is None else trials / seconds
