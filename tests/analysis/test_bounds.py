"""The bounds against optima worked out by hand, by enumeration, by construction, and against every policy's runs."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment, linprog

from hetsched import scheduling
from hetsched.analysis import bounds_makespan
from hetsched.analysis.bounds import (
    cluster_devices,
    experiment_jct_bound,
    full_jobs,
    jct_bound,
    makespan_bound,
    worker_devices,
    workload_bounds,
)
from hetsched.analysis.bounds_groups import Job
from hetsched.analysis.metrics import Metrics, measure
from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    WorkerJoined,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.cluster import ClusterSpec, Node, NodeId, Worker, WorkerId, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, TrialKind
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup, profile_row

ALMOST = 1 - 1e-6
"""The accuracy of the linear program's solver, generously."""


@dataclass(frozen=True)
class Instance:
    """Jobs (kind, iterations, arrival) on workers; `seconds[kind][worker]` is the time of an iteration."""

    seconds: tuple[tuple[float, ...], ...]
    jobs: tuple[tuple[int, int, float], ...]

    @property
    def jobs_to_do(self) -> Counter[Job]:
        return Counter(Job(TrialKind(f"m{kind}", "d", 1), n, None, arrival) for kind, n, arrival in self.jobs)

    @property
    def times(self) -> StepTimes:
        return StepTimes(
            profile_row(f"gpu{w}", model=f"m{kind}", dataset="d", batch_size=1, seconds=seconds)
            for kind, of_kind in enumerate(self.seconds)
            for w, seconds in enumerate(of_kind)
        )

    @property
    def workers(self) -> list[Worker]:
        """One of each type, so that the speeds can be anything."""
        return [gpu_worker(Node(NodeId(f"n{w}"), 1, 1, f"gpu{w}"), 0, 1) for w in range(len(self.seconds[0]))]

    @property
    def makespan(self) -> float:
        return makespan_bound(self.jobs_to_do, worker_devices(self.workers), self.times)

    @property
    def jct(self) -> float:
        return jct_bound(self.jobs_to_do, worker_devices(self.workers), self.times)

    def step(self, job: int, worker: int) -> float:
        return self.seconds[self.jobs[job][0]][worker]


def equal_workers(count: int, *jobs: tuple[int, float]) -> Instance:
    """Jobs (iterations, arrival) on workers that take a second an iteration."""
    return Instance(((1.0,) * count,), tuple((0, iterations, arrival) for iterations, arrival in jobs))


def instances(jobs: int, workers: int, iterations: int, kinds: int = 2) -> st.SearchStrategy[Instance]:
    return st.builds(
        Instance,
        st.integers(1, workers).flatmap(
            lambda w: st.lists(st.tuples(*[st.sampled_from([1.0, 2.0, 3.0])] * w), min_size=kinds, max_size=kinds).map(
                tuple
            )
        ),
        st.lists(
            st.tuples(st.integers(0, kinds - 1), st.integers(1, iterations), st.sampled_from([0.0, 1.0, 3.0])),
            min_size=1,
            max_size=jobs,
        ).map(tuple),
    )


