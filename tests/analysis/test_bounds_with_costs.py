"""The bounds with what segments cost, against optima worked out by hand, by enumeration, and every
policy's runs."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from hetsched.analysis import bounds_makespan
from hetsched.analysis.bounds import (
    Bounds,
    cluster_devices,
    full_jobs,
    makespan_bound,
    worker_devices,
    workload_bounds,
)
from hetsched.analysis.bounds_groups import CAPS, Job, group_jobs
from hetsched.analysis.metrics import measure
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.cluster import Node, NodeId, Worker, gpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.segment_costs import SegmentCosts
from hetsched.domain.workload import PBT, Experiment, ExperimentId, TrialKind, Workload
from hetsched.errors import HetschedError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.bound import bound
from sim.engine import simulate
from tests.analysis.test_bounds import ALMOST, BY_POLICY, NODES, check_ratios
from tests.conftest import ROWS, make_setup, profile_row


@dataclass(frozen=True)
class Population:
    """Trials of so many iterations in segments of at most `interval`, which arrive together."""

    trials: int
    iterations: int
    interval: int
    arrival_s: float = 0.0


@dataclass(frozen=True)
class Instance:
    """Populations on workers, of which each has a type of its own: seconds of an iteration, of what
    a segment takes beside its iterations, and of a start-up. The driver takes `dispatch_s` for each
    segment."""

    workers: tuple[tuple[int, int, int], ...]
    populations: tuple[Population, ...]
    dispatch_s: int = 0

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        return tuple(
            Experiment(
                ExperimentId(f"e{number}"), "m", "d", (1,), of.trials, of.iterations, None,
                PBT(perturbation_interval=of.interval), {}, of.arrival_s, evaluation_images=0,
            )
            for number, of in enumerate(self.populations)
        )  # fmt: skip

    @property
    def times(self) -> StepTimes:
        return StepTimes(
            profile_row(
                f"gpu{number}",
                model="m",
                dataset="d",
                batch_size=1,
                seconds=step_s,
                checkpoint_s=save_s,
                start_up_s=up_s,
            )
            for number, (step_s, save_s, up_s) in enumerate(self.workers)
        )

    @property
    def costs(self) -> SegmentCosts:
        return SegmentCosts(self.times, self.experiments, dispatch_s=self.dispatch_s)

    @property
    def devices(self) -> list[Worker]:
        return [gpu_worker(Node(NodeId(f"n{w}"), 1, 1, f"gpu{w}"), 0, 1) for w in range(len(self.workers))]

    @property
    def bounds(self) -> Bounds:
        return workload_bounds(Workload(self.experiments), worker_devices(self.devices), self.times, self.costs)


class TestByHand:
    def of_one_core(self, overheads: dict[str, Any] | None = None, **experiment: Any) -> Setup:
        return make_setup(({"name": "a", "cores": 1},), overheads={"noise": False, **(overheads or {})}, **experiment)

    @staticmethod
    def makespan(setup: Setup) -> float:
        return bound(setup).overall.makespan_s

    def test_each_segment_pays_for_its_evaluation_and_its_checkpoint(self) -> None:
        # 5 s of start-up; a trial of 20 iterations of 4 s in two segments, each with 0.1 s and 0.25 s.
        assert self.makespan(self.of_one_core(population=1)) == pytest.approx(5 + 2 * (40 + 0.35))
        # Two segments, of 10 and 1 iterations.
        assert self.makespan(self.of_one_core(population=1, stop_iterations=11)) == pytest.approx(5 + 44 + 2 * 0.35)

    def test_a_job_without_pbt_pays_at_least_once(self) -> None:
        setup = self.of_one_core(pbt={"enabled": False})
        assert self.makespan(setup) == pytest.approx(5 + 4 * (80 + 0.35))

    def test_what_the_scenario_leaves_out_costs_nothing(self) -> None:
        setup = self.of_one_core({"start_up": False, "evaluation": False, "checkpoint": False})
        assert bound(setup).overall == pytest.approx(bound(setup).training_alone["any"])
        assert self.makespan(setup) == pytest.approx(4 * 80)

    def test_training_alone_is_told_beside_it(self) -> None:
        found = bound(self.of_one_core())
        assert found.training_alone["any"].makespan_s == pytest.approx(4 * 80)
        assert found.document()["training_alone_bound_s"] == pytest.approx(4 * 80)
        assert found.document()["training_alone_by_allocation_s"]["fusion"] == pytest.approx(4 * 80)

    def test_messages_and_the_driver_keep_a_worker(self) -> None:
        setup = self.of_one_core({"latency_s": 0.5, "dispatch_s": 0.25}, population=1)
        assert self.makespan(setup) == pytest.approx(5 + 2 * (40 + 0.35 + 0.75))

    def test_the_driver_serves_one_segment_after_the_other(self) -> None:
        # Four trials of two segments on four equal workers: eight times 100 s.
        instance = Instance(((1, 0, 0),) * 4, (Population(4, 20, 10),), dispatch_s=100)
        assert instance.bounds.makespan_s == pytest.approx(800)
        assert instance.bounds.trial_jct_s == pytest.approx((200 + 400 + 600 + 800) / 4)

    def test_a_checkpoint_in_the_memory_of_a_node_is_what_a_segment_waits_for(self) -> None:
        rows = [profile_row(seconds=4.0, checkpoint_s=3.0, object_store_save_s=1.0)]
        found = {}
        for place in ("storage", "both", "object-store"):
            setup = make_setup(({"name": "a", "cores": 1},), rows, population=1).replace(checkpoints={"place": place})
            found[place] = self.makespan(setup)
        beside = 5 + 80 + 2 * 0.1
        assert found == pytest.approx({"storage": beside + 6, "both": beside + 2, "object-store": beside + 2})

    def test_a_fast_worker_that_starts_slowly_comes_too_late(self) -> None:
        # 4 iterations take 8 s on the worker that is there at once; the other one starts up for 10 s.
        workers = ((2, 0, 0), (1, 0, 10))
        assert Instance(workers, (Population(1, 4, 4),)).bounds.makespan_s == pytest.approx(8)
        # 5 of them until 10 s on the slow one.
        assert Instance(workers, (Population(1, 40, 40),)).bounds.makespan_s == pytest.approx(10 + 35)

    def test_a_worker_that_an_earlier_experiment_has_started_is_warm(self) -> None:
        early, late = Population(1, 10, 10), Population(1, 10, 10, arrival_s=1000.0)
        assert Instance(((1, 0, 7),), (early, late)).bounds.makespan_s == pytest.approx(1010)
        assert Instance(((1, 0, 7),), (late,)).bounds.makespan_s == pytest.approx(1017)
        # Alone, the late one takes 10 s at least, as the worker may be warm.
        assert Instance(((1, 0, 7),), (early, late)).bounds.experiment_jct_s == pytest.approx((17 + 10) / 2)

    def test_whole_segments_leave_an_end(self) -> None:
        # Five of 10 iterations of 1 s and 2 s beside them, on three workers: 60 s of work in 20 s, if it could be cut.
        # Until 20.9 s each worker does 10 iterations and 6 more, until 21 s 7 more: 51.
        instance = Instance(((1, 2, 0),) * 3, (Population(5, 10, 10),))
        assert instance.bounds.makespan_s == pytest.approx(21)

    def test_no_more_workers_are_busy_than_there_are_trials(self) -> None:
        # One trial of two segments, on one of ten workers at a time.
        assert Instance(((1, 2, 0),) * 10, (Population(1, 20, 10),)).bounds.makespan_s == pytest.approx(24)
        # Two trials, a fast worker and two slow ones: the fast one is for one of them at a time.
        instance = Instance(((1, 0, 0), (4, 0, 0), (4, 0, 0)), (Population(2, 10, 10),))
        assert instance.bounds.makespan_s == pytest.approx(16)

    def test_gangs_that_stand_beside_workers_left_over(self) -> None:
        # Three gangs of two on five workers: two at a time.
        times = StepTimes([profile_row("v100", seconds=1.0, gpu_share=2.0, checkpoint_s=2.0, start_up_s=0.0)])
        workers = [gpu_worker(Node(NodeId("n"), 5, 5, "v100"), number, 1) for number in range(5)]
        jobs = {Job(TrialKind("resnet18", "cifar10", 32), 10, gang=2, longest_segment=10): 3}
        found = makespan_bound(jobs, worker_devices(workers), times, SegmentCosts(times))
        # 36 s of work in 18 s; until 18.9 s each of the two does 10 iterations and 4 more, until 19 s 5 more.
        assert found == pytest.approx(19)


def test_many_lengths_of_segments_are_rounded_up() -> None:
    times = StepTimes([profile_row("v100", seconds=1.0, checkpoint_s=7.0, start_up_s=0.0)])
    devices = worker_devices([gpu_worker(Node(NodeId("n"), 1, 1, "v100"), 0, 1)])
    jobs = {Job(TrialKind("resnet18", "cifar10", 32), 100 + n): 1 for n in range(CAPS + 1)}
    groups = group_jobs(jobs, devices, times, SegmentCosts(times))
    assert [group.most for group in groups] == [128]
    exact = sum(100 + n + 7 for n in range(CAPS + 1))
    assert exact * 0.97 < makespan_bound(jobs, devices, times, SegmentCosts(times)) <= exact


def shapes(trials: int, iterations: int, workers: int) -> st.SearchStrategy[Instance]:
    return st.builds(
        Instance,
        st.lists(
            st.tuples(st.integers(1, 3), st.integers(0, 2), st.sampled_from([0, 0, 2, 5])), min_size=1, max_size=workers
        ).map(tuple),
        st.lists(
            st.builds(
                Population,
                st.integers(1, trials),
                st.integers(1, iterations),
                st.integers(1, 3),
                st.sampled_from([0.0, 3.0]),
            ),
            min_size=1,
            max_size=2,
        )
        .filter(lambda populations: sum(of.trials for of in populations) <= trials)
        .map(lambda populations: tuple(sorted(populations, key=lambda of: of.arrival_s))),
        st.integers(0, 1),
    )  # fmt: skip


def best(instance: Instance) -> tuple[float, float]:
    """The least makespan and mean JCT of all schedules: every order of every cut into segments on
    every worker, where nothing waits for longer than it must."""
    jobs = [of for of in instance.populations for _ in range(of.trials)]
    cold = tuple(up_s for _, _, up_s in instance.workers)

    @cache
    def of_the_rest(
        left: tuple[int, ...], ready: tuple[float, ...], free: tuple[float, ...], up: tuple[int, ...], driver: float
    ) -> tuple[float, float]:
        if not any(left):
            return 0.0, 0.0
        makespan = jcts = inf
        for job, worker in ((j, w) for j, iterations in enumerate(left) if iterations for w in range(len(free))):
            step_s, save_s, _ = instance.workers[worker]
            for iterations in range(1, min(left[job], jobs[job].interval) + 1):
                begun = max(ready[job], free[worker]) + up[worker]
                end = max(driver, begun + iterations * step_s + save_s) + instance.dispatch_s
                is_last = iterations == left[job]
                end_of_rest, jcts_of_rest = of_the_rest(
                    put(left, job, left[job] - iterations),
                    put(ready, job, 0.0 if is_last else end),
                    put(free, worker, end),
                    put(up, worker, 0),
                    end if instance.dispatch_s else 0.0,
                )
                makespan = min(makespan, max(end, end_of_rest))
                jcts = min(jcts, jcts_of_rest + (end - jobs[job].arrival_s if is_last else 0.0))
        return makespan, jcts

    arrivals = tuple(of.arrival_s for of in jobs)
    makespan, jcts = of_the_rest(tuple(of.iterations for of in jobs), arrivals, (0.0,) * len(cold), cold, 0.0)
    return makespan, jcts / len(jobs)


def put(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*values[:place], value, *values[place + 1 :])


@given(instance=shapes(trials=3, iterations=3, workers=2))
def test_no_schedule_beats_the_bounds(instance: Instance) -> None:
    makespan, jct = best(instance)
    found = instance.bounds
    assert found.makespan_s * ALMOST <= makespan
    assert found.trial_jct_s * ALMOST <= jct


@given(instance=shapes(trials=20, iterations=50, workers=5))
def test_the_closed_form_of_like_trials_is_the_optimum_of_the_program(instance: Instance) -> None:
    jobs = Counter({Job(TrialKind("m", "d", 1), n, longest_segment=3): n for n in range(1, 5)})
    groups = group_jobs(jobs, worker_devices(instance.devices), instance.times, instance.costs)
    closed = [bounds_makespan._preemptive_makespan((group,), 0.0) for group in groups]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds_makespan, "_has_devices_of_its_own", lambda ways: False)
        program = [bounds_makespan._preemptive_makespan((group,), 0.0) for group in groups]
    assert closed == pytest.approx(program, rel=1e-6)


@given(instance=shapes(trials=8, iterations=30, workers=4))
def test_costs_only_raise_the_bounds(instance: Instance) -> None:
    workload, devices = Workload(instance.experiments), worker_devices(instance.devices)
    alone = workload_bounds(workload, devices, instance.times)
    for with_costs, without in zip(instance.bounds, alone, strict=True):
        assert with_costs >= without * ALMOST


# Runs.

COSTS = {
    "start_up_s": st.sampled_from([0.0, 5.0, 40.0]),
    "checkpoint_s": st.sampled_from([0.0, 0.25, 3.0]),
    "evaluation_s_per_image": st.sampled_from([0.0, 0.001, 0.05]),
    "object_store_save_s": st.sampled_from([None, 0.1]),
}

EXPERIMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "population": st.integers(1, 7),
            "stop_iterations": st.integers(1, 55),
            "arrival_s": st.sampled_from([0.0, 10.0, 100.0]),
            "stop_score": st.sampled_from([None, 0.2]),
            "evaluation_images": st.sampled_from([0, 100]),
            "pbt": st.sampled_from(
                [
                    {"enabled": False},
                    {"perturbation_interval": 7},
                    {"perturbation_interval": 10, "iterations": "lineage"},
                ]
            ),
        }
    ).filter(lambda table: bool(table["evaluation_images"] or not table["stop_score"])),
    min_size=1,
    max_size=3,
)  # fmt: skip


@BY_POLICY
@given(data=st.data())
def test_no_policy_beats_the_bounds(tmp_path_factory: pytest.TempPathFactory, policy: str, data: st.DataObject) -> None:
    rows = [row.model_copy(update=data.draw(st.fixed_dictionaries(COSTS))) for row in ROWS]
    tables = [{"name": f"e{number}", **table} for number, table in enumerate(data.draw(EXPERIMENTS))]
    overheads = {
        "noise": False,
        "dispatch_s": data.draw(st.sampled_from([0.0, 0.0, 0.5, 3.0])),
        "latency_s": data.draw(st.sampled_from([0.0, 1.0])),
    }
    setup = make_setup(NODES, rows, overheads, experiments=tables)
    setup = setup.replace(checkpoints={"place": data.draw(st.sampled_from(["both", "storage"]))})
    folder = tmp_path_factory.mktemp("run")
    strategy = Strategy(data.draw(st.sampled_from(["fusion", "uniform", "sliced"])), policy)
    try:
        simulate(setup, strategy, 0, folder)
    except HetschedError as refused:  # copies under lineage may take trials back for ever
        if "the run cannot end" in str(refused):
            reject()
        raise
    check_ratios(measure(read_log(folder / LOG_NAME), setup))


GANGS = st.lists(
    st.fixed_dictionaries(
        {
            "gang": st.integers(1, 3),
            "population": st.integers(1, 4),
            "stop_iterations": st.integers(1, 30),
            "arrival_s": st.sampled_from([0.0, 5.0, 60.0]),
            "pbt": st.sampled_from([{"enabled": False}, {"perturbation_interval": 7}]),
            "devices": st.sampled_from([["k80"], None]),
        }
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("policy", ["least-progress", "fifo", "lookahead", "sia", "gavel-las"])
@given(data=st.data())
def test_no_gang_beats_the_bounds(tmp_path_factory: pytest.TempPathFactory, policy: str, data: st.DataObject) -> None:
    """Experiments of gangs and of single workers meet on the same workers. So a gang may have warm
    workers and cold ones."""
    pairs = [
        *(profile_row("k80", seconds=seconds, gpu_share=share) for share, seconds in ((2.0, 0.3), (3.0, 0.2))),
        profile_row(cores=8, seconds=0.9),
    ]
    costs = COSTS | {"restore_s": st.sampled_from([0.0, 2.0, 20.0])}
    rows = [row.model_copy(update=data.draw(st.fixed_dictionaries(costs))) for row in [*ROWS, *pairs]]
    tables = [{"name": f"e{number}", **table} for number, table in enumerate(data.draw(GANGS))]
    gpus = data.draw(st.integers(3, 5))
    nodes = [{"name": f"g{number}", "cores": 8, "gpus": 1, "gpu_type": "k80"} for number in range(gpus)]
    setup = make_setup(nodes, rows, {"noise": False}, experiments=tables)
    setup = setup.replace(checkpoints={"place": data.draw(st.sampled_from(["both", "storage"]))})
    folder = tmp_path_factory.mktemp("run")
    simulate(
        setup, parse_strategy(f"{data.draw(st.sampled_from(['uniform', 'fusion', 'gpu-only']))}+{policy}"), 0, folder
    )
    check_ratios(measure(read_log(folder / LOG_NAME), setup))


def test_any_allocation_starts_up_as_its_workers_do() -> None:
    # Four cores: one worker of four (1 s an iteration, 30 s of start-up), or four of one (4 s, at once).
    rows = [
        profile_row(cores=cores, seconds=4 / cores, checkpoint_s=0.0, start_up_s=10.0 * (cores - 1)) for cores in (1, 4)
    ]
    setup = make_setup(({"name": "a", "cores": 4},), rows, {"noise": False}, population=1, evaluation_images=0)
    devices = cluster_devices(setup.cluster, setup.times)
    found = makespan_bound(full_jobs(setup.workload), devices, setup.times, setup.costs)
    assert 30 + (20 - 30 / 4) > found >= 20 * 1.0  # a core trains until the larger workers are there
