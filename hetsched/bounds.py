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

**Left out:** start-up, restore, evaluation, checkpoint and dispatch, PBT's dependence of trials on each other, the
cores that feed a GPU, failures, and noise: step times are the profile's means, so a lucky run may end a little below
its bound. If trials stop on accuracy or by a policy, the bound of a run is taken in hindsight, over the iterations
that this run trained: it says how well the work was placed, not whether there had to be so much of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import heappop, heappush
from itertools import chain, groupby
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from hetsched.cluster import CPU, ClusterSpec, Worker, WorkerType
from hetsched.errors import HetschedError, InputError
from hetsched.profiles import StepTimes
from hetsched.state import State
from hetsched.workload import Experiment, TrialKind, Workload

Array = NDArray[Any]

INTERVALS, COLUMNS = 20, 10_000
"""Arrivals are merged until the linear program has about so many: it then takes some tenths of a second."""

TOLERANCE = 1e-6
"""Relative accuracy of the linear program: jobs are told apart until it holds for each of them to this part."""

SMALL = 10_000
"""A program with so few coefficients is handed to SciPy as a dense matrix, which is faster."""

SLOWEST = 1e-6
"""No device counts as slower than this part of a job's fastest one, so that the figures of a program are of a like
size. Taking a device to be faster than it is keeps a bound valid."""


class Job(NamedTuple):
    """What like trials have in common: they take as long on every device, and arrive together.

    `devices` are the device types that may be used (None: any); a job takes `gang` workers of one type at once.
    """

    kind: TrialKind
    iterations: int
    devices: tuple[str, ...] | None = None
    arrival_s: float = 0.0
    gang: int = 1


class Mode(NamedTuple):
    """A way to train: on a worker of this type, which takes `units` of the device class `resource`. There can be
    `workers` of the type at once."""

    worker: WorkerType
    resource: str
    units: float
    workers: int


class Devices(NamedTuple):
    """What there is to train on: the modes, and how many units each device class has."""

    modes: list[Mode]
    units: Mapping[str, int]


def cluster_devices(cluster: ClusterSpec, times: StepTimes) -> Devices:
    """All that any allocation policy could make of it: any number of cores, any GPU share that was measured."""
    shares = sorted({1.0} | {row.gpu_share for row in times.rows if 0 < row.gpu_share < 1})  # above 1: gangs
    units: Counter[str] = Counter()
    workers: Counter[WorkerType] = Counter()
    modes: dict[tuple[WorkerType, str], float] = {}
    for node in cluster:
        if node.gpus:
            assert node.gpu_type is not None
            resource = f"{node.gpu_type} x{node.pace}"
            units[resource] += node.gpus
            for share in shares:
                worker = WorkerType(node.gpu_type, 0, share, node.pace)
                workers[worker] += int(node.gpus / share + 1e-9)
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


def jobs_done(state: State, *, completed: bool = False) -> dict[Job, int]:
    """What the trials of a run, or only those that are completed, have really done, and when they were there."""
    return Counter(
        _job(state.experiments[trial.experiment], trial.kind, trial.iterations, trial.arrived)
        for trial in state.trials.values()
        if trial.completed is not None or not completed
    )


def _job(experiment: Experiment, kind: TrialKind, iterations: int, arrival_s: float) -> Job:
    return Job(kind, iterations, experiment.devices, arrival_s, experiment.gang)


class Bounds(NamedTuple):
    """Seconds that no schedule can beat: in makespan, in the mean JCT of trials, and in that of experiments."""

    makespan_s: float
    trial_jct_s: float
    experiment_jct_s: float


def workload_bounds(workload: Workload, devices: Devices, times: StepTimes) -> Bounds:
    """The bounds if every trial trains to its stop iteration.

    Raises InputError if some trial can run nowhere by the profile.
    """
    jobs = full_jobs(workload)
    by_experiment = [full_jobs(Workload((experiment,))) for experiment in workload.experiments]
    return Bounds(
        makespan_bound(jobs, devices, times),
        jct_bound(jobs, devices, times),
        experiment_jct_bound(by_experiment, devices, times),
    )