class TestMakespanByHand:
    def test_one_machine_takes_all_its_work(self) -> None:
        setup = make_setup(({"name": "a", "cores": 1},), population=4, stop_iterations=20)
        devices = cluster_devices(setup.cluster, setup.times)
        found = makespan_bound(full_jobs(setup.workload), devices, setup.times)
        assert found == pytest.approx(4 * 20 * 4.0)

    def test_a_trial_is_in_one_place_at_a_time(self) -> None:
        # One trial, iterations of 0.1 s and 0.5 s: the second device is of no use.
        assert Instance(((0.1, 0.5),), ((0, 20, 0.0),)).makespan == pytest.approx(2.0)
        # Two trials: 40 iterations at 12 a second. Each must be able to spend T = 10/3 s in all: 40 = 12 T.
        assert Instance(((0.1, 0.5),), ((0, 20, 0.0), (0, 20, 0.0))).makespan == pytest.approx(40 / 12)

    def test_the_longest_trials_cannot_all_be_on_the_fastest_device(self) -> None:
        # 4 + 1 + 1 + 1 iterations a second. All 22 would take 22/7 s, the longest alone 10/4 s, but the two of 10 are
        # on two devices at most: 20/5 s.
        found = Instance(((0.25, 1.0, 1.0, 1.0),), ((0, 10, 0.0), (0, 10, 0.0), (0, 1, 0.0), (0, 1, 0.0)))
        assert found.makespan == pytest.approx(4.0)

    def test_work_that_arrives_late(self) -> None:
        assert equal_workers(1, (20, 0.0), (20, 1000.0)).makespan == pytest.approx(1020.0)

    def test_a_device_that_idled_before_the_others_arrived_cannot_catch_up(self) -> None:
        # Two workers. At 4 s the first trial, in one place so far, has 6 of its 10 iterations left; two of 6 arrive.
        # Three times 6 on two workers take 9 s. (All 22 take 11 s on two workers; what arrives at 4 s takes 6 s.)
        assert equal_workers(2, (10, 0.0), (6, 4.0), (6, 4.0)).makespan == pytest.approx(13.0)

    def test_affinity_between_arrivals(self) -> None:
        # Each kind has a worker on which it takes 1 s; on the other it takes 3 s. The trial of kind 0 is done at 6 s,
        # that of kind 1, which arrives at 3 s, at 9 s: it is in one place, so the other worker cannot help.
        assert Instance(((1.0, 3.0), (3.0, 1.0)), ((0, 6, 0.0), (1, 6, 3.0))).makespan == pytest.approx(9.0)

    def test_a_gpu_may_be_cut_into_measured_shares(self) -> None:
        # Two halves of a V100, each at 0.15 s an iteration, train faster than the whole at 0.1 s.
        halves = [*ROWS, profile_row("v100", seconds=0.15, gpu_share=0.5)]
        nodes = ({"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"},)
        setup = make_setup(nodes, rows=halves, devices=["v100"], population=4, stop_iterations=30)
        devices = cluster_devices(setup.cluster, setup.times)
        found = makespan_bound(full_jobs(setup.workload), devices, setup.times)
        assert found == pytest.approx(4 * 30 * 0.075)

    def test_nothing_to_do_takes_no_time(self) -> None:
        instance = equal_workers(1, (1, 0.0))
        nothing = {Job(TrialKind("m0", "d", 1), 0): 3}
        devices = worker_devices(instance.workers)
        assert makespan_bound(nothing, devices, instance.times) == 0.0
        assert jct_bound(nothing, devices, instance.times) == 0.0
        assert experiment_jct_bound([nothing], devices, instance.times) == 0.0

    def test_a_trial_that_can_run_nowhere_has_no_bound(self) -> None:
        instance = equal_workers(1, (1, 0.0))
        with pytest.raises(InputError, match="no step time of other on d, batch 1"):
            makespan_bound({Job(TrialKind("other", "d", 1), 5): 1}, worker_devices(instance.workers), instance.times)


