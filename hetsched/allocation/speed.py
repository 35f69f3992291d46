"""How fast a worker would train a workload: what allocation policies weigh workers by."""

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload


def training_speed(workload: Workload, times: StepTimes, worker: WorkerType) -> float | None:
    """Iterations per second on a worker of the type, summed over the trials that may run on it; None if the profile
    does not know one of them there."""
    speed = 0.0
    for experiment in workload.experiments:
        if experiment.may_use(worker.device):
            for kind, trials in experiment.kinds.items():
                seconds = times.seconds_per_iteration(kind, worker.gang(experiment.gang))
                if seconds is None:
                    return None
                speed += trials / seconds
    return speed