def makespan_bound(jobs: Mapping[Job, int], devices: Devices, times: StepTimes, share: float = 1.0) -> float:
    """Seconds below which no schedule of the jobs (each that many times) on the devices can end, if they have this
    share of the time of each device.

    Raises InputError if some job can run nowhere by the profile.
    """
    groups = _groups(jobs, devices, times)
    return _makespan(groups if share == 1 else tuple(_with_share(group, share) for group in groups))


def jct_bound(jobs: Mapping[Job, int], devices: Devices, times: StepTimes) -> float:
    """Seconds below which no schedule can bring the mean of the jobs' completion minus arrival.

    Raises InputError if some job can run nowhere by the profile.
    """
    return _jct(_groups(jobs, devices, times)) / (sum(jobs.values()) or 1)


def experiment_jct_bound(experiments: Sequence[Mapping[Job, int]], devices: Devices, times: StepTimes) -> float:
    """Seconds below which no schedule can bring the mean, over experiments, of the completion of an experiment's last
    job minus its arrival. Each experiment is given by its jobs, which arrive together.

    Raises InputError if some job can run nowhere by the profile.
    """
    groups = [
        _groups({job._replace(arrival_s=0.0): count for job, count in jobs.items()}, devices, times)
        for jobs in experiments
    ]
    if not any(groups):
        return 0.0
    arrivals = [min((job.arrival_s for job in jobs), default=0.0) for jobs in experiments]
    prices = _prices(_work(tuple(chain.from_iterable(groups))))
    sizes = [sum(group.total * _cost(group.ways, prices) for group in of_one) for of_one in groups]
    alone = sum(map(_makespan, groups))
    return max(alone, _ends(arrivals, sizes) - sum(arrivals)) / len(groups)


# Groups: jobs that differ only in how many iterations they have.


class Way(NamedTuple):
    """A mode as a job sees it: how fast it is there, and what part of which resources it takes meanwhile."""

    iterations_per_s: float
    parts: tuple[tuple[str, float], ...]


class Group(NamedTuple):
    """Jobs that are as fast as each other everywhere (`ways`, the fastest first) and arrive together.

    `jobs` are pairs (iterations, how many jobs), the longest first.
    """

    arrival_s: float
    ways: tuple[Way, ...]
    jobs: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """Iterations of all its jobs."""
        return sum(iterations * count for iterations, count in self.jobs)

    def alone_s(self, iterations: int) -> float:
        """Seconds that so many iterations take on the fastest device."""
        return iterations / self.ways[0].iterations_per_s


def _with_share(group: Group, share: float) -> Group:
    ways = (way._replace(parts=tuple((name, part / share) for name, part in way.parts)) for way in group.ways)
    return group._replace(ways=tuple(ways))


Groups = tuple[Group, ...]
"""In the order of arrival. Like problems are equal, so that what was computed for one is known for the other."""


def _groups(jobs: Mapping[Job, int], devices: Devices, times: StepTimes) -> Groups:
    needed = {job: count for job, count in jobs.items() if count and job.iterations}
    gangs = sorted({job.gang for job in needed if job.gang > 1})
    ways: dict[Job, tuple[Way, ...]] = {}
    sizes: defaultdict[Job, Counter[int]] = defaultdict(Counter)
    for job, count in needed.items():
        like = job._replace(iterations=0)
        sizes[like][job.iterations] += count
        place = like._replace(arrival_s=0.0)
        if place not in ways:
            ways[place] = _ways(job, gangs, devices, times)
    return tuple(
        sorted(
            Group(like.arrival_s, ways[like._replace(arrival_s=0.0)], tuple(sorted(of_group.items(), reverse=True)))
            for like, of_group in sizes.items()
        )
    )