class TestGangs:
    """Gangs of two V100s take 1 s an iteration, a single one 1.5 s."""

    TIMES = StepTimes([profile_row("v100", seconds=1.5), profile_row("v100", seconds=1.0, gpu_share=2.0)])
    PAIR = Job(TrialKind("resnet18", "cifar10", 32), 10, gang=2)
    SINGLE = PAIR._replace(gang=1)

    @staticmethod
    def gpus(count: int) -> list[Worker]:
        node = Node(NodeId("n"), count, count, "v100")
        return [gpu_worker(node, number, 1) for number in range(count)]

    def bound(self, jobs: dict[Job, int], gpus: int) -> float:
        on_workers = makespan_bound(jobs, worker_devices(self.gpus(gpus)), self.TIMES)
        cluster = ClusterSpec((Node(NodeId("n"), gpus, gpus, "v100"),))
        assert makespan_bound(jobs, cluster_devices(cluster, self.TIMES), self.TIMES) == pytest.approx(on_workers)
        return on_workers

    def test_a_gang_takes_all_its_workers(self) -> None:
        assert self.bound({self.PAIR: 4}, 4) == pytest.approx(20.0)  # two at a time

    def test_a_worker_left_over_is_of_no_use_to_gangs(self) -> None:
        assert self.bound({self.PAIR: 2}, 3) == pytest.approx(20.0)  # one at a time
        # But to single trials: 40 s of the pairs, and beside them 26 trials of 15 s on the third worker.
        assert self.bound({self.PAIR: 4, self.SINGLE: 2}, 3) == pytest.approx(40.0)
        assert self.bound({self.PAIR: 4, self.SINGLE: 4}, 3) == pytest.approx((4 * 20 + 4 * 15) / 3)

    def test_a_row_of_two_gpus_is_no_device_for_a_single_trial(self) -> None:
        assert self.bound({self.SINGLE: 1}, 2) == pytest.approx(15.0)

    def test_a_gang_larger_than_the_cluster_has_no_bound(self) -> None:
        with pytest.raises(InputError, match="for a gang of 2"):
            self.bound({self.PAIR: 1}, 1)

    def test_a_gang_may_be_spread_over_unlike_nodes(self) -> None:
        # A core of each node: a gang of two single cores, which takes as long as a worker of two cores, 2 s.
        cluster = ClusterSpec((Node(NodeId("a"), 1), Node(NodeId("b"), 3)))
        times = StepTimes(ROWS)
        assert makespan_bound({self.PAIR: 2}, cluster_devices(cluster, times), times) == pytest.approx(20.0)


class TestMeanJctByHand:
    def test_on_one_worker_the_shortest_go_first(self) -> None:
        # They complete at 1, 3 and 6 s.
        assert equal_workers(1, (3, 0.0), (1, 0.0), (2, 0.0)).jct == pytest.approx(10 / 3)

    def test_the_shortest_remaining_goes_first_when_trials_arrive(self) -> None:
        # The second interrupts the first: it takes 1 s, and the first 11 s.
        assert equal_workers(1, (10, 0.0), (1, 2.0)).jct == pytest.approx(6.0)

    def test_trials_with_a_worker_each_take_what_they_take_alone(self) -> None:
        assert equal_workers(5, (4, 0.0), (6, 0.0), (8, 7.0)).jct == pytest.approx(6.0)

    def test_rounds_of_equal_trials_on_equal_workers(self) -> None:
        # Four of 6 s on two workers complete at 6, 6, 12 and 12 s.
        assert equal_workers(2, *[(6, 0.0)] * 4).jct == pytest.approx(9.0)

    def test_many_short_trials_beside_long_ones_on_a_device_of_their_own(self) -> None:
        # Each kind is fast where the other is slow: two queues. One trial of 20 s, eight of 2 s that complete at 2, 4
        # .. 16 s: a mean of (20 + 72) / 9. The makespan depends on the long trial alone, the mean on the short ones.
        found = Instance(((1.0, 1000.0), (1000.0, 1.0)), ((0, 20, 0.0),) + ((1, 2, 0.0),) * 8).jct
        assert 0.85 * 92 / 9 < found <= 92 / 9

    def test_an_experiment_completes_with_its_last_trial(self) -> None:
        # Two experiments of two trials of 4 s on one worker: at best the experiments complete at 8 and 16 s, the trials
        # at 4, 8, 12 and 16 s.
        setup = make_setup(
            ({"name": "a", "cores": 4},), experiments=[{"name": n, "population": 2, "stop_iterations": 4} for n in "pq"]
        )
        devices = worker_devices(setup.workers(parse_strategy("fusion+fifo")))
        found = workload_bounds(setup.workload, devices, setup.times)
        assert found == pytest.approx((16.0, 10.0, 12.0))

    def test_an_experiment_alone_takes_its_makespan(self) -> None:
        # Three trials of 10 s on two workers take 15 s; the other experiment arrives much later.
        instance = equal_workers(2)
        like = Job(TrialKind("m0", "d", 1), 10)
        experiments = [{like: 3}, {like._replace(arrival_s=1e6): 1}]
        found = experiment_jct_bound(experiments, worker_devices(instance.workers), instance.times)
        assert found == pytest.approx((15 + 10) / 2)


