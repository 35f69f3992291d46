"""Metrics: logs and figures worked out by hand, and the same figures whichever way a run is
measured."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from hetsched.analysis.bounds import makespan_bound, worker_devices
from hetsched.analysis.bounds_groups import Job
from hetsched.analysis.metrics import Measurement, Metrics, measure, measure_log
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.state import State
from hetsched.domain.cluster import Node, NodeId, Worker, WorkerId, cpu_worker
from hetsched.domain.metric import Metric
from hetsched.domain.workload import TrialId, TrialKind
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable, MetricsTable
from hetsched.studies.one_run import carry_out
from tests.conftest import NO_OVERHEADS, Simulate, make_setup

SLOW, FAST = (cpu_worker(Node(NodeId(name), cores), 0, cores) for name, cores in (("slow", 1), ("fast", 2)))
W, V = SLOW.id, FAST.id
NOTHING = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Log:
    """A log in the making: trials are called e-0, e-1, ... in the order of the scenario's
    experiments."""

    def __init__(self, setup: Setup, *workers: Worker) -> None:
        self.scenario = setup
        self.events: list[Event] = [WorkerJoined(0.0, worker) for worker in workers]
        self._on: dict[str, WorkerId] = {}
        for experiment in setup.workload.experiments:
            self.events.append(ExperimentArrived(experiment.arrival_s, experiment))
            for number, trial in enumerate(experiment.trial_ids()):
                batch_size = experiment.kind(number).batch_size
                self.events.append(TrialAdded(experiment.arrival_s, trial, experiment.id, batch_size, {}))

    def start(self, time: float, trial: str, *workers: WorkerId, iterations: int = 10) -> None:
        self._on[trial] = workers[0]
        self.events.append(SegmentStarted(time, TrialId(trial), workers[0], iterations, workers[1:]))

    def end(self, time: float, trial: str, score: float | None = 0.0, iterations: int = 10) -> None:
        self.events.append(SegmentEnded(time, TrialId(trial), self._on[trial], iterations, score, NOTHING))

    def lose(self, time: float, trial: str) -> None:
        self.events.append(SegmentLost(time, TrialId(trial), self._on[trial], "a test"))

    def complete(self, time: float, trial: str) -> None:
        self.events.append(TrialCompleted(time, TrialId(trial), "a test"))

    def run(self, trial: str, worker: WorkerId, start: float, end: float, score: float | None = 0.0) -> None:
        self.start(start, trial, worker)
        self.end(end, trial, score)

    def measure(self) -> Metrics:
        return measure(self.events, self.scenario)


def two_trials(**changes: Any) -> Setup:
    return make_setup(population=2, stop_iterations=20, **changes)


def test_two_trials_take_turns_on_a_worker() -> None:
    scenario = two_trials(stop_score=0.8).replace(metrics=MetricsTable(deadline_s=35.0))
    log = Log(scenario, SLOW)
    log.run("e-0", W, 0, 10, 0.5)
    log.run("e-1", W, 10, 30, 0.6)  # e-0 waits
    log.run("e-0", W, 30, 40, 0.85)  # e-1 waits
    log.complete(40, "e-0")
    log.run("e-1", W, 40, 60, 0.7)
    log.complete(60, "e-1")
    found = log.measure()
    assert found.makespan_s == 60
    assert found.mean_jct_s == 50
    assert found.p99_jct_s == pytest.approx(40 + 0.99 * 20)
    assert found.best_score == 0.85
    assert found.time_to_target_s == 40
    assert found.score_at_deadline == 0.6
    assert found.utilisation == 1
    assert (found.preemptions, found.migrations) == (2, 0)
    # One trial is an interval behind the other from 10 to 30 s and from 40 to 60 s; there are 40 + 60 s of trials.
    assert found.staleness == pytest.approx((20 + 20) / 100)
    assert (found.wasted_s, found.wasted_fraction) == (0, 0)
    assert found.finish_time_fairness is None, "there is one experiment"


def test_a_response_time_is_weighed_by_work_and_not_by_the_device_that_did_it() -> None:
    """An iteration takes 4 s on the slow worker, 2 s on the fast one. The long trial has 30
    iterations, 60 s of the fast worker, and responds in 60 s. The short one, which comes at 20 s,
    has 10 iterations, 20 s of the fast worker although the slow one trains them in 40 s, and
    responds in 45 s."""
    tables = [
        {"name": "long", "population": 1, "stop_iterations": 30},
        {"name": "short", "population": 1, "stop_iterations": 10, "arrival_s": 20.0},
    ]
    log = Log(make_setup(experiments=tables), SLOW, FAST)
    for number in range(3):
        log.run("long-0", V, 20 * number, 20 * (number + 1))
    log.complete(60, "long-0")
    log.run("short-0", W, 25, 65)
    log.complete(65, "short-0")
    log.events.sort(key=lambda event: event.time)
    found = log.measure()
    assert found.mean_jct_s == (60 + 45) / 2
    assert found.area_weighted_jct_s == pytest.approx((60 * 60 + 20 * 45) / (60 + 20))


def test_a_gang_weighs_as_much_as_the_workers_that_it_takes() -> None:
    """20 iterations on one core take 80 s and end at 80 s, 20 on two cores 2 x 40 s and end at 120
    s: they weigh the same. A trial that is not completed weighs nothing."""
    tables = [
        {"name": "one", "population": 1, "stop_iterations": 20},
        {"name": "pair", "population": 1, "stop_iterations": 20, "gang": 2},
        {"name": "other", "population": 1, "stop_iterations": 20},
    ]
    both = [cpu_worker(Node(NodeId(name), 1), 0, 1) for name in ("a", "b")]
    log = Log(make_setup(experiments=tables, nodes=[{"name": "a", "cores": 1}, {"name": "b", "cores": 1}]), *both)
    log.start(0, "one-0", both[0].id, iterations=20)
    log.end(80, "one-0", iterations=20)
    log.complete(80, "one-0")
    log.start(80, "pair-0", both[0].id, both[1].id, iterations=20)
    log.end(120, "pair-0", iterations=20)
    log.complete(120, "pair-0")
    assert log.measure().area_weighted_jct_s == pytest.approx((80 * 80 + 80 * 120) / 160)


LOSS = {"name": "loss", "mode": "min"}


def test_a_loss_is_the_better_the_smaller_it_is() -> None:
    scenario = two_trials(stop_score=0.6, metric=LOSS).replace(metrics=MetricsTable(deadline_s=35.0))
    log = Log(scenario, SLOW)
    log.run("e-0", W, 0, 10, 0.9)
    log.run("e-1", W, 10, 30, 0.7)
    log.run("e-0", W, 30, 40, 0.5)
    log.complete(40, "e-0")
    log.run("e-1", W, 40, 60, 0.8)
    found = log.measure()
    assert found.metric == Metric("loss", "min")
    assert (found.best_score, found.score_at_deadline, found.time_to_target_s) == (0.5, 0.7, 40)


def test_a_segment_that_ends_at_the_deadline_counts_in_spite_of_rounding() -> None:
    log = Log(two_trials().replace(metrics=MetricsTable(deadline_s=0.3)), SLOW)
    log.run("e-0", W, 0, 0.1, 0.5)
    log.run("e-1", W, 0.1, 0.1 + 0.1 + 0.1, 0.7)
    assert log.measure().score_at_deadline == 0.7


def test_scores_of_different_metrics_are_not_compared() -> None:
    experiments: list[dict[str, Any]] = [{"name": "e0", "stop_score": 0.9}, {"name": "e1", "metric": LOSS}]
    log = Log(make_setup(experiments=experiments).replace(metrics=MetricsTable(deadline_s=35.0)), SLOW)
    log.run("e0-0", W, 0, 10, 0.95)
    log.run("e1-0", W, 10, 20, 3.0)
    found = log.measure()
    assert (found.metric, found.best_score, found.score_at_deadline) == (None, None, None)
    assert found.time_to_target_s == 10  # of the experiment that has a target


def test_where_nothing_was_evaluated_no_score_is_the_best() -> None:
    log = Log(two_trials(evaluation_images=0).replace(metrics=MetricsTable(deadline_s=35.0)), SLOW)
    log.run("e-0", W, 0, 10, None)
    found = log.measure()
    assert (found.metric, found.best_score, found.score_at_deadline) == (Metric("accuracy", "max"), None, None)


def test_a_target_of_ones_own_and_one_that_is_never_reached() -> None:
    log = Log(two_trials(stop_score=0.8), SLOW)
    log.run("e-0", W, 0, 10, 0.5)
    assert log.measure().time_to_target_s is None
    log.scenario = log.scenario.replace(metrics=MetricsTable(target_score=0.5))
    assert log.measure().time_to_target_s == 10
    assert log.measure().score_at_deadline is None


def test_of_several_targets_the_last_one_reached_counts_and_who_is_not_evaluated_has_none() -> None:
    experiments: list[dict[str, Any]] = [{"name": "e0"}, {"name": "e1"}, {"name": "e2", "evaluation_images": 0}]
    log = Log(make_setup(experiments=experiments).replace(metrics=MetricsTable(target_score=0.5)), SLOW)
    log.run("e0-0", W, 0, 10, 0.6)
    log.run("e2-0", W, 10, 20)
    assert log.measure().time_to_target_s is None
    log.run("e1-0", W, 20, 30, 0.5)
    log.run("e0-0", W, 30, 40, 0.9)
    assert log.measure().time_to_target_s == 30


def test_workers_that_come_late_and_leave_count_while_they_are_there() -> None:
    log = Log(two_trials(), SLOW)
    log.start(0, "e-0", W)
    log.events.append(WorkerJoined(20, FAST))
    log.start(20, "e-1", V)
    log.end(30, "e-0")
    log.start(30, "e-0", W)
    log.lose(40, "e-1")
    log.events.append(WorkerLeft(40, V, "a test"))
    log.events.append(WorkerJoined(50, FAST))
    log.start(50, "e-1", V)
    log.end(60, "e-0")
    log.complete(60, "e-0")
    log.end(70, "e-1")
    found = log.measure()
    # The slow one is there for 70 s and busy for 60, the fast one from 20 to 40 and from 50 to 70, always busy.
    assert found.utilisation == pytest.approx((60 + 40) / (70 + 40))
    assert found.workers[W].utilisation == pytest.approx(60 / 70)
    assert found.workers[V].utilisation == 1
    assert (found.lost_segments, found.wasted_s, found.wasted_fraction) == (1, 20, pytest.approx(0.2))
    assert (found.preemptions, found.migrations) == (0, 0)


def test_what_a_lost_checkpoint_undoes_was_wasted() -> None:
    log = Log(two_trials(), SLOW)
    log.run("e-0", W, 0, 10)
    log.run("e-0", W, 10, 30)
    log.events.append(CheckpointLost(30, TrialId("e-0"), iterations=10, score=0.0, reason="a test"))
    log.run("e-0", W, 30, 70)
    found = log.measure()
    assert (found.wasted_s, found.wasted_fraction) == (20, pytest.approx(20 / 70))
    # e-1 waits at 0 iterations: an interval behind from 10 s on, two for no time at 30 s.
    assert found.staleness == pytest.approx(60 / (2 * 70))
    log.events.append(CheckpointLost(70, TrialId("e-0"), iterations=0, score=None, reason="a test"))
    assert log.measure().wasted_s == 70


def test_who_goes_on_elsewhere_at_the_same_moment_was_not_preempted() -> None:
    for first_on_its_old_worker in (True, False):
        log = Log(two_trials(), SLOW, FAST)
        log.run("e-0", W, 0, 10)
        if first_on_its_old_worker:
            log.start(10, "e-1", W)
            log.start(10, "e-0", V)
        else:
            log.start(10, "e-0", V)
            log.start(10, "e-1", W)
        log.end(20, "e-0")
        log.end(20, "e-1")
        assert (log.measure().preemptions, log.measure().migrations) == (0, 1)


def test_who_left_its_worker_long_ago_is_not_preempted_there() -> None:
    log = Log(make_setup(population=3), SLOW, FAST)
    log.run("e-0", W, 0, 10)
    log.run("e-0", V, 10, 20)  # its worker is the fast one now
    log.run("e-1", W, 20, 30)
    assert (log.measure().preemptions, log.measure().migrations) == (0, 1)
    log.run("e-2", V, 30, 40)
    assert (log.measure().preemptions, log.measure().migrations) == (1, 1)


def test_a_gang_is_busy_on_all_its_workers() -> None:
    log = Log(make_setup(population=2, gang=2), SLOW, FAST)
    log.start(0, "e-0", W, V)
    log.end(10, "e-0")
    log.start(10, "e-1", V, W)
    log.lose(30, "e-1")
    log.start(30, "e-0", V, W)
    log.end(40, "e-0")
    found = log.measure()
    assert found.utilisation == 1
    assert found.wasted_s == 2 * 20
    assert (found.preemptions, found.migrations) == (1, 0), "e-0 waited once, and never left its two workers"


def independent(count: int, iterations: int = 12) -> Setup:
    job = {"population": 1, "pbt": {"enabled": False}, "stop_iterations": iterations}
    return make_setup(overheads=NO_OVERHEADS, experiments=[{"name": f"e{number}", **job} for number in range(count)])


def test_fairness_is_by_the_time_alone_with_an_equal_part_of_the_workers() -> None:
    log = Log(independent(2), SLOW)
    for number in range(2):  # 12 iterations at 4 s
        log.start(48 * number, f"e{number}-0", W, iterations=12)
        log.end(48 * (number + 1), f"e{number}-0", iterations=12)
        log.complete(48 * (number + 1), f"e{number}-0")
    found = log.measure()
    # With half the worker each would take 96 s.
    assert found.finish_time_fairness == pytest.approx(1.0)
    assert found.mean_finish_time_fairness == pytest.approx((0.5 + 1.0) / 2)
    assert found.staleness is None, "independent trials cannot be stale"


@pytest.mark.parametrize(("share", "iterations_per_s"), [(1, 1 / 2), (1 / 2, 1 / 8 + 1 / 4), (1 / 4, 1 / 16 + 1 / 8)])
def test_a_job_with_a_part_of_every_worker_uses_the_fastest_first(share: float, iterations_per_s: float) -> None:
    # The workers do 1/4 and 1/2 iterations a second; the job can be on one of them at a time.
    job = Job(TrialKind("resnet18", "cifar10", 32), 12)
    found = makespan_bound({job: 1}, worker_devices([SLOW, FAST]), make_setup().times, share=share)
    assert found == pytest.approx(12 / iterations_per_s)


@given(
    jobs=st.dictionaries(st.integers(1, 100), st.integers(1, 4), min_size=1, max_size=5),
    workers=st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any),
    share=st.sampled_from([1, 1 / 2, 1 / 3, 1 / 7]),
)
def test_on_workers_the_bound_of_like_jobs_is_the_optimum_of_the_linear_program(
    jobs: dict[int, int], workers: tuple[int, int], share: float
) -> None:
    kind = TrialKind("resnet18", "cifar10", 32)
    devices = worker_devices([SLOW] * workers[0] + [FAST] * workers[1])
    counts = {Job(kind, iterations): count for iterations, count in jobs.items()}
    found = makespan_bound(counts, devices, make_setup().times, share=share)

    sizes = [iterations for iterations, count in jobs.items() for _ in range(count)]
    n = len(sizes)  # columns: seconds of each job on slow workers, on fast ones, and at last the makespan
    own, ones = np.eye(n), np.ones((1, n))
    rows = [
        np.hstack([-own / 4, -own / 2, np.zeros((n, 1))]),
        np.hstack([own, own, -np.ones((n, 1))]),
        np.hstack([ones, 0 * ones, [[-share * workers[0]]]]),
        np.hstack([0 * ones, ones, [[-share * workers[1]]]]),
    ]
    limits = [*(-float(size) for size in sizes), *[0.0] * (n + 2)]
    program = linprog([0.0] * (2 * n) + [1.0], A_ub=np.vstack(rows), b_ub=limits)
    assert found == pytest.approx(program.fun)


FAULTS: list[dict[str, Any]] = [
    {},
    {"workers": {"mean_between_s": 60.0, "mean_repair_s": 10.0}},
    {"late": {"b": 40.0}, "trials": {"mean_between_s": 100.0}},
]


@pytest.mark.parametrize("faults", FAULTS)
def test_a_run_is_measured_as_its_log_is(tmp_path: Path, faults: dict[str, Any]) -> None:
    scenario = make_setup(population=5, stop_iterations=40).replace(faults=FaultsTable.model_validate(faults))
    run, state = carry_out("sim", scenario, parse_strategy("fusion+least-progress"), 3, tmp_path)
    assert measure_log(run.log, scenario) == run.metrics
    assert run.metrics.seed == 3
    assert run.metrics.completed == len(state.trials) == 5
    assert 0 < run.metrics.utilisation <= 1
    assert 0 <= run.metrics.wasted_fraction < 1
    assert run.metrics.wasted_fraction > 0 or not run.metrics.lost_segments


def test_first_come_first_served_preempts_nobody_and_turns_preempt_everybody(simulate_log: Simulate) -> None:
    setup = make_setup(population=4, stop_iterations=40, overheads={"noise": False})
    in_order, in_turn = (measure(simulate_log(setup, f"fusion+{name}"), setup) for name in ("fifo", "least-progress"))
    assert in_order.preemptions == 0 < in_turn.preemptions
    assert in_order.staleness is not None and in_turn.staleness is not None
    assert in_turn.staleness < in_order.staleness


def test_events_that_say_nothing_of_metrics_do_not_matter() -> None:
    class SomethingElse(Event, frozen=True):
        pass

    log = Log(two_trials(), SLOW)
    log.run("e-0", W, 0, 10)
    state, measurement = State(), Measurement(log.scenario)
    for event in log.events:
        state.apply(event)
        measurement(state, event)
        measurement(state, SomethingElse(event.time))
    state.apply(TrialExploited(10, TrialId("e-1"), TrialId("e-0"), {}))
    assert measurement.metrics(state).makespan_s == 10


def test_a_log_without_segments_has_no_figures_that_divide_by_nothing() -> None:
    found = Log(two_trials(), SLOW).measure()
    assert (found.makespan_s, found.utilisation, found.wasted_fraction, found.best_score) == (0, 0, 0, None)
    assert found.mean_jct_s is found.p99_jct_s is found.time_to_target_s is found.staleness is None
    assert found.area_weighted_jct_s is None