def _ways(job: Job, gangs: Sequence[int], devices: Devices, times: StepTimes) -> tuple[Way, ...]:
    """Where a job may run. A gang takes its multiple of a worker's units. Besides, n workers of a type hold at most
    n // g gangs of g at once, a larger gang of h counting as the h // g into which it could be cut."""
    ways = []
    for mode in devices.modes:
        if mode.workers < job.gang or not (job.devices is None or mode.worker.device in job.devices):
            continue
        seconds = times.seconds_per_iteration(job.kind, mode.worker.gang(job.gang))
        if seconds is not None:
            parts = [(mode.resource, job.gang * mode.units / devices.units[mode.resource])]
            parts += [
                (f"gangs of {g} x {mode.worker}", (job.gang // g) / (mode.workers // g))
                for g in gangs
                if g <= job.gang and mode.workers % g
            ]
            ways.append(Way(1 / seconds, tuple(parts)))
    if not ways:
        gang = f" for a gang of {job.gang}" if job.gang > 1 else ""
        raise InputError(f"no bound: the profile has no step time of {job.kind} on any device of the cluster{gang}")
    slowest = SLOWEST * max(way.iterations_per_s for way in ways)
    return tuple(sorted((Way(max(slowest, way.iterations_per_s), way.parts) for way in ways), reverse=True))


# Prices of the resources, by which the cluster becomes one machine.


@lru_cache(maxsize=64)
def _prices(work: tuple[tuple[tuple[Way, ...], float], ...]) -> Mapping[str, float]:
    """Prices that add up to 1 and make the work (iterations of each kind of job) as costly as can be: the dual of the
    makespan's program without arrivals and without "one place at a time"."""
    resources = {name: column for column, name in enumerate(sorted({n for ways, _ in work for n, _ in _parts(ways)}))}
    # Columns: the price of each resource, then the cost of the work of each kind, in units of what it could be at most.
    unit = max(iterations / ways[0].iterations_per_s for ways, iterations in work)
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    row = 0
    for column, (ways, iterations) in enumerate(work, start=len(resources)):
        for way in ways:
            rows += [row] * (1 + len(way.parts))
            columns += [column, *(resources[name] for name, _ in way.parts)]
            values += [1.0, *(-part * iterations / way.iterations_per_s / unit for _, part in way.parts)]
            row += 1
    shape = (row, len(resources) + len(work))
    is_price = np.arange(shape[1]) < len(resources)
    solution = _minimise(
        np.where(is_price, 0.0, -1.0),
        coo_array((values, (rows, columns)), shape=shape),
        np.zeros(row),
        A_eq=is_price[np.newaxis].astype(float),
        b_eq=[1.0],
    )
    prices = np.maximum(solution[is_price], 0.0)
    return dict(zip(resources, (prices / prices.sum()).tolist(), strict=True))


def _parts(ways: Iterable[Way]) -> Iterator[tuple[str, float]]:
    return (part for way in ways for part in way.parts)


def _work(groups: Groups) -> tuple[tuple[tuple[Way, ...], float], ...]:
    """Iterations of each kind of job, as a part of all: prices depend on nothing more."""
    work: Counter[tuple[Way, ...]] = Counter()
    for group in groups:
        work[group.ways] += group.total
    total = work.total()
    return tuple((ways, iterations / total) for ways, iterations in work.items())


def _cost(ways: Iterable[Way], prices: Mapping[str, float]) -> float:
    """What an iteration costs at least, in seconds of the whole cluster."""
    return min(sum(part * prices.get(name, 0.0) for name, part in way.parts) / way.iterations_per_s for way in ways)


def _minimise(objective: Array, matrix: coo_array, limits: Array, **more: object) -> Array:
    small = matrix.shape[0] * matrix.shape[1] <= SMALL
    solution = linprog(
        objective, A_ub=matrix.toarray() if small else matrix.tocsr(), b_ub=limits, method="highs-ds", **more
    )
    if not solution.success:
        raise HetschedError(f"the bound's linear program failed: {solution.message}")
    return np.asarray(solution.x)


# Makespan.


@lru_cache(maxsize=1024)  # the fairness of a run takes one for every experiment
def _makespan(groups: Groups) -> float:
    if not groups:
        return 0.0
    if len(groups) == 1 and _has_devices_of_its_own(groups[0].ways):
        return groups[0].arrival_s + _uniform_makespan(groups[0])
    least = max(group.arrival_s + group.alone_s(group.jobs[0][0]) for group in groups)
    fits = all(part <= 1 for _, part in _parts(groups[0].ways))
    if len(groups) == 1 and sum(count for _, count in groups[0].jobs) == 1 and fits:
        return least
    # What arrives at a or later takes its cost from a on.
    prices = _prices(_work(groups))
    rest = 0.0
    critical = groups[0].arrival_s
    for group in reversed(groups):
        rest += group.total * _cost(group.ways, prices)
        if group.arrival_s + rest > least:
            least, critical = group.arrival_s + rest, group.arrival_s
    starts = _instants(groups, critical)
    return _interval_program(groups, starts, least)


def _has_devices_of_its_own(ways: Sequence[Way]) -> bool:
    """Whether each way has devices that no other way takes: workers, but not cores that may be cut in several ways."""
    names = [name for name, _ in _parts(ways)]
    return len(names) == len(ways) == len(set(names))


def _uniform_makespan(group: Group) -> float:
    """The makespan of jobs that differ in nothing but length on machines that differ in nothing but speed: the k
    longest jobs get at best the k fastest machines, for every k, and they can have them (Horvath, Lam and Sethi,
    J. ACM 1977). With a share of a machine, it counts as so much of one."""
    machines = np.cumsum([0.0, *(1 / part for _, part in _parts(group.ways))])
    rates = np.cumsum([0.0, *(way.iterations_per_s / part for way in group.ways for _, part in way.parts)])
    jobs = np.cumsum([count for _, count in group.jobs])
    work = np.cumsum([iterations * count for iterations, count in group.jobs])
    return float((work / np.interp(jobs, machines, rates)).max())


def _instants(groups: Groups, critical: float) -> list[float]:
    """The arrivals that are told apart: evenly spread ones, among them the first, the last and the critical one.

    Others are rounded down to one of these. That keeps the bound valid: a schedule of the real jobs is one of jobs
    that arrive earlier, too.
    """
    arrivals = sorted({group.arrival_s for group in groups})
    many = min(len(arrivals), INTERVALS)
    while True:
        chosen = sorted({arrivals[i] for i in np.linspace(0, len(arrivals) - 1, many).round().astype(int)} | {critical})
        merged = {(group.ways, int(np.searchsorted(chosen, group.arrival_s, side="right")) - 1) for group in groups}
        if many == 1 or sum(len(ways) * (len(chosen) - since) for ways, since in merged) <= COLUMNS:
            return chosen
        many = many * 3 // 4


class _Stack:
    """The jobs of groups that are as fast as each other and count as having arrived with interval `since`.

    They have `sizes` different sizes. The `jobs[k]` jobs of the k largest have `work[k]` iterations together. The way
    number `user[n]` takes the part `part[n]` of the resource number `used[n]`.
    """

    def __init__(
        self, ways: tuple[Way, ...], since: int, sizes: Mapping[int, int], resources: Mapping[str, int]
    ) -> None:
        longest_first = sorted(sizes.items(), reverse=True)
        self.since = since
        self.sizes = len(sizes)
        self.speeds = np.array([way.iterations_per_s for way in ways])
        self.user = np.repeat(np.arange(len(ways)), [len(way.parts) for way in ways])
        self.used = np.array([resources[name] for name, _ in _parts(ways)])
        self.part = np.array([part for _, part in _parts(ways)])
        self.jobs = np.cumsum([0.0, *(count for _, count in longest_first)])
        self.work = np.cumsum([0.0, *(iterations * count for iterations, count in longest_first)])

    def excess(self, seconds: Array, lengths: Array) -> Array:
        """For every k > 0, by what part of it the work of the jobs of the k largest sizes exceeds what they could get
        out of the `seconds` that all jobs spend in each way (rows) in each interval (columns): so many jobs spend no
        more than so many times the interval, at best in the fastest ways.
        """
        could = np.zeros(len(self.jobs))
        for spent, length in zip(seconds.T, lengths[self.since :], strict=True):
            fastest_first = np.cumsum([0.0, *spent]), np.cumsum([0.0, *(self.speeds * spent)])
            could += np.interp(self.jobs * length, *fastest_first)
        excess: Array = (self.work - could)[1:] / self.work[1:]
        return excess


class _Run(NamedTuple):
    """The jobs of a stack from the size number `first` to the one before `last`, the largest being number 0. In place
    of each the program has a job of their mean size."""

    stack: _Stack
    first: int
    last: int

    @property
    def jobs(self) -> float:
        return float(self.stack.jobs[self.last] - self.stack.jobs[self.first])

    @property
    def alone_s(self) -> float:
        """Seconds that a job of the mean size takes on the fastest device."""
        work = self.stack.work[self.last] - self.stack.work[self.first]
        return float(work / self.jobs / self.stack.speeds[0])


def _interval_program(groups: Groups, starts: Sequence[float], least: float) -> float:
    """The linear program of the module's docstring; `least` is a bound that is known already.

    The jobs of a stack are replaced by as many of their mean size. That is a relaxation: if every job spends the mean
    of what all spend in each way, it does the mean work. Where the k longest could not be given their share of the
    result, the run is cut in two after them. When that happens nowhere, the relaxation is exact: a weighted sum of the
    jobs' work is largest if those of more weight get the faster seconds, so which sizes are possible depends on the
    sums over the k longest, for every k, and on nothing else.
    """
    sizes: defaultdict[tuple[tuple[Way, ...], int], Counter[int]] = defaultdict(Counter)
    for group in groups:
        since = int(np.searchsorted(starts, group.arrival_s, side="right")) - 1
        for iterations, count in group.jobs:
            sizes[group.ways, since][iterations] += count
    names = dict.fromkeys(name for group in groups for name, _ in _parts(group.ways))
    resources = {name: number for number, name in enumerate(names)}
    stacks = [_Stack(ways, since, of_stack, resources) for (ways, since), of_stack in sizes.items()]
    runs = [_Run(stack, 0, stack.sizes) for stack in stacks]
    while True:
        lengths, seconds = _solve(runs, len(resources), starts, least)
        cut: list[_Run] = []
        for stack, pairs in groupby(zip(runs, seconds, strict=True), key=lambda pair: pair[0].stack):
            of_stack = list(pairs)
            if len(of_stack) == stack.sizes:  # every run is of jobs of one size
                cut += [run for run, _ in of_stack]
                continue
            excess = stack.excess(np.sum([spent for _, spent in of_stack], axis=0), lengths)
            for run, _ in of_stack:
                inside = excess[run.first : run.last - 1]  # after each but the last
                if inside.size and inside.max() > TOLERANCE:
                    middle = run.first + 1 + int(inside.argmax())
                    cut += [run._replace(last=middle), run._replace(first=middle)]
                else:
                    cut.append(run)
        if len(cut) == len(runs):
            return starts[-1] + float(lengths[-1])
        runs = cut


def _solve(runs: Sequence[_Run], resources: int, starts: Sequence[float], least: float) -> tuple[Array, list[Array]]:
    """Solve the program for the runs: the length of each interval, and for each run the seconds that its jobs together
    spend in each way (rows) in each interval since their arrival (columns).

    Its variables are such that all figures are of a like size: for each run, way and interval the mean time of a job
    there, in multiples of the time that it takes alone; and at last the length of the last interval, in multiples of
    the least time that everything can take.
    """
    intervals = len(starts)
    unit = least - starts[0]
    known = np.diff(starts) / unit
    height, width = resources * intervals, 0
    limits = [np.append(known, 0.0)] * resources
    open_ended = [intervals * (resource + 1) - 1 for resource in range(resources)]  # the rows of the last interval
    blocks: list[tuple[Array, ...]] = []

    def put(rows: Array | int, columns: Array | int, values: Array | float) -> None:
        blocks.append(tuple(array.ravel() for array in np.broadcast_arrays(rows, columns, values)))

    variables = []
    for run in runs:
        stack = run.stack
        here = np.arange(stack.since, intervals)
        columns = width + np.arange(len(stack.speeds) * len(here)).reshape(-1, len(here))
        variables.append(columns)
        put(height, columns, -stack.speeds[:, np.newaxis] / stack.speeds[0])
        put(height + 1 + np.arange(len(here)), columns, run.alone_s / unit)
        taken = stack.part[:, np.newaxis] * run.jobs * run.alone_s / unit
        put(stack.used[:, np.newaxis] * intervals + here, columns[stack.user], taken)
        limits.append(np.array([-1.0, *known[stack.since :], 0.0]))
        width += columns.size
        height += 1 + len(here)
        open_ended.append(height - 1)
    put(np.array(open_ended), width, -1.0)
    rows, columns, values = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    solution = _minimise(
        np.append(np.zeros(width), 1.0),
        coo_array((values, (rows, columns)), shape=(height, width + 1)),
        np.concatenate(limits),
        bounds=[(0.0, None)] * width + [((least - starts[-1]) / unit, None)],
    )
    seconds = [run.jobs * run.alone_s * solution[of_run] for run, of_run in zip(runs, variables, strict=True)]
    return unit * np.append(known, solution[width]), seconds


# Mean JCT.


@lru_cache(maxsize=64)
def _jct(groups: Groups) -> float:
    """The bound on the sum of JCTs."""
    if not groups:
        return 0.0
    jobs = [
        (number, iterations)
        for number, group in enumerate(groups)
        for iterations, count in group.jobs
        for _ in range(count)
    ]
    arrivals = [groups[number].arrival_s for number, _ in jobs]
    alone = sum(groups[number].alone_s(iterations) for number, iterations in jobs)

    def on_one_machine(prices: Mapping[str, float]) -> tuple[list[float], float]:
        """What the jobs cost, and the bound on the sum of JCTs by these prices."""
        costs = [_cost(group.ways, prices) for group in groups]
        sizes = [costs[number] * iterations for number, iterations in jobs]
        return sizes, max(_ends(arrivals, sizes), _moments(arrivals, sizes) + alone / 2) - sum(arrivals)

    work = _work(groups)
    sizes, bound = on_one_machine(_prices(work))
    bound = max(bound, alone)
    if len(work) == 1:
        return bound
    # Prices that make each iteration count as often as jobs wait for it, when the shortest go first, may say more.
    waited_for: defaultdict[tuple[Way, ...], float] = defaultdict(float)
    for ahead, job in enumerate(sorted(range(len(jobs)), key=sizes.__getitem__)):
        number, iterations = jobs[job]
        waited_for[groups[number].ways] += (len(jobs) - ahead - 0.5) * iterations
    return max(bound, on_one_machine(_prices(tuple(waited_for.items())))[1])


def _ends(arrivals: Sequence[float], sizes: Sequence[float]) -> float:
    """The least sum of completion times on one machine."""
    ends = list(arrivals)
    for job, start, seconds in _one_machine(arrivals, sizes, by_rest=True):
        ends[job] = start + seconds
    return sum(ends)


def _moments(arrivals: Sequence[float], sizes: Sequence[float]) -> float:
    """The least sum of the mean moments of the jobs' work on one machine."""
    return sum(
        (start + seconds / 2) * (seconds / sizes[job] if sizes[job] else 1.0)
        for job, start, seconds in _one_machine(arrivals, sizes, by_rest=False)
    )


def _one_machine(
    arrivals: Sequence[float], sizes: Sequence[float], *, by_rest: bool
) -> Iterator[tuple[int, float, float]]:
    """One preemptive machine that always serves the job with the least left to do, or else of the least size: what it
    serves (job, start, seconds), in the order of time. All in seconds."""
    coming = sorted(range(len(sizes)), key=lambda job: arrivals[job], reverse=True)
    rest = list(sizes)
    present: list[tuple[float, int]] = []
    now = 0.0
    while coming or present:
        if not present:
            now = max(now, arrivals[coming[-1]])
        while coming and arrivals[coming[-1]] <= now:
            job = coming.pop()
            heappush(present, (sizes[job], job))
        _, job = heappop(present)
        seconds = min(rest[job], arrivals[coming[-1]] - now) if coming else rest[job]
        yield job, now, seconds
        now += seconds
        rest[job] -= seconds
        if rest[job] > 0:
            heappush(present, (rest[job] if by_rest else sizes[job], job))