# Optima by enumeration.


def with_the_next_second(instance: Instance, now: int, left: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """What may be left after a second in which every worker has one job, or none (but not all of them none, if there is
    work). Work is counted in sixths of an iteration, of which a worker does 6, 3 or 2 a second."""
    present = [job for job, (_, _, arrival) in enumerate(instance.jobs) if arrival <= now and left[job]]
    workers = len(instance.seconds[0])
    for placed in set(permutations(present + [-1] * workers, workers)):
        if present and not any(job >= 0 for job in placed):
            continue
        after = list(left)
        for worker, job in enumerate(placed):
            if job >= 0:
                after[job] = max(0, after[job] - round(6 / instance.step(job, worker)))
        yield tuple(after)


def best_by_the_second(instance: Instance) -> tuple[float, float]:
    """The least makespan and mean JCT of all schedules that preempt at whole seconds only."""
    first = tuple(6 * iterations for _, iterations, _ in instance.jobs)
    arrivals = [arrival for _, _, arrival in instance.jobs]

    @cache
    def makespan(now: int, left: tuple[int, ...]) -> float:
        if not any(left):
            return now
        return min(makespan(now + 1, after) for after in with_the_next_second(instance, now, left))

    @cache
    def waiting(now: int, left: tuple[int, ...]) -> float:
        if not any(left):
            return 0.0
        here = sum(1 for rest, arrival in zip(left, arrivals, strict=True) if rest and arrival <= now)
        return here + min(waiting(now + 1, after) for after in with_the_next_second(instance, now, left))

    return makespan(0, first), waiting(0, first) / len(instance.jobs)


def best_without_preemption(instance: Instance) -> tuple[float, float]:
    """The least makespan and mean JCT of all schedules that never preempt: every order on every assignment."""
    makespan = jct = inf
    jobs = range(len(instance.jobs))
    for order in permutations(jobs):
        for placed in product(range(len(instance.seconds[0])), repeat=len(jobs)):
            free = [0.0] * len(instance.seconds[0])
            total = 0.0
            for job in order:
                _, iterations, arrival = instance.jobs[job]
                end = max(free[placed[job]], arrival) + iterations * instance.step(job, placed[job])
                free[placed[job]] = end
                total += end - arrival
            makespan, jct = min(makespan, max(free)), min(jct, total / len(jobs))
    return makespan, jct


@given(instance=instances(jobs=3, workers=2, iterations=3))
def test_no_schedule_that_preempts_by_the_second_beats_the_bounds(instance: Instance) -> None:
    makespan, jct = best_by_the_second(instance)
    assert instance.makespan * ALMOST <= makespan
    assert instance.jct * ALMOST <= jct


@given(instance=instances(jobs=4, workers=3, iterations=9))
def test_no_schedule_without_preemption_beats_the_bounds(instance: Instance) -> None:
    makespan, jct = best_without_preemption(instance)
    assert instance.makespan * ALMOST <= makespan
    assert instance.jct * ALMOST <= jct


# The optimum by construction: the textbook's linear program, a column for each job, worker and interval, and its
# solution made into a schedule.


Slot = tuple[float, float, tuple[int | None, ...]]
"""From when to when each worker has which job."""


def textbook_solution(instance: Instance) -> tuple[list[float], np.ndarray]:
    """The ends of the intervals, and the seconds of each job on each worker in each of them."""
    starts = sorted({arrival for _, _, arrival in instance.jobs})
    shape = len(instance.jobs), len(instance.seconds[0]), len(starts)
    place = np.arange(np.prod(shape)).reshape(shape)
    last = place.size
    rows: list[np.ndarray] = []
    limits: list[float] = []
    upper = np.full(last + 1, inf)

    def no_more_than(columns: np.ndarray, interval: int) -> None:
        row = np.zeros(last + 1)
        row[columns] = 1.0
        final = interval == len(starts) - 1
        row[last] = -1.0 if final else 0.0
        rows.append(row)
        limits.append(0.0 if final else starts[interval + 1] - starts[interval])

    for job, (_, iterations, arrival) in enumerate(instance.jobs):
        work = np.zeros(last + 1)
        for worker in range(shape[1]):
            work[place[job, worker]] = -1 / instance.step(job, worker)
        rows.append(work)
        limits.append(-iterations)
        for interval, start in enumerate(starts):
            no_more_than(place[job, :, interval], interval)
            if start < arrival:
                upper[place[job, :, interval]] = 0.0
    for worker in range(shape[1]):
        for interval in range(len(starts)):
            no_more_than(place[:, worker, interval], interval)
    objective = np.zeros(last + 1)
    objective[last] = 1.0
    limits_of_columns = np.column_stack([np.zeros(last + 1), upper])
    solution = linprog(objective, A_ub=np.array(rows), b_ub=limits, bounds=limits_of_columns)
    return [*starts[1:], starts[-1] + solution.fun], solution.x[place]


def open_shop(seconds: np.ndarray, start: float, end: float) -> Iterator[Slot]:
    """A schedule in which each job is on each worker for so long, none in two places at once (Gonzalez and Sahni 1976).

    Idle time fills the matrix up so that all its lines have one sum; such a matrix is a sum of permutations.
    """
    jobs, workers = seconds.shape
    length = end - start
    full = np.block(
        [
            [seconds, np.diag(length - seconds.sum(axis=1))],
            [np.diag(length - seconds.sum(axis=0)), seconds.T],
        ]
    )
    now = start
    while end - now > 1e-9 * max(1.0, end):
        chosen, of = linear_sum_assignment(full > 1e-10, maximize=True)
        slot = float(full[chosen, of].min())
        assert slot > 0
        on = {int(column): int(row) for row, column in zip(chosen, of, strict=True) if row < jobs and column < workers}
        yield now, now + slot, tuple(on.get(worker) for worker in range(workers))
        full[chosen, of] -= slot
        now += slot


def check_schedule(instance: Instance, slots: Sequence[Slot]) -> float:
    """Its makespan, if it is a schedule that does all the work."""
    done = [0.0] * len(instance.jobs)
    end = 0.0
    for start, stop, on in slots:
        busy = [job for job in on if job is not None]
        assert len(busy) == len(set(busy)), "a job in two places"
        assert start >= end - 1e-9, "slots overlap"
        end = stop
        for worker, job in enumerate(on):
            if job is not None:
                assert start >= instance.jobs[job][2] - 1e-9, "before its arrival"
                done[job] += (stop - start) / instance.step(job, worker)
    assert all(work >= n * ALMOST for work, (_, n, _) in zip(done, instance.jobs, strict=True)), "work left"
    return end


@given(instance=instances(jobs=6, workers=4, iterations=12))
def test_the_makespan_bound_is_the_makespan_of_a_schedule(instance: Instance) -> None:
    starts = sorted({arrival for _, _, arrival in instance.jobs})
    ends, seconds = textbook_solution(instance)
    slots = [
        slot
        for interval, (start, end) in enumerate(zip(starts, ends, strict=True))
        for slot in open_shop(seconds[:, :, interval], start, end)
    ]
    assert check_schedule(instance, slots) == pytest.approx(instance.makespan, rel=1e-6)


@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    sizes=st.lists(st.integers(1, 100), min_size=1, max_size=12),
)
def test_grouping_workers_and_trials_loses_nothing(counts: list[int], sizes: list[int]) -> None:
    speeds = [1.0 / 2**kind for kind, count in enumerate(counts) for _ in range(count)]  # workers of one type are equal
    one_by_one = Instance((tuple(speeds),), tuple((0, n, 0.0) for n in sizes))
    times = StepTimes(
        profile_row(f"gpu{k}", model="m0", dataset="d", batch_size=1, seconds=1.0 / 2**k) for k in range(len(counts))
    )
    workers = [
        Worker(WorkerId(f"{kind}-{n}"), NodeId("n"), f"gpu{kind}", 1, 1.0)
        for kind, count in enumerate(counts)
        for n in range(count)
    ]
    grouped = makespan_bound(one_by_one.jobs_to_do, worker_devices(workers), times)
    ends, _ = textbook_solution(one_by_one)
    assert grouped == pytest.approx(ends[-1], rel=1e-6)


