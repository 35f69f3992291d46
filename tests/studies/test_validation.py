"""Predicted against measured, with the simulator in both roles."""

from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console
from scipy.stats import ttest_1samp

from hetsched.analysis.metrics import measure
from hetsched.core.events import SegmentEnded, SegmentStarted
from hetsched.core.log import read_log
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId, TrialKind
from hetsched.errors import InputError
from hetsched.report.tables import agreement_table
from hetsched.report.whole_tables import print_table
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.calibration import Calibration, calibrate, calibrated, completed
from hetsched.studies.validation import (
    Agreement,
    OrderAgreement,
    Repetition,
    agreement,
    check_pace,
    decisions,
    error,
    mean_absolute_error_percent,
    order_agreement,
    probe_scenario,
)
from tests.conftest import Simulate, make_setup, profile_row

NODES = (
    {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"},
    {"name": "a", "cores": 2},
    {"name": "b", "cores": 1, "pace": 1.5},
)
QUIET = {"noise": False, "latency_s": 0.25}


def test_a_probe_run_gives_back_the_profile_that_it_ran_on(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, overheads=QUIET, population=9, stop_iterations=100)
    probe = probe_scenario(setup, workers=3)
    found = calibrate(simulate_log(probe, "fusion+least-progress"), "a test")
    assert found.latency_s == pytest.approx(0.25)
    again = calibrated(setup, found)
    kind = TrialKind("resnet18", "cifar10", 32)
    for worker in setup.workers(parse_strategy("fusion+fifo")):
        assert again.times.seconds_per_iteration(kind, worker.type) == pytest.approx(
            setup.times.seconds_per_iteration(kind, worker.type)
        )
        costs, expected = again.times.costs(kind, worker.type), setup.times.costs(kind, worker.type)
        assert costs.evaluation_s_per_image == pytest.approx(expected.evaluation_s_per_image)
        assert costs.start_up_s == pytest.approx(expected.start_up_s)
        assert costs.restore_s == pytest.approx(expected.restore_s)
        assert costs.checkpoint_s == pytest.approx(expected.checkpoint_s)
    measured = measure(simulate_log(setup, "fusion+hrfs"), setup)
    predicted = measure(simulate_log(again, "fusion+hrfs"), again)
    assert predicted.makespan_s == pytest.approx(measured.makespan_s)


def test_the_probe_sees_every_worker_cold_and_warm(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, population=9, stop_iterations=100)
    ended = [e for e in simulate_log(probe_scenario(setup, 3), "fusion+least-progress") if isinstance(e, SegmentEnded)]
    for worker in ("g/gpu0", "a/cpu0", "b/cpu0"):
        here = [event.parts for event in ended if event.worker == worker]
        assert any(parts.start_up_s > 0 for parts in here)
        assert any(parts.start_up_s == 0 for parts in here)
    assert any(event.parts.restore_s > 0 for event in ended)


def test_what_first_iterations_take_longer_is_part_of_the_start_up(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, overheads=QUIET, population=9, stop_iterations=100)
    events = simulate_log(probe_scenario(setup, workers=3), "fusion+least-progress")
    slower = [
        replace(event, parts=replace(event.parts, train_s=event.parts.train_s + 2.0))
        if isinstance(event, SegmentEnded) and event.parts.start_up_s > 0
        else event
        for event in events
    ]
    for before, after in zip(calibrate(events, "a test").rows, calibrate(slower, "a test").rows, strict=True):
        assert after.seconds_per_iteration == pytest.approx(before.seconds_per_iteration)
        assert before.start_up_s is not None and after.start_up_s == pytest.approx(before.start_up_s + 2.0)


def test_making_a_trial_ready_on_a_cold_worker_is_part_of_the_start_up(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, overheads=QUIET, population=9, stop_iterations=100)
    events = simulate_log(probe_scenario(setup, workers=3), "fusion+least-progress")
    slower = [
        replace(event, parts=replace(event.parts, restore_s=1.5))
        if isinstance(event, SegmentEnded) and event.parts.start_up_s > 0
        else event
        for event in events
    ]
    for before, after in zip(calibrate(events, "a test").rows, calibrate(slower, "a test").rows, strict=True):
        assert before.start_up_s is not None and after.start_up_s == pytest.approx(before.start_up_s + 1.5)
        assert after.restore_s == before.restore_s


@pytest.mark.parametrize(("late", "expected"), [(1, 2.0), (7, 2.7)])
def test_a_paced_step_is_what_the_pace_asks_unless_most_segments_are_late(
    simulate_log: Simulate, late: int, expected: float
) -> None:
    """Of eight warm segments some, or all but one, took 8 s more for 10 iterations."""
    setup = make_setup(
        [{"name": "a", "cores": 1, "pace": 1.0}], [profile_row(seconds=2.0)], overheads=QUIET, population=3,
        stop_iterations=30,
    )  # fmt: skip
    left, events = late, []
    for event in simulate_log(setup):
        if isinstance(event, SegmentEnded) and event.parts.start_up_s == 0 and left:
            left -= 1
            event = replace(event, parts=replace(event.parts, train_s=event.parts.train_s + 8.0), late_s=8.0)
        events.append(event)
    [row] = calibrate(events, "a test").rows
    assert row.seconds_per_iteration == pytest.approx(expected)


@pytest.mark.parametrize(("floor_s", "held_s", "least_s"), [(1.0, 2.0, 2.0), (3.0, 3.0, 2.0), (5.0, 5.0, 2.5)])
def test_a_pace_that_a_plan_measures_is_one_that_workers_of_every_pace_hold(
    simulate_log: Simulate, floor_s: float, held_s: float, least_s: float
) -> None:
    """Paces ask 2 s and 4 s per iteration, and the machine takes `floor_s` at least. A plan asked the
    mean of both, which the probe had shown to be impossible."""
    nodes = [{"name": "fast", "cores": 1, "pace": 1.0}, {"name": "slow", "cores": 1, "pace": 2.0}]
    setup = make_setup(nodes, [profile_row(seconds=2.0)], overheads=QUIET, population=4, stop_iterations=30)
    events = []
    for event in simulate_log(setup):
        if isinstance(event, SegmentEnded):
            taken_s = max(event.parts.train_s, floor_s * event.iterations)
            late_s = taken_s - event.parts.train_s
            event = replace(event, parts=replace(event.parts, train_s=taken_s), late_s=late_s)
        events.append(event)
    [row] = calibrate(events, "a test", held=True).rows
    assert row.seconds_per_iteration == pytest.approx(held_s)
    assert row.noise_cv == pytest.approx(0.0, abs=1e-6)
    [mean] = calibrate(events, "a test").rows
    assert least_s <= mean.seconds_per_iteration <= held_s


def test_the_noise_of_an_iteration_is_found_whatever_the_length_of_segments(simulate_log: Simulate) -> None:
    rows = [profile_row(seconds=1.0, noise_cv=0.3)]
    setup = make_setup([{"name": "a", "cores": 1}], rows, population=60, stop_iterations=11)  # of 10 and 1
    [row] = calibrate(simulate_log(setup), "a test").rows
    assert row.noise_cv == pytest.approx(0.3, rel=0.2)


def test_the_probe_is_no_longer_than_a_run() -> None:
    setup = make_setup(NODES, stop_iterations=100, pbt={"enabled": False})
    [experiment] = probe_scenario(setup, 3).workload.experiments
    assert experiment.stop_iterations <= 100


def test_what_the_probe_did_not_meet_is_the_profiles_at_the_speed_that_it_found() -> None:
    rows = [profile_row(batch_size=32, seconds=1.0), profile_row(batch_size=64, seconds=1.5)]
    setup = make_setup([{"name": "a", "cores": 1}], rows, batch_size=[32, 64])
    workers = setup.workers(parse_strategy("fusion+fifo"))
    found = completed(Calibration([profile_row(batch_size=32, seconds=3.0)], 0.0), setup, workers)
    assert {row.batch_size: row.seconds_per_iteration for row in found.rows} == {32: 3.0, 64: 4.5}
    with pytest.raises(InputError, match="the probe saw no trial of resnet18 on cifar10, batch 32 on "):
        completed(Calibration([], 0.0), setup, workers)


def test_workers_are_the_same_whatever_else_is_learned_of_the_machine() -> None:
    """`sliced` cuts nodes by the number of trials and by step times, both of which the probe
    changes."""
    rows = [profile_row(cores=1, seconds=2.0), profile_row(cores=2, seconds=1.2)]
    setup = make_setup([{"name": "a", "cores": 5}], rows, population=4)
    strategy = parse_strategy("sliced+fifo")
    kept = setup.freeze_workers([strategy])
    workers = kept.workers(strategy)
    probe = probe_scenario(kept, len(workers))
    assert probe.workers(strategy) == workers
    assert calibrated(kept, Calibration([profile_row(cores=1)], 0.0)).workers(strategy) == workers
    assert probe_scenario(setup, len(workers)).workers(strategy) != workers


def test_a_pace_for_only_some_workers_of_a_type_is_refused() -> None:
    nodes = [{"name": "a", "cores": 1}, {"name": "b", "cores": 1, "pace": 2.0}]
    with pytest.raises(InputError, match="workers a/cpu0 and b/cpu0 are of one type, and only one has a pace"):
        check_pace(make_setup(nodes).workers(parse_strategy("fusion+fifo")))


def repetition(simulate_log: Simulate, setup: Setup, seed: int = 0) -> Repetition:
    log = simulate_log(setup, seed=seed)
    return Repetition(measure(log, setup), decisions(log))


def test_errors_are_signed_and_by_worker(simulate_log: Simulate) -> None:
    fast = make_setup(NODES, overheads={"noise": False}, population=6)
    slow = make_setup(NODES, overheads={"noise": False, "dispatch_s": 10.0}, population=6)
    predicted, measured = [repetition(simulate_log, fast)], [repetition(simulate_log, slow)]
    found = agreement([predicted], measured)
    assert found.makespan_s.error_percent is not None and found.makespan_s.error_percent < 0
    assert found.makespan_s.predicted == predicted[0].metrics.makespan_s
    assert set(found.workers) == {"g/gpu0", "a/cpu0", "b/cpu0"}
    assert sum(w.segments.measured for w in found.workers.values()) == 12
    same = agreement([measured], measured)
    assert same.makespan_s.error_percent == 0
    assert same.decisions == 1


def test_a_run_is_predicted_by_the_mean_of_several(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, population=6)
    draws = [repetition(simulate_log, setup, seed) for seed in (1, 2, 3)]
    measured = repetition(simulate_log, setup, 4)
    found = agreement([draws], [measured])
    assert found.makespan_s.predicted == pytest.approx(sum(draw.metrics.makespan_s for draw in draws) / 3)
    shares = [agreement([[draw]], [measured]).decisions for draw in draws]
    assert found.decisions == pytest.approx(sum(shares) / 3)


@pytest.mark.parametrize("metric", [{}, {"name": "loss", "mode": "min"}])
def test_best_scores_are_compared_where_both_are_known(simulate_log: Simulate, metric: dict[str, str]) -> None:
    run = repetition(simulate_log, make_setup(NODES, metric=metric).replace(learning={"model": "unknown"}))
    [half, whole, unknown] = [
        Repetition(replace(run.metrics, best_score=score), run.decisions) for score in (0.5, 1.0, None)
    ]
    found = agreement([[half], [unknown], [whole]], [whole, half, unknown])
    assert found.metric == run.metrics.metric
    assert found.best_score is not None
    assert (found.best_score.predicted, found.best_score.measured, found.best_score.error_percent) == (0.5, 1.0, -50.0)
    assert agreement([[unknown]], [half]).best_score is None


def test_scores_of_any_size_and_sign_are_compared(simulate_log: Simulate) -> None:
    """A small loss was shown as 0.000, and the sign of an error was turned round below 0."""
    setup = make_setup(NODES, metric={"name": "reward", "mode": "max"}).replace(learning={"model": "unknown"})
    run = repetition(simulate_log, setup)
    [low, high] = [Repetition(replace(run.metrics, best_score=score), run.decisions) for score in (-0.00002, -0.00001)]
    found = agreement([[high]], [low])
    assert found.best_score is not None and found.best_score.error_percent == 50.0
    screen = StringIO()
    print_table(agreement_table({"fusion+fifo": found}), Console(file=screen, width=140))
    rows = [" ".join(line.replace("│", " ").split()) for line in screen.getvalue().splitlines()]
    assert "best reward -1e-05 -2e-05 +50.0%" in rows


def test_a_worker_that_only_one_side_ever_had_did_nothing_on_the_other(simulate_log: Simulate) -> None:
    """As where the scenario's `faults.late` have it join after the end."""
    all_there = make_setup(NODES, population=6)
    one_less = make_setup(NODES[:2], population=6)
    predicted, measured = repetition(simulate_log, one_less), repetition(simulate_log, all_there)
    for found, less, more in (
        (agreement([[predicted]], [measured]), "predicted", "measured"),
        (agreement([[measured]], [predicted]), "measured", "predicted"),
    ):
        assert set(found.workers) == {"g/gpu0", "a/cpu0", "b/cpu0"}
        late = found.workers[WorkerId("b/cpu0")]
        assert (getattr(late.segments, less), getattr(late.utilisation, less)) == (0.0, 0.0)
        assert getattr(late.segments, more) > 0


def started(trial: str, worker: str, iterations: int = 10) -> SegmentStarted:
    return SegmentStarted(0.0, TrialId(trial), WorkerId(worker), iterations)


def test_decisions_are_alike_if_a_trials_segment_goes_to_the_same_worker_for_as_long() -> None:
    measured = [started("t0", "a"), started("t1", "b"), started("t0", "b"), started("t1", "a")]
    predicted = [started("t1", "b"), started("t0", "a"), started("t0", "a"), started("t1", "a", 5)]
    assert decisions(measured)[TrialId("t0"), 2] == ("b", 10)
    shared = decisions(measured).items() & decisions(predicted).items()
    assert shared == {((TrialId("t0"), 1), ("a", 10)), ((TrialId("t1"), 1), ("b", 10))}


def strategy_with(predicted: float, measured: list[float]) -> Agreement:
    makespan = error([predicted] * len(measured), measured)
    return Agreement(makespan, None, None, makespan, 1.0, {}, measured)


def test_the_order_counts_pairs_in_the_same_order_and_those_apart_on_their_own() -> None:
    fast = strategy_with(10.0, [10.0, 10.1, 9.9])
    middle = strategy_with(21.0, [20.0, 20.1, 19.9])
    noisy = strategy_with(20.0, [15.0, 25.0, 22.0])  # predicted before, measured after the middle one; they overlap
    found = order_agreement([fast, middle, noisy])
    assert found.kendall_tau == pytest.approx(1 / 3)
    assert (found.kendall_tau_distinct, found.distinct_pairs) == (1.0, 1)
    assert order_agreement([fast]) == OrderAgreement(None, None, 0)


def test_predictions_that_differ_by_rounding_are_in_no_order() -> None:
    pair = [strategy_with(0.1 + 0.2, [10.0, 10.1]), strategy_with(0.3, [20.0, 20.1])]
    assert order_agreement(pair) == OrderAgreement(0.0, 0.0, 1)


def test_the_interval_of_an_error_is_paired_by_seed() -> None:
    found = error([11.0, 22.5, 33.0], [10.0, 20.0, 30.0])
    ratio = 66.5 / 60.0
    assert found.error_percent == pytest.approx(100 * (ratio - 1))
    assert found.ci95_percent is not None
    residuals = [100 * (p - ratio * m) / 20.0 for p, m in ((11.0, 10.0), (22.5, 20.0), (33.0, 30.0))]
    half = ttest_1samp(residuals, 0).confidence_interval(0.95)
    assert found.ci95_percent == pytest.approx([100 * (ratio - 1) + end for end in half])
    assert error([11.0, 22.0, 33.0], [10.0, 20.0, 30.0]).ci95_percent is None, "10% in all of them"
    assert error([11.0, 22.0], [10.0, 21.0]).ci95_percent is not None, "10% and 5%"
    assert mean_absolute_error_percent([strategy_with(9.0, [10.0]), strategy_with(12.0, [10.0])]) == pytest.approx(15.0)


def test_a_log_that_was_cut_off_is_read_up_to_there(tmp_path: Path, simulate_log: Simulate) -> None:
    whole = simulate_log(make_setup())
    path = tmp_path / "run-1" / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-7])
    assert list(read_log(path)) == whole[:-1]
