"""Lower bounds on makespan: what no schedule can beat.

The bound is a linear program in the manner of Lawler and Labetoulle ("On Preemptive Scheduling of Unrelated
Parallel Processors by Linear Programming", J. ACM 1978). Let x_jm be the seconds that trial j spends in mode
m (on a GPU of some type, or on c cores of some node), s_jm its iterations per second there, R_j its
iterations. Minimise T subject to

    sum_m s_jm x_jm >= R_j        every trial does its iterations
    sum_m x_jm      <= T          a trial is in one place at a time
    sum_jm u_mr x_jm <= C_r T     device class r (the GPUs, or the cores, of like nodes) has C_r units,
                                  of which mode m takes u_mr

Cores may be cut in any way, so no allocation policy does better either. Like trials and like nodes are
grouped, which loses nothing, as the program is convex. With arrivals, T >= a + the bound of what arrives at a
or later, for every arrival a.

Left out: start-up, restore, evaluation, checkpoint and dispatch, PBT's dependence of trials on each other,
the cores that feed a GPU, and noise: step times are the profile's means, so a lucky run may end a little below
its bound. If trials stop on accuracy, the bound of a run is taken in hindsight, over the iterations that this
run trained: it says how well the work was placed, not whether there had to be so much of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from hetsched.cluster import CPU, ClusterSpec, Worker, WorkerType
from hetsched.errors import HetschedError, InputError
from hetsched.profiles import StepTimes
from hetsched.state import State
from hetsched.workload import Experiment, TrialKind, Workload


class Job(NamedTuple):
    """What like trials have in common: they take as long on every device, and arrive together.

    `devices` are the device types that may be used (None: any).
    """

    kind: TrialKind
    iterations: int
    devices: tuple[str, ...] | None = None
    arrival_s: float = 0.0
    gang: int = 1


class Mode(NamedTuple):
    """A way to train: on a worker of this type, which takes `units` of the device class `resource`."""

    worker: WorkerType
    resource: str
    units: float


class Devices(NamedTuple):
    """What there is to train on: the modes, and how many units each device class has."""

    modes: list[Mode]
    units: Mapping[str, int]


def cluster_devices(cluster: ClusterSpec, times: StepTimes) -> Devices:
    """All that any allocation policy could make of it: any number of cores, any GPU share that was measured."""
    shares = {row.gpu_share for row in times.rows if row.device != CPU} | {1.0}
    units: Counter[str] = Counter()
    modes = []
    for node in cluster:
        if node.gpus:
            assert node.gpu_type is not None
            resource = f"{node.gpu_type} x{node.pace}"
            units[resource] += node.gpus
            modes += [Mode(WorkerType(node.gpu_type, 0, share, node.pace), resource, share) for share in sorted(shares)]
        resource = f"cores of {node.cores} x{node.pace}"
        units[resource] += node.cores
        modes += [Mode(WorkerType(CPU, c, 0.0, node.pace), resource, c) for c in range(1, node.cores + 1)]
    return Devices(list(dict.fromkeys(modes)), units)


def worker_devices(workers: Iterable[Worker]) -> Devices:
    """These workers and no others."""
    counts = Counter(worker.type for worker in workers)
    return Devices([Mode(kind, str(kind), 1) for kind in counts], {str(k): n for k, n in counts.items()})


def makespan_bound(jobs: Mapping[Job, int], devices: Devices, times: StepTimes) -> float:
    """Seconds below which no schedule of the jobs (each that many times) on the devices can end.

    Raises InputError if some job can run nowhere by the profile.
    """
    arrivals = sorted({job.arrival_s for job, count in jobs.items() if count and job.iterations})
    return max(
        (
            arrival + _released_bound({j: n for j, n in jobs.items() if j.arrival_s >= arrival}, devices, times)
            for arrival in arrivals
        ),
        default=0.0,
    )


def full_jobs(workload: Workload) -> dict[Job, int]:
    """Every trial to its stop iteration."""
    jobs: Counter[Job] = Counter()
    for experiment in workload.experiments:
        for kind, count in experiment.kinds.items():
            jobs[_job(experiment, kind, experiment.stop_iterations)] += count
    return jobs


def jobs_done(state: State) -> dict[Job, int]:
    """What the trials of a run have really done (in hindsight, if they stopped on accuracy)."""
    return Counter(
        _job(state.experiments[trial.experiment], trial.kind, trial.iterations) for trial in state.trials.values()
    )


def _job(experiment: Experiment, kind: TrialKind, iterations: int) -> Job:
    return Job(kind, iterations, experiment.devices, experiment.arrival_s, experiment.gang)


def _released_bound(jobs: Mapping[Job, int], devices: Devices, times: StepTimes) -> float:
    """The linear program, all jobs being there from the start."""
    speeds = [
        (j, m, 1 / seconds)
        for j, job in enumerate(jobs)
        for m, mode in enumerate(devices.modes)
        if job.devices is None or mode.worker.device in job.devices
        if (seconds := times.seconds_per_iteration(job.kind, mode.worker)) is not None
    ]
    stranded = set(range(len(jobs))) - {j for j, _, _ in speeds}
    if stranded:
        job = list(jobs)[min(stranded)]
        raise InputError(f"no bound: the profile has no step time of {job.kind} on any device of the cluster")
    counts = list(jobs.values())
    resources = {name: row for row, name in enumerate(devices.units, start=2 * len(jobs))}
    entries: list[tuple[int, int, float]] = []  # (row, column, value) of A x <= b; T is the last column
    last = len(speeds)
    for column, (j, m, speed) in enumerate(speeds):
        mode = devices.modes[m]
        entries.append((j, column, -speed))
        entries.append((len(jobs) + j, column, 1.0))
        entries.append((resources[mode.resource], column, float(mode.units)))
    entries += [(len(jobs) + j, last, -float(count)) for j, count in enumerate(counts)]
    entries += [(row, last, -float(devices.units[name])) for name, row in resources.items()]
    rows, columns, values = zip(*entries, strict=True)
    shape = (2 * len(jobs) + len(resources), last + 1)
    upper = np.zeros(shape[0])
    upper[: len(jobs)] = [-count * job.iterations for job, count in jobs.items()]
    objective = np.zeros(last + 1)
    objective[last] = 1.0
    matrix = coo_array((values, (rows, columns)), shape=shape).tocsr()
    solution = linprog(objective, A_ub=matrix, b_ub=upper, method="highs")
    if not solution.success:
        raise HetschedError(f"the bound's linear program failed: {solution.message}")
    return float(solution.fun)