@given(instance=instances(jobs=8, workers=3, iterations=12), most=st.integers(1, 3))
def test_merging_arrivals_keeps_the_bound_valid(instance: Instance, most: int) -> None:
    exact = instance.makespan
    alone = max(arrival + n * min(instance.seconds[kind]) for kind, n, arrival in instance.jobs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds_makespan, "INTERVALS", most)
        bounds_makespan.makespan_of.cache_clear()
        merged = instance.makespan
    bounds_makespan.makespan_of.cache_clear()
    assert alone * ALMOST <= merged <= exact / ALMOST


def test_hundreds_of_arrivals_are_merged_and_the_last_one_counts() -> None:
    # A trial of 10 s every 10 s keeps one worker busy to the end.
    found = equal_workers(1, *((10, 10.0 * number) for number in range(400)))
    assert found.makespan == pytest.approx(4000.0)


def test_figures_as_wide_as_scenarios_and_profiles_allow() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        seconds = tuple(tuple(10 ** rng.uniform(-9, 9, 3)) for _ in range(2))
        jobs = tuple((int(rng.integers(2)), int(10 ** rng.uniform(0, 9)), 10 ** rng.uniform(-9, 9)) for _ in range(9))
        instance = Instance(seconds, jobs)
        alone = [(arrival, n * min(seconds[kind])) for kind, n, arrival in jobs]
        assert instance.makespan >= max(map(sum, alone)) * ALMOST
        assert instance.jct >= sum(s for _, s in alone) / len(jobs) * ALMOST


