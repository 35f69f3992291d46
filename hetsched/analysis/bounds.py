"""Lower bounds: what no schedule can beat, in makespan and in mean job completion time (JCT).

**Makespan.** The bound is the optimum of a linear program in the manner of Lawler and Labetoulle
("On Preemptive Scheduling of Unrelated Parallel Processors by Linear Programming", J. ACM 1978).
Time is cut into intervals i at the arrivals. The last interval is as long as it takes. A mode m is
a GPU of some type, or c cores of some node.

- x_jmi: the seconds of interval i that job j spends in mode m
- s_jm: the iterations per second of job j in mode m
- R_j: the iterations of job j

The program minimises the end of the last interval such that

    sum_mi s_jm x_jmi >= R_j             every job does its iterations, after it has arrived
    sum_m x_jmi       <= length_i        a job is in one place at a time
    sum_jm u_mr x_jmi <= C_r length_i    device class r (the GPUs, or the cores, of like nodes) has C_r units,
                                         of which mode m takes u_mr

Every schedule gives such x_jmi, so none ends sooner. On given workers and without gangs, some
schedule attains the optimum: within an interval, preemption can arrange any such seconds so that no
job is in two places at once. The source is Gonzalez and Sahni, "Open Shop Scheduling to Minimize
Finish Time", J. ACM 1976. For any allocation, the program may cut the cores anew at any moment. So
no allocation policy does better.

**Mean JCT.** The cluster does no better than one preemptive machine:

1. Give every device class a price per second so that all devices together cost 1 per second. The
   prices are those of the makespan's program (its dual).
2. Job j costs at least q_j: its iterations in its cheapest mode.
3. No schedule spends more than 1 per second.
4. So the cluster does no better than one preemptive machine on which job j takes q_j seconds.

Three bounds follow. The greatest counts:

1. Job j takes at least p_j seconds: its iterations on its fastest device, alone.
2. On one machine, shortest remaining time first has the least mean JCT (Schrage, Operations
   Research 1968).
3. The mean moments of work:
   Let M_j be the mean moment of the work of job j.
   Its work is spread over at least p_j seconds.
   So job j completes at M_j + p_j / 2 or later.
   On one machine, the sum of M_j is least if the shortest job always goes first (Goemans, Queyranne, Schulz, Skutella
   and Wang, SIAM J. Discrete Math. 2002).
   On m equal machines this is the bound of Eastman, Even and Isaacs (Management Science 1964).

For experiments there are two bounds, of which the greater counts. The first is the makespan of each
experiment alone. The second is one machine on which all jobs of an experiment are one job.

**Costs.** The program also bounds schedules with costs:

1. Let e_w be the seconds of evaluation, checkpoint, latency and the driver's time on worker type w.
2. A segment of k iterations on type w keeps its workers for at least k s_w + e_w seconds, where s_w
   is the seconds of an iteration.
3. No segment has more than I iterations. Under PBT I is an interval, else the whole trial.
4. Spread the iterations of a segment evenly over its seconds: they are at most 1 / (s_w + e_w / I)
   per second.
5. So every schedule with costs is a schedule of the program with these rates in place of 1 / s_w.
6. The argument about prices holds with these rates as well. So p_j and q_j include the costs.

Three more bounds follow, and a limit:

1. A job alone takes at least the sum, over its segments, of the least k s_w + e_w
   (`Group.alone_s`).
2. The driver serves the segments one after another, from the arrival of their jobs on.
3. Whole segments give a bound: see `hetsched.analysis.bounds_segments`.
4. No job trains on a type of worker before the type can be warm (`SegmentCosts.warm_s`).

The moments at which types can be warm cut intervals, too. They are used like this:

1. Let T be a known bound, and L the next such moment after T.
2. A schedule that ends before L uses none of the types that are warm at L or later.
3. If the program without these types ends before L, its end is the bound.
4. Otherwise no schedule ends before L. Then L is the next T.

**Left out** are restores, PBT's dependence of trials on each other, the cores that feed a GPU,
failures, and noise. Step times and costs are the profile's means, so a run with fast draws may end
a little below its bound. Without costs the bound is that of training alone. If trials stop on a
score or by a policy, the bound of a run is computed afterwards, over the iterations that this run
trained. It then says how well the work was placed, not whether so much work was necessary.
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
    """Every worker that any allocation policy could make of the cluster: any number of cores, any
    measured GPU share."""
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
    """What trials have really done. A trial may have trained as several kinds of job, one after
    another. Its parts are in `mixed`. `single` has all other trials, each job with its number."""

    single: Counter[Job]
    mixed: tuple[Counter[Job], ...]

    @property
    def parts(self) -> Counter[Job]:
        """Jobs and parts of jobs, with their numbers. A schedule that may run the parts of a trial
        side by side is never slower than one that may not."""
        return sum(self.mixed, Counter(self.single))


def jobs_done(state: State, trials: Iterable[Trial]) -> JobsDone:
    """What these trials of a run have really done, with their arrivals."""
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
    """Seconds that no schedule can beat: the makespan, the mean JCT of trials, and the mean JCT of
    experiments."""

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
    """Seconds below which no schedule of the jobs on the devices can end. `jobs` says how many
    there are of each.

    `share` is the share of each device's time that the jobs have. Without `costs` they only train.
    The jobs' clock is at 0 when the run is at `since_s` seconds: by then workers may be warm.
    Raises InputError if some job cannot run anywhere by the profile.
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
    """Seconds below which no schedule can bring the mean of the jobs' completion minus arrival.

    `jobs` says how many there are of each. Each of `mixed` is one job, given by its parts. Without
    `costs` they only train. Raises InputError if some job cannot run anywhere by the profile.
    """
    parts = tuple(filter(None, (group_jobs(of_one, devices, times, costs) for of_one in mixed)))
    total = jct_sum_of(group_jobs(jobs, devices, times, costs), parts, costs.dispatch_s if costs else 0.0)
    return total / (sum(jobs.values()) + len(mixed) or 1)


def experiment_jct_bound(
    experiments: Sequence[Mapping[Job, int]], devices: Devices, times: StepTimes, costs: SegmentCosts | None = None
) -> float:
    """Seconds below which no schedule can bring the mean JCT of experiments: the completion of the
    last job minus the arrival.

    Each experiment is given by its jobs, which arrive together. Without `costs` they only train.
    Raises InputError if some job cannot run anywhere by the profile.
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
