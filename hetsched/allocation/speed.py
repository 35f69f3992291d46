"""How fast a worker would train a workload. Allocation policies compare workers by it."""

from collections.abc import Iterator

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import ExperimentId, TrialKind, Workload
from hetsched.errors import counted

Member = tuple[ExperimentId, TrialKind]
"""The trials of an experiment that are of one kind."""


def training_speed(workload: Workload, times: StepTimes, worker: WorkerType) -> float | None:
    """Iterations per second on a worker of the type, summed over the trials that run on it.

    A trial runs on it if the trial may use its device and the profile has the trial's step time
    there. None: some trials may use the device, and the profile has a step time for none of them.
    """
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


def trials_in_words(trials: int, workload: Workload) -> str:
    """For how many trials workers are chosen. Trials that arrive later count as if they were there
    from the start."""
    together = ", as if all were there at once" if workload.arriving else ""
    return f"{counted(trials, 'trial')}{together}"