def test_a_makespan_that_rounding_takes_is_the_arrival() -> None:
    """The unit of the program was 0, and a report divided by it."""
    found = Instance(((1e-9, 2e-9), (2e-9, 1e-9)), ((0, 20, 6e8), (1, 7, 6e8)))
    assert found.makespan == pytest.approx(6e8)


# Runs.

NODES = (
    {"name": "g", "cores": 4, "gpus": 1, "gpu_type": "k80"},
    {"name": "a", "cores": 4},
    {"name": "b", "cores": 1},
)


OF_EVERY_FAMILY = ("lookahead", "least-progress", "pbt-sync", "era", "gavel-las", "sia", "sequential-halving")
"""What `make test` tries; `make test-all` tries every policy."""

BY_POLICY = pytest.mark.parametrize(
    "policy",
    [
        pytest.param(name, marks=() if name in OF_EVERY_FAMILY else pytest.mark.exhaustive)
        for name in scheduling.policies.names()
    ],
)


def check_ratios(figures: Metrics) -> None:
    assert figures.bound_ratio is not None and figures.workers_bound_ratio is not None
    assert figures.jct_bound_ratio is not None
    assert figures.bound_ratio >= figures.workers_bound_ratio >= ALMOST
    assert figures.jct_bound_ratio >= ALMOST


