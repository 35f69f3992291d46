"""Lower bounds: what no schedule can beat, in makespan and in mean job completion time (JCT).

**Makespan.** A linear program in the manner of Lawler and Labetoulle ("On Preemptive Scheduling of Unrelated Parallel
Processors by Linear Programming", J. ACM 1978). Time is cut into intervals i at the arrivals; the last one is as long
as it takes. Let x_jmi be the seconds of interval i that job j spends in mode m (on a GPU of some type, or on c cores
of some node), s_jm its iterations per second there, R_j its iterations. Minimise the end of the last interval such that

    sum_mi s_jm x_jmi >= R_j             every job does its iterations, after it has arrived
    sum_m x_jmi       <= length_i        a job is in one place at a time
    sum_jm u_mr x_jmi <= C_r length_i    device class r (the GPUs, or the cores, of like nodes) has C_r units,
                                         of which mode m takes u_mr

On given workers and without gangs the optimum is a schedule that exists: within an interval, preemption can arrange
any such seconds so that no job is in two places at once (Gonzalez and Sahni, "Open Shop Scheduling to Minimize Finish
Time", J. ACM 1976). For any allocation, cores may be cut anew at any moment, so no allocation policy does better.

**Mean JCT.** Give every device class a price per second so that all devices together cost 1. Then a job costs at least
q_j, by the cheapest mode for it, and no schedule spends more than 1 a second: the cluster does no better than one
preemptive machine on which job j takes q_j seconds. The prices are those of the makespan's program (its dual). Three
bounds follow, of which the largest counts:

- a job takes p_j alone on its fastest device;
- on one machine nothing beats shortest remaining time first (Schrage, Operations Research 1968);
- let M_j be the mean moment of a job's work. Its work is spread over at least p_j seconds, so it completes no earlier
  than M_j + p_j / 2; and on one machine the sum of M_j is least if the shortest job always goes first (Goemans,
  Queyranne, Schulz, Skutella and Wang, SIAM J. Discrete Math. 2002). On m equal machines this is the bound of Eastman,
  Even and Isaacs (Management Science 1964).

For experiments it is the larger of two: the makespan of each alone, and one machine on which its jobs are one job.

**Costs.** A segment of k iterations on worker type w keeps its workers for at least k s_w + e_w seconds, where e_w is
evaluation, checkpoint, latency and the driver's time. No segment has more than I iterations (under PBT an interval,
else the whole trial). Spread its iterations evenly over these seconds: they are at most 1 / (s_w + e_w / I) a second.
So every schedule with costs is one of the program with these rates in place of 1 / s_w, and the argument about prices
holds with them as well: p_j and q_j count them. Three more bounds, and a limit:

- a job alone takes at least the sum over its segments of the least k s_w + e_w (`Group.alone_s`);
- the driver serves the segments one after another, from the arrival of their jobs on;
- whole segments: see `hetsched.analysis.bounds_segments`;
- nobody trains on a type of worker before it can be warm (`SegmentCosts.warm_s`). Such moments cut intervals, too. Let
  T be a bound that is known. A schedule that ends before the next such moment after T uses none of the types that are
  warm only then. If the program without these types ends before that moment, its end is the bound. If not, no schedule
  ends before that moment, which is the next T.

**Left out:** restores, PBT's dependence of trials on each other, the cores that feed a GPU, failures, and noise: step
times and costs are the profile's means, so a lucky run may end a little below its bound. Without costs it is the bound
of training alone. If trials stop on a score or by a policy, the bound of a run is taken in hindsight, over the
iterations that this run trained: it says how well the work was placed, not whether there had to be so much of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from hetsched.analysis.bounds_groups import Devices, Job, Mode, group_jobs
from hetsched.analysis.bounds_jct import jct_sum_of, least_end_sum
from hetsched.analysis.bounds_makespan import makespan_of
from hetsched.analysis.bounds_prices import cheapest_cost, dual_prices, work_shares
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import CPU, ClusterSpec, Worker, WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.segment_costs import SegmentCosts
from hetsched.domain.workload import Experiment, TrialKind, Workload


def cluster_devices(cluster: ClusterSpec, times: StepTimes) -> Devices:
    """All that any allocation policy could make of it: any number of cores, any GPU share that was measured."""
    shares = sorted({1.0} | {row.gpu_share for row in times.rows if 0 < row.gpu_share < 1})  # above 1: gangs
    units: Counter[str] = Counter()
    workers: Counter[WorkerType] = Counter()
    modes: dict[tuple[WorkerType, str], float] = {}
    for node in cluster:
        for gpu, count in Counter(node.each_gpu).items():
            resource = f"{gpu.type} x{node.pace}" + ("" if gpu.memory_gib is None else f" {gpu.memory_gib:g} GiB")
            units[resource] += count
            for share in shares:
                worker = WorkerType(gpu.type, 0, share, node.pace, gpu.memory_gib)
                workers[worker] += int(count / share + 1e-9)
                modes[worker, resource] = share
        resource = f"cores of {node.cores} x{node.pace}"
        units[resource] += node.cores
        for cores in range(1, node.cores + 1):
            worker = WorkerType(CPU, cores, 0.0, node.pace)
            workers[worker] += node.cores // cores
            modes[worker, resource] = cores
    return Devices([Mode(worker, r, taken, workers[worker]) for (worker, r), taken in modes.items()], units)


def worker_devices(workers: Iterable[Worker]) -> Devices:
    """These workers and no others."""
    counts = Counter(worker.type for worker in workers)
    return Devices([Mode(kind, str(kind), 1, n) for kind, n in counts.items()], {str(k): n for k, n in counts.items()})


def full_jobs(workload: Workload) -> dict[Job, int]:
    """Every trial to its stop iteration."""
    jobs: Counter[Job] = Counter()
    for experiment in workload.experiments:
        for kind, count in experiment.kinds.items():
            jobs[_job(experiment, kind, experiment.stop_iterations, experiment.arrival_s)] += count
    return jobs


class JobsDone(NamedTuple):
    """What trials have really done. `mixed` are the parts of each trial that trained as several kinds of job, one after
    the other; `single` are all others, each so many times."""

    single: Counter[Job]
    mixed: tuple[Counter[Job], ...]

    @property
    def parts(self) -> Counter[Job]:
        """Jobs and parts of jobs, each so many times. No schedule takes less than one that runs parts side by side."""
        return sum(self.mixed, Counter(self.single))


def jobs_done(state: State, trials: Iterable[Trial]) -> JobsDone:
    """What these trials of a run have really done, and when they were there."""
    single: Counter[Job] = Counter()
    mixed = []
    for trial in trials:
        experiment = state.experiments[trial.experiment]
        by_kind = trial.trained_by_kind.items()
        jobs = [_job(experiment, kind, iterations, trial.arrived) for kind, iterations in by_kind]
        if len(jobs) == 1:
            single[jobs[0]] += 1
        else:
            mixed.append(Counter(jobs))
    return JobsDone(single, tuple(mixed))


def _job(experiment: Experiment, kind: TrialKind, iterations: int, arrival_s: float) -> Job:
    return Job(
        kind,
        iterations,
        experiment.devices,
        arrival_s,
        experiment.gang,
        experiment.longest_segment,
        experiment.evaluation_images,
    )


class Bounds(NamedTuple):
    """Seconds that no schedule can beat: in makespan, in the mean JCT of trials, and in that of experiments."""

    makespan_s: float
    trial_jct_s: float
    experiment_jct_s: float


def workload_bounds(
    workload: Workload, devices: Devices, times: StepTimes, costs: SegmentCosts | None = None
) -> Bounds:
    """The bounds if every trial trains to its stop iteration. Without `costs` they only train.

    Raises InputError if some trial can run nowhere by the profile.
    """
    jobs = full_jobs(workload)
    by_experiment = [full_jobs(Workload((experiment,))) for experiment in workload.experiments]
    return Bounds(
        makespan_bound(jobs, devices, times, costs),
        jct_bound(jobs, devices, times, costs),
        experiment_jct_bound(by_experiment, devices, times, costs),
    )


def makespan_bound(
    jobs: Mapping[Job, int],
    devices: Devices,
    times: StepTimes,
    costs: SegmentCosts | None = None,
    share: float = 1.0,
    since_s: float = 0.0,
) -> float:
    """Seconds below which no schedule of the jobs (each that many times) on the devices can end, if they have this
    share of the time of each device. Without `costs` they only train.

    The jobs' clock is at 0 `since_s` seconds after the start of the run: by then workers may be warm. Raises InputError
    if some job can run nowhere by the profile.
    """
    groups = group_jobs(jobs, devices, times, costs, since_s)
    return makespan_of(groups, costs.dispatch_s if costs else 0.0, share)


def jct_bound(
    jobs: Mapping[Job, int],
    devices: Devices,
    times: StepTimes,
    costs: SegmentCosts | None = None,
    mixed: Sequence[Mapping[Job, int]] = (),
) -> float:
    """Seconds below which no schedule can bring the mean of the jobs' completion minus arrival. Each of `mixed` is one
    job, given by its parts. Without `costs` they only train.

    Raises InputError if some job can run nowhere by the profile.
    """
    parts = tuple(filter(None, (group_jobs(of_one, devices, times, costs) for of_one in mixed)))
    total = jct_sum_of(group_jobs(jobs, devices, times, costs), parts, costs.dispatch_s if costs else 0.0)
    return total / (sum(jobs.values()) + len(mixed) or 1)


def experiment_jct_bound(
    experiments: Sequence[Mapping[Job, int]], devices: Devices, times: StepTimes, costs: SegmentCosts | None = None
) -> float:
    """Seconds below which no schedule can bring the mean, over experiments, of the completion of an experiment's last
    job minus its arrival. Each experiment is given by its jobs, which arrive together. Without `costs` they only train.

    Raises InputError if some job can run nowhere by the profile.
    """
    arrivals = [min((job.arrival_s for job in jobs), default=0.0) for jobs in experiments]
    groups = [
        group_jobs({job._replace(arrival_s=0.0): n for job, n in jobs.items()}, devices, times, costs, arrival_s)
        for jobs, arrival_s in zip(experiments, arrivals, strict=True)
    ]
    if not any(groups):
        return 0.0
    prices = dual_prices(work_shares(tuple(chain.from_iterable(groups))))
    sizes = [sum(group.total * cheapest_cost(group.ways, prices) for group in of_one) for of_one in groups]
    alone = sum(makespan_of(of_one, costs.dispatch_s if costs else 0.0) for of_one in groups)
    return max(alone, least_end_sum(arrivals, sizes) - sum(arrivals)) / len(groups)
