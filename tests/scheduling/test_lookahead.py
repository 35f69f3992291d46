"""lookahead: its plan, its schedules on small clusters, and what the scenario suite asks of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hetsched import scheduling
from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.core.events import Event, PolicyWoken, SegmentEnded, SegmentStarted
from hetsched.core.state import State, state_of
from hetsched.domain.cluster import CPU, ClusterSpec, cpu_worker
from hetsched.domain.workload import Workload
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import suite_file, suite_names
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable, OverheadsTable
from hetsched.scheduling.planning.fluid_plan import fluid_plan
from hetsched.scheduling.planning.open_shop import next_slot
from hetsched.testing.driver import Driver
from hetsched.testing.situations import Situation, make_experiment, make_node
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row

SCENARIOS = [suite_file(name) for name in suite_names()]


def test_the_plan_shares_what_two_like_trials_can_share() -> None:
    # Two trials of 6 iterations, a worker of 2 and one of 1 iteration a second: 12 / 3 = 4 s, half of each trial's
    # time on each worker: 2 x 2 + 2 x 1 = 6. An iteration takes 4 / 6 s on that mix.
    plan = fluid_plan(np.array([[2.0, 1.0]]), work=[12.0], trials=[2], workers=[1, 1])
    assert plan.length == pytest.approx(4.0)
    assert plan.pace.tolist() == pytest.approx([2 / 3])
    assert plan.loss.tolist()[0] == pytest.approx([0.0, 0.0])


def test_the_plan_leaves_out_a_worker_that_no_trial_has_time_for() -> None:
    # One trial is in one place at a time, so the slow worker is of no use: on it an iteration costs a second of the
    # trial, which on the fast one would have been worth two iterations.
    plan = fluid_plan(np.array([[2.0, 1.0]]), work=[6.0], trials=[1], workers=[1, 1])
    assert plan.length == pytest.approx(3.0)
    assert plan.loss.tolist()[0] == pytest.approx([0.0, 1.0])


def test_the_plan_gives_each_kind_the_worker_that_suits_it() -> None:
    # The first kind is 4 times as fast on the first worker, the second kind as fast on both.
    plan = fluid_plan(np.array([[4.0, 1.0], [2.0, 2.0]]), work=[8.0, 4.0], trials=[1, 1], workers=[1, 1])
    assert plan.length == pytest.approx(2.0)
    assert plan.seconds == pytest.approx(np.array([[2.0, 0.0], [0.0, 2.0]]))


@pytest.mark.parametrize("pbt", [True, False])
@pytest.mark.parametrize(("population", "cores"), [(2, 30), (3, 10), (3, 3), (5, 3)])
def test_it_is_not_woken_for_nothing_on_a_cluster_without_a_profile(population: int, cores: int, pbt: bool) -> None:
    """Nobody knows of steps of 1 ms nor of 5 s of start-up, so segments are overdue by more than
    the plan lasts. Up to 9,000 wake-ups came of that, and up to 1,000 in a row."""
    nodes = (make_node(0, cores), make_node(1, 1), make_node(2, 1))
    situation = Situation(
        nodes,
        tuple(cpu_worker(node, 0, node.cores) for node in nodes),
        (make_experiment(population=population, stop_iterations=100, pbt=pbt),),
        {CPU: 0.001 * cores},
        unprofiled=(CPU,),
        costs=True,
    )
    driver = Driver(scheduling.policies.create("lookahead"), "lookahead", situation)
    driver.begin(ClusterSpec(nodes), Workload(situation.experiments))
    while driver.step():
        pass
    assert driver.state.finished
    woken = sum(isinstance(event, PolicyWoken) for event in driver.events)
    assert woken <= 3 * driver.state.segments


def test_a_slot_has_every_trial_and_worker_without_slack() -> None:
    # In the 3 s left, trial 0 needs 2 + 1 s: it has no slack, and neither has the first worker (2 + 1 s).
    # Whatever trials 1 and 2 do, the slot must have trial 0, and somebody on the first worker.
    need = np.array([[2.0, 1.0], [1.0, 0.0], [0.0, 1.5]])
    slot = next_slot(need, workers=[1, 1], left=3.0)
    assert 0 in [trial for trial, _ in slot.places]
    assert 0 in [kind for _, kind in slot.places]
    assert 0 < slot.seconds <= 2.0


def test_rounding_does_not_choose_a_slot() -> None:
    # All trials and all workers have the same load, up to rounding.
    drawn = np.random.default_rng(0)
    need = np.sum([weight * np.eye(8)[drawn.permutation(8)] for weight in (0.1, 0.2, 0.3, 0.4)], axis=0)
    slot = next_slot(need, workers=[1] * 8, left=1.0)
    for _ in range(50):
        other = next_slot(need * (1 + 2e-16 * drawn.integers(-3, 4, need.shape)), workers=[1] * 8, left=1.0)
        assert other.places == slot.places
        assert other.seconds == pytest.approx(slot.seconds)


def test_a_slow_worker_idles_when_the_fast_one_ends_sooner(simulate_log: Simulate) -> None:
    # 2 x 20 iterations at 0.1 s take the GPU 4 s; the CPU would need that long for its first iteration. A policy that
    # gives it an interval (40 s) anyway has 1 s of that trial left for the GPU.
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "c", "cores": 1}]
    log = simulate_log(make_setup(nodes, overheads=NO_OVERHEADS, population=2), "fusion+lookahead")
    assert {event.worker for event in log if isinstance(event, SegmentStarted)} == {"g/gpu0"}
    assert log[-1].time == pytest.approx(4.0)
    slow = simulate_log(make_setup(nodes, overheads=NO_OVERHEADS, population=2), "fusion+least-progress")
    assert slow[-1].time == pytest.approx(41.0)


def test_the_last_segments_end_together(simulate_log: Simulate) -> None:
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "k80"}, {"name": "c", "cores": 4}]
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=3, stop_iterations=100)
    log = simulate_log(setup, "fusion+lookahead")
    last = {event.worker: event.time for event in log if isinstance(event, SegmentEnded)}
    assert log[-1].time == pytest.approx(100.0, rel=0.02)  # 300 iterations at 2 + 1 a second
    assert max(last.values()) - min(last.values()) <= 2.0  # two iterations on the slower worker


def test_segments_are_not_cut_where_their_costs_outweigh_it(simulate_log: Simulate) -> None:
    # An evaluation takes as long as an interval on the GPU.
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "k80"}, {"name": "c", "cores": 4}]
    setup = make_setup(nodes, population=3, stop_iterations=100, evaluation_images=5000)
    log = simulate_log(setup, "fusion+lookahead")
    assert {event.iterations for event in log if isinstance(event, SegmentStarted)} == {10}


def test_patience_is_a_fraction() -> None:
    with pytest.raises(InputError, match="patience must be above 0 and at most 1, not 2"):
        scheduling.policies.create("lookahead", {"patience": 2.0})


def test_the_planned_end_is_in_whole_segments(simulate_log: Simulate) -> None:
    # Four trials of 2 intervals: 8 segments of 1 s on the GPU, 3 s on the CPU worker. In 6 s the GPU does 6 and the
    # CPU worker 2. In less time it is 5 + 1 at most.
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "c", "cores": 1}]
    rows = [profile_row("v100", seconds=0.1), profile_row(cores=1, seconds=0.3)]
    log = simulate_log(make_setup(nodes, rows, overheads=NO_OVERHEADS, population=4), "fusion+lookahead")
    assert log[-1].time == pytest.approx(6.0)


def test_gangs_are_placed_beside_single_trials(simulate_log: Simulate) -> None:
    nodes = [{"name": "g", "cores": 4, "gpus": 4, "gpu_type": "v100"}]
    rows = [profile_row("v100", seconds=0.1), profile_row("v100", seconds=0.06, gpu_share=2.0)]
    experiments = [{"name": "two", "gang": 2, "population": 2}, {"name": "one", "population": 2}]
    log = simulate_log(make_setup(nodes, rows, experiments=experiments), "fusion+lookahead")
    teams = {len(event.workers) for event in log if isinstance(event, SegmentStarted)}
    assert teams == {1, 2}


def test_single_trials_go_on_while_a_gang_lacks_a_worker(simulate_log: Simulate) -> None:
    # Both nodes have one V100. Node b is away from 15 to 60 s. The pair needs both, the single trials one each.
    nodes = [{"name": name, "cores": 1, "gpus": 1, "gpu_type": "v100"} for name in "ab"]
    rows = [profile_row("v100", seconds=0.5), profile_row("v100", seconds=0.3, gpu_share=2.0)]
    experiments = [
        {"name": "pair", "gang": 2, "population": 1, "stop_iterations": 100},
        {"name": "one", "population": 2, "stop_iterations": 100},
    ]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=experiments)
    setup = setup.replace(faults=FaultsTable.model_validate({"planned": [{"node": "b", "at_s": 15.0, "back_s": 60.0}]}))
    log = simulate_log(setup, "gpu-only+lookahead")
    meanwhile = [event for event in log if isinstance(event, SegmentStarted) and 15 <= event.time < 60]
    assert {event.workers for event in meanwhile} == {("a/gpu0",)}
    assert sum(event.iterations for event in meanwhile) == 90  # 45 s at 2 iterations a second
    assert any(event.time >= 60 and event.trial == "pair-0" for event in log if isinstance(event, SegmentStarted))
    assert state_of(log).finished


def ratio_to_bound(path: Path, simulate_log: Simulate, name: str) -> float:
    """Makespan without overheads and noise / the bound of the same workers."""
    switched_off = OverheadsTable(start_up=False, restore=False, evaluation=False, checkpoint=False, noise=False)
    scenario = load_setup(path).replace(overheads=switched_off)
    strategy = parse_strategy(f"{scenario.scenario.strategies[0].partition('+')[0]}+{name}")
    state = State()
    for event in simulate_log(scenario, strategy):
        state.apply(event)
    bound = makespan_bound(full_jobs(scenario.workload), worker_devices(scenario.workers(strategy)), scenario.times)
    return max(trial.completed or 0.0 for trial in state.trials.values()) / bound


@pytest.mark.exhaustive
def test_lookahead_is_close_to_the_bound_on_the_whole_suite(simulate_log: Simulate) -> None:
    assert len(SCENARIOS) >= 12
    check_ratios(SCENARIOS, simulate_log)


def test_lookahead_is_close_to_the_bound(simulate_log: Simulate) -> None:
    """On every third scenario of the suite."""
    check_ratios(SCENARIOS[::3], simulate_log)


def check_ratios(scenarios: Sequence[Path], simulate_log: Simulate) -> None:
    ratios = {path.stem: ratio_to_bound(path, simulate_log, "lookahead") for path in scenarios}
    assert len(ratios) == len(scenarios)
    assert min(ratios.values()) >= 1 - 1e-9
    assert max(ratios.values()) <= 1.15, ratios
    assert sum(ratios.values()) / len(ratios) <= 1.05, ratios


ONE_GPU = {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}
TWO_GPUS = {"name": "g", "cores": 2, "gpus": 2, "gpu_type": "v100"}


def stopping(
    node: dict[str, object], stop_score: float | None, population: int = 3, stop_iterations: int = 40
) -> Setup:
    """Trials of 4 intervals, or of others. An interval has 10 iterations, and takes a second on a GPU."""
    rows = [profile_row("v100", seconds=0.1)]
    return make_setup(
        [node],
        rows,
        overheads=NO_OVERHEADS,
        population=population,
        stop_iterations=stop_iterations,
        evaluation_images=10,
        stop_score=stop_score,
    )


def starts(log: Sequence[Event]) -> list[int]:
    """The numbers of the trials in the order in which their segments started."""
    return [int(event.trial.rpartition("-")[2]) for event in log if isinstance(event, SegmentStarted)]


def test_with_a_stop_on_a_score_the_most_advanced_trial_goes_first(simulate_log: Simulate) -> None:
    # The run ends at 12 s. A fresh trial needs 4 s. At 4 s this is half of the time that is left, and the third trial
    # still waits. At 5 s it waits no longer, because it could copy the first one.
    log = simulate_log(stopping(ONE_GPU, 1.0), "fusion+lookahead")
    assert starts(log) == [0, 0, 0, 0, 1, 2, 1, 2, 1, 2, 1, 2]
    assert log[-1].time == pytest.approx(12.0)


def test_while_many_wait_the_most_advanced_trial_goes_first_though_others_have_ended(simulate_log: Simulate) -> None:
    # The run ends at 24 s. Up to 16 s a fresh trial needs at most half of the time that is left.
    log = simulate_log(stopping(ONE_GPU, 1.0, population=6), "fusion+lookahead")
    assert starts(log)[:18] == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4 + [4, 5]
    assert log[-1].time == pytest.approx(24.0)


def test_before_a_trial_leads_the_others_wait_as_long_as_they_have_slack(simulate_log: Simulate) -> None:
    # Two trials of 8 intervals end at 16 s. At the start a fresh trial needs half of this time. The second one waits
    # until the first has done 6 intervals, although it needs more than half from 1 s on.
    setup = stopping(ONE_GPU, 1.0, population=2, stop_iterations=80)
    assert starts(simulate_log(setup, "fusion+lookahead"))[:8] == [0] * 6 + [1] * 2


def test_without_it_trials_keep_together(simulate_log: Simulate) -> None:
    log = simulate_log(stopping(ONE_GPU, None), "fusion+lookahead")
    assert sorted(starts(log)[:3]) == [0, 1, 2]


def test_a_score_that_no_trial_reaches_costs_no_time(simulate_log: Simulate) -> None:
    # 12 segments of a second on two GPUs: 6 s. If the third trial waited for the first ones, it would end at 8 s.
    log = simulate_log(stopping(TWO_GPUS, 1.0), "fusion+lookahead")
    assert log[-1].time == pytest.approx(6.0)


def test_the_trial_that_is_nearest_to_its_stop_gets_the_fast_worker(simulate_log: Simulate) -> None:
    # A segment takes a second on the GPU, 3 s on the CPU worker. While the others can wait the GPU trains one trial
    # after the other.
    nodes = [ONE_GPU, {"name": "c", "cores": 1}]
    rows = [profile_row("v100", seconds=0.1), profile_row(cores=1, seconds=0.3)]
    setup = make_setup(
        nodes, rows, overheads=NO_OVERHEADS, population=6, stop_iterations=40, evaluation_images=10, stop_score=1.0
    )
    log = simulate_log(setup, "fusion+lookahead")
    on_gpu = [event.trial for event in log if isinstance(event, SegmentStarted) and event.worker == "g/gpu0"]
    assert len(set(on_gpu[:4])) == 1
    assert len(set(on_gpu[4:7])) == 1
    assert log[-1].time == pytest.approx(18.0)  # 24 segments, of which the GPU does 18