@BY_POLICY
@given(data=st.data())
def test_no_policy_beats_the_bounds(tmp_path_factory: pytest.TempPathFactory, policy: str, data: st.DataObject) -> None:
    experiments = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "population": st.integers(1, 7),
                    "stop_iterations": st.integers(1, 55),
                    "arrival_s": st.sampled_from([0.0, 10.0, 100.0]),
                    "stop_score": st.sampled_from([None, 0.2]),
                }
            ),
            min_size=1,
            max_size=3,
        )
    )
    tables = [{"name": f"e{number}", **table} for number, table in enumerate(experiments)]
    setup = make_setup(NODES, overheads=NO_OVERHEADS, experiments=tables)
    folder = tmp_path_factory.mktemp("run")
    simulate(setup, Strategy("fusion", policy), 0, folder)
    check_ratios(measure(read_log(folder / LOG_NAME), setup))


@pytest.mark.parametrize("strategy", ["uniform+least-progress", "fusion+fifo"])
def test_no_gang_beats_the_bounds(simulate_log: Simulate, strategy: str) -> None:
    rows = [*ROWS, profile_row("k80", seconds=0.3, gpu_share=2.0), profile_row(cores=8, seconds=0.9)]
    nodes = ({"name": "g", "cores": 8, "gpus": 3, "gpu_type": "k80"},)
    tables = [
        {"name": "pairs", "gang": 2, "pbt": {"enabled": False}, "devices": ["k80"]},
        {"name": "late", "arrival_s": 5.0, "devices": ["k80"]},
    ]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=tables)
    check_ratios(measure(simulate_log(setup, strategy), setup))


def test_the_workers_bound_is_that_of_the_runs_own_workers(simulate_log: Simulate) -> None:
    # 4 trials of 20 iterations. fusion: a core at 1/4 and two at 1/2 iteration a second: 80 iterations take 320/3 s.
    # Of any allocation the same: three cores. The k80 beside them, which uniform leaves idle, would do 2 a second.
    setup = make_setup(overheads=NO_OVERHEADS)
    found = measure(simulate_log(setup, "fusion+fifo"), setup)
    assert found.workers_bound_s == pytest.approx(320 / 3)
    assert found.bound_s == pytest.approx(320 / 3)


def test_idle_devices_count_for_any_allocation_only(simulate_log: Simulate) -> None:
    # One trial of 20 iterations: on the core 80 s, on the V100 that uniform leaves idle 2 s.
    nodes = ({"name": "g", "cores": 64, "gpus": 1, "gpu_type": "k80"},)
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=64)
    found = measure(simulate_log(setup, "uniform+least-progress"), setup)
    assert found.gpus_used == 0
    assert found.workers_bound_s == pytest.approx(80.0)  # 64 cores for 64 trials
    assert found.bound_s == pytest.approx(64 * 20 / (64 / 4 + 2))  # 16 iterations a second and the GPU's 2


# Metrics that the bounds are compared with.


def log_of_a_gang() -> list[Event]:
    """A pair of workers trains a trial of 10 iterations from 5 s to 15 s after a broken start; another trial, which
    arrived with it at 3 s, is stopped untrained at 4 s; a third is never done."""
    experiment = Experiment(ExperimentId("e"), "resnet18", "cifar10", (32,), 3, 10, None, None, {}, 3.0, gang=2)
    pair = TestGangs.gpus(3)
    first, second, third = (TrialId(f"e-{number}") for number in range(3))
    return [
        *(WorkerJoined(0.0, worker) for worker in pair),
        ExperimentArrived(3.0, experiment),
        *(TrialAdded(3.0, trial, experiment.id, 32, {}) for trial in (first, second, third)),
        SegmentStarted(3.0, first, pair[0].id, 10, (pair[1].id,)),
        TrialCompleted(4.0, second, "stopped by me: enough"),
        SegmentLost(5.0, first, pair[0].id, "died"),
        SegmentStarted(5.0, first, pair[0].id, 10, (pair[1].id,)),
        SegmentEnded(15.0, first, pair[0].id, 10, 0.5, Parts(0.0, 0.0, 10.0, 0.0, 0.0, 0.0)),
        TrialCompleted(15.0, first, "10 iterations"),
    ]


def test_all_workers_of_a_gang_are_busy() -> None:
    found = measure(log_of_a_gang(), make_setup().replace_times(TestGangs.TIMES))
    assert [(w.busy_s, w.segments) for w in found.workers.values()] == [(12.0, 1), (12.0, 1), (0.0, 0)]
    assert found.utilisation == pytest.approx(24 / (3 * 15))
    assert found.lost_segments == 1


def test_mean_jct_counts_a_stopped_trial_when_it_is_stopped() -> None:
    nodes = ({"name": "n", "cores": 3, "gpus": 3, "gpu_type": "v100"},)
    found = measure(log_of_a_gang(), make_setup(nodes, overheads=NO_OVERHEADS).replace_times(TestGangs.TIMES))
    assert found.completed == 2
    assert found.mean_jct_s == pytest.approx(((15 - 3) + (4 - 3)) / 2)
    # At best 10 s for the one and nothing for the other; the makespan at best 3 + 10 s.
    assert found.jct_bound_s == pytest.approx(5.0)
    assert found.workers_bound_s == pytest.approx(13.0)


def test_a_run_without_a_profile_has_no_bounds(simulate_log: Simulate) -> None:
    setup = make_setup(overheads=NO_OVERHEADS)
    found = measure(simulate_log(setup), setup.replace_times(StepTimes()))
    assert found.mean_jct_s is not None
    assert found.bound_s is found.bound_ratio is found.workers_bound_s is found.workers_bound_ratio is None
    assert found.jct_bound_s is found.jct_bound_ratio is None


def test_like_runs_are_solved_once(simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    solved = []

    def count(*arguments: Any, **options: Any) -> Any:
        solved.append(arguments)
        return linprog(*arguments, **options)

    monkeypatch.setattr("scipy.optimize.linprog", count)
    setup = make_setup(overheads=NO_OVERHEADS, population=5, stop_iterations=37)
    figures = []
    for policy in ("fifo", "least-progress"):
        again = make_setup(overheads=NO_OVERHEADS, population=5, stop_iterations=37)  # as in another process
        figures.append(measure(simulate_log(again, f"fusion+{policy}", 1), again))
        if len(figures) == 1:
            first = len(solved)
    assert first > 0
    assert len(solved) == first
    assert figures[0].bound_s == figures[1].bound_s
    assert setup.times is not again.times


def test_only_gpus_with_enough_memory_count() -> None:
    """Two jobs of 20 iterations at 0.1 s that need 12 GiB: side by side on two cards of 16 GiB, one
    after the other where one of the two has 8 GiB, as no cores are known."""
    rows = [profile_row("v100", seconds=0.1, memory_gib=12.0)]
    bounds = []
    for sizes in ((16.0, 16.0), (16.0, 8.0)):
        nodes = [
            {"name": f"n{place}", "cores": 1, "gpus": 1, "gpu_type": "v100", "gpu_memory_gib": size}
            for place, size in enumerate(sizes)
        ]
        setup = make_setup(nodes, rows, population=2, pbt={"enabled": False})
        bounds.append(
            makespan_bound(full_jobs(setup.workload), cluster_devices(setup.cluster, setup.times), setup.times)
        )
    assert bounds == pytest.approx([2.0, 4.0])


def test_each_type_of_a_mixed_node_counts() -> None:
    """A V100 at 0.1 s and a K80 at 0.5 s train 12 iterations a second together."""
    setup = make_setup([{"name": "n", "cores": 1, "gpus": {"v100": 1, "k80": 1}}], population=12, stop_iterations=20)
    times = StepTimes([row for row in ROWS if row.device != "cpu"])
    found = makespan_bound(full_jobs(setup.workload), cluster_devices(setup.cluster, times), times)
    assert found == pytest.approx(20.0)
