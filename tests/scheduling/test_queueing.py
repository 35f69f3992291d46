"""Queueing policies: small schedules computed by hand."""

from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.decisions import Dispatch
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentStarted,
    TrialAdded,
    WorkerDraining,
    WorkerJoined,
)
from hetsched.core.state import State, state_of
from hetsched.core.view import StateView
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.queueing.las import LeastAttainedService
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup, profile_row

ONE_CORE = ({"name": "a", "cores": 1},)
TWICE_ONE_CORE = ({"name": "a", "cores": 1}, {"name": "b", "cores": 1})
ONE_CORE_AND_TWO = ({"name": "a", "cores": 1}, {"name": "b", "cores": 2})
INDEPENDENT = {"pbt": {"enabled": False}, "checkpoint_interval": 10}


def starts(events: list[Event]) -> list[tuple[float, str, str]]:
    return [(e.time, e.trial, e.worker) for e in events if isinstance(e, SegmentStarted)]


def jobs(nodes: Any, *tables: dict[str, Any], **options: Any) -> Setup:
    """Experiments of one trial, unless they say otherwise, with checkpoints every 10 iterations."""
    experiments = [{"population": 1, **INDEPENDENT, **table} for table in tables]
    return make_setup(nodes, overheads=NO_OVERHEADS, experiments=experiments).replace(scheduling=options)


LONG, SHORT, MIDDLE = (
    {"name": name, "stop_iterations": iterations} for name, iterations in (("long", 30), ("short", 10), ("mid", 20))
)


def test_srtf_serves_the_shortest_remaining_time_on_the_fastest_free_worker(simulate_log: Simulate) -> None:
    # 4 s an iteration on a, 2 s on b; a segment of 10 takes 40 s or 20 s.
    assert starts(simulate_log(jobs(ONE_CORE_AND_TWO, LONG, SHORT, MIDDLE), "fusion+srtf")) == [
        (0.0, "short-0", "b/cpu0"),  # R / s on b: 60, 20, 40
        (0.0, "mid-0", "a/cpu0"),  # b is taken; on a: long 120, mid 80
        (20.0, "long-0", "b/cpu0"),  # mid runs
        (40.0, "mid-0", "a/cpu0"),  # the segment on a ended first; long runs
        (40.0, "long-0", "b/cpu0"),
        (60.0, "long-0", "b/cpu0"),
    ]


def test_lpt_serves_the_longest_remaining_time_on_the_fastest_free_worker(simulate_log: Simulate) -> None:
    assert starts(simulate_log(jobs(ONE_CORE_AND_TWO, LONG, SHORT, MIDDLE), "fusion+lpt")) == [
        (0.0, "long-0", "b/cpu0"),  # R / s on b: 60, 20, 40
        (0.0, "mid-0", "a/cpu0"),  # on a: short 40, mid 80
        (20.0, "long-0", "b/cpu0"),  # on b: long 40, short 20
        (40.0, "short-0", "a/cpu0"),  # mid and short have 10 left each, and short was listed first
        (40.0, "long-0", "b/cpu0"),  # long 20, mid 20
        (60.0, "mid-0", "b/cpu0"),
    ]


def test_a_population_is_worked_off_by_srtf_and_kept_together_by_lpt(simulate_log: Simulate) -> None:
    setup = make_setup(ONE_CORE, overheads=NO_OVERHEADS, population=2)
    # Least remaining first is most advanced first, and the other way round.
    assert [trial for _, trial, _ in starts(simulate_log(setup, "fusion+srtf"))] == ["e-0", "e-0", "e-1", "e-1"]
    assert [trial for _, trial, _ in starts(simulate_log(setup, "fusion+lpt"))] == ["e-0", "e-1", "e-0", "e-1"]


@pytest.mark.parametrize("policy", ["srtf", "lpt"])
def test_each_kind_of_trial_goes_to_the_worker_that_is_fastest_for_it(simulate_log: Simulate, policy: str) -> None:
    # Batch 32 is faster on the K80 (0.5 s to 1 s), batch 64 on the four cores of b (1 s to 8 s).
    nodes = ({"name": "g", "cores": 1, "gpus": 1, "gpu_type": "k80"}, {"name": "b", "cores": 4})
    rows = [*ROWS, profile_row("k80", 1, 8.0, batch_size=64), profile_row(cores=4, seconds=1.0, batch_size=64)]
    setup = make_setup(nodes, rows, NO_OVERHEADS, batch_size=[64, 32], population=2, stop_iterations=10)
    assert sorted(starts(simulate_log(setup, f"fusion+{policy}"))) == [
        (0.0, "e-0", "b/cpu0"),
        (0.0, "e-1", "g/gpu0"),
    ]


@pytest.mark.parametrize("policy", ["srtf", "lpt"])
def test_a_worker_of_unknown_speed_is_tried_first(policy: str) -> None:
    a, b = (cpu_worker(Node(NodeId(name), 1), 0, 1) for name in "ab")
    state = State()
    dispatcher = Dispatcher(state, scheduling.policies.create(policy), policy, StepTimes())
    dispatcher.record(WorkerJoined(0.0, a))
    dispatcher.arrive(0.0, make_setup(population=1).workload.experiments[0], seed=0)
    (first,) = dispatcher.dispatch(0.0).starts
    parts = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    dispatcher.end_segment(SegmentEnded(1.0, first.trial, a.id, 10, 0.5, parts), lambda trial: None)
    dispatcher.record(WorkerJoined(1.0, b))
    # a has been idle longer and is known to be fast; nothing is known of b.
    assert [start.worker for start in dispatcher.dispatch(1.0).starts] == [b.id]


def test_las_demotes_what_has_had_its_share(simulate_log: Simulate) -> None:
    # One worker, 40 s a segment, three of them a trial; a trial is demoted when it has had 50 s.
    setup = make_setup(ONE_CORE, overheads=NO_OVERHEADS, population=2, stop_iterations=30)
    setup = setup.replace(scheduling={"las": {"thresholds_s": 50}})
    assert starts(simulate_log(setup, "fusion+las")) == [
        (0.0, "e-0", "a/cpu0"),
        (40.0, "e-0", "a/cpu0"),  # 40 s: still in the highest queue, and first in it
        (80.0, "e-1", "a/cpu0"),  # 80 s: demoted
        (120.0, "e-1", "a/cpu0"),
        (160.0, "e-0", "a/cpu0"),  # both are demoted, e-0 since 80 s, e-1 since 160 s
        (200.0, "e-1", "a/cpu0"),
    ]


def test_las_has_as_many_queues_as_thresholds_and_one(simulate_log: Simulate) -> None:
    # After one segment (40 s) a trial is in queue 1, after two (80 s) in queue 2.
    setup = make_setup(ONE_CORE, overheads=NO_OVERHEADS, population=2, stop_iterations=30)
    setup = setup.replace(scheduling={"las": {"thresholds_s": "40, 80"}})
    trials = [trial for _, trial, _ in starts(simulate_log(setup, "fusion+las"))]
    # Both have a segment, then e-0 (in queue 1 before e-1) another and e-1 another; then the same in queue 2.
    assert trials == ["e-0", "e-1", "e-0", "e-1", "e-0", "e-1"]
    one_queue = setup.replace(scheduling={"las": {"thresholds_s": "1000"}})
    trials = [trial for _, trial, _ in starts(simulate_log(one_queue, "fusion+las"))]
    assert trials == ["e-0", "e-0", "e-0", "e-1", "e-1", "e-1"]


@pytest.mark.parametrize("thresholds_s", ["nan, 300", "300, nan", "300, inf", "300, 60", "0", "60, 60", "soon", ""])
def test_thresholds_of_las_are_ascending_seconds(thresholds_s: str) -> None:
    """One that is not a number was taken if it was the first."""
    with pytest.raises(ValueError, match="thresholds_s must be ascending seconds"):
        LeastAttainedService(thresholds_s)


@pytest.mark.parametrize(("knob", "at_120", "at_160"), [(0, "second-0", "old-0"), (1, "old-0", "second-0")])
def test_las_promotes_the_starved(simulate_log: Simulate, knob: int, at_120: str, at_160: str) -> None:
    # A trial is demoted after one segment of 40 s. At 80 s old-0 has waited 40 s, as long as it was executed: with a
    # knob of 1 it enters the highest queue again, behind first-0 (since 60 s) and before second-0 (since 100 s).
    setup = jobs(
        ONE_CORE,
        {"name": "old", "population": 2},
        {"name": "first", "arrival_s": 60.0, "stop_iterations": 10},
        {"name": "second", "arrival_s": 100.0, "stop_iterations": 10},
        las={"thresholds_s": 30, "promote_knob": knob},
    )
    assert [(time, trial) for time, trial, _ in starts(simulate_log(setup, "fusion+las"))] == [
        (0.0, "old-0"),
        (40.0, "old-1"),
        (80.0, "first-0"),
        (120.0, at_120),
        (160.0, at_160),
        (200.0, "old-1"),
    ]


def test_las_does_not_count_what_a_trial_waited_before_the_policy_was_asked() -> None:
    # e-0 runs on a, e-1 on b, which is about to leave: when its segment ends at 40 s, no worker is idle, and nobody
    # is asked before 100 s. e-1 has had 40 s by then, less than the threshold of 50 s, and goes on before e-2.
    setup = make_setup(TWICE_ONE_CORE, overheads=NO_OVERHEADS, population=3, stop_iterations=30)
    a, b = (cpu_worker(Node(NodeId(name), 1), 0, 1) for name in "ab")
    policy = scheduling.policies.create("las", {"thresholds_s": "50"})
    dispatcher = Dispatcher(State(), policy, "las", setup.times)
    for worker in (a, b):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.arrive(0.0, setup.workload.experiments[0], seed=0)
    e0, e1 = dispatcher.dispatch(0.0).starts
    dispatcher.record(WorkerDraining(10.0, b.id, 60.0, "a test"))
    parts = Parts(0.0, 0.0, 40.0, 0.0, 0.0, 0.0)
    dispatcher.end_segment(SegmentEnded(40.0, e1.trial, b.id, 10, 0.5, parts), lambda trial: None)
    assert not dispatcher.dispatch(40.0).starts
    dispatcher.end_segment(SegmentEnded(100.0, e0.trial, a.id, 10, 0.5, parts), lambda trial: None)
    assert [start.trial for start in dispatcher.dispatch(100.0).starts] == ["e-1"]


def test_las_counts_every_worker_of_a_gang(simulate_log: Simulate) -> None:
    # The pair trains at 2 s an iteration: 20 s, but 40 worker-seconds a segment, which is above 30.
    setup = jobs(
        TWICE_ONE_CORE,
        {"name": "pair", "gang": 2},
        {"name": "single", "population": 2, "stop_iterations": 10},
        las={"thresholds_s": 30},
    )
    assert starts(simulate_log(setup, "fusion+las")) == [
        (0.0, "pair-0", "a/cpu0"),
        (20.0, "single-0", "a/cpu0"),
        (20.0, "single-1", "b/cpu0"),
        (60.0, "pair-0", "a/cpu0"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"thresholds_s": ""},
        {"thresholds_s": "60, 30"},
        {"thresholds_s": "60, x"},
        {"thresholds_s": 0},
        {"thresholds_s": "inf"},
        {"promote_knob": -1},
        {"promote_knob": float("nan")},
    ],
)
def test_wrong_options_of_las_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        scheduling.policies.create("las", options)


def test_pbt_sync_waits_for_the_slowest_trial_at_every_interval(simulate_log: Simulate) -> None:
    # b has done its interval at 20 s and waits until a has at 40 s; then b, which is idle longer, is served first.
    setup = make_setup(ONE_CORE_AND_TWO, overheads=NO_OVERHEADS, population=2)
    assert starts(simulate_log(setup, "fusion+pbt-sync")) == [
        (0.0, "e-0", "a/cpu0"),
        (0.0, "e-1", "b/cpu0"),
        (40.0, "e-0", "b/cpu0"),
        (40.0, "e-1", "a/cpu0"),
    ]


def test_pbt_sync_serves_the_rest_of_an_interval_before_the_barrier(simulate_log: Simulate) -> None:
    # Three trials: b takes the third one at 20 s, and at 40 s all have done an interval.
    setup = make_setup(ONE_CORE_AND_TWO, overheads=NO_OVERHEADS, population=3)
    assert starts(simulate_log(setup, "fusion+pbt-sync")) == [
        (0.0, "e-0", "a/cpu0"),
        (0.0, "e-1", "b/cpu0"),
        (20.0, "e-2", "b/cpu0"),
        (40.0, "e-0", "a/cpu0"),
        (40.0, "e-1", "b/cpu0"),
        (60.0, "e-2", "b/cpu0"),
    ]


def test_pbt_sync_has_a_barrier_for_each_population(simulate_log: Simulate) -> None:
    # "e" waits at its barrier from 20 s on; b then takes the other population's trial.
    setup = make_setup(
        ONE_CORE_AND_TWO,
        overheads=NO_OVERHEADS,
        experiments=[{"name": "e", "population": 2}, {"name": "f", "population": 1, "arrival_s": 1.0}],
    )
    assert starts(simulate_log(setup, "fusion+pbt-sync"))[:4] == [
        (0.0, "e-0", "a/cpu0"),
        (0.0, "e-1", "b/cpu0"),
        (20.0, "f-0", "b/cpu0"),
        (40.0, "e-0", "a/cpu0"),
    ]


def test_pbt_sync_without_pbt_is_least_progress(simulate_log: Simulate) -> None:
    setup = jobs(ONE_CORE_AND_TWO, {"name": "e", "population": 5, "stop_iterations": 40})
    assert starts(simulate_log(setup, "fusion+pbt-sync")) == starts(simulate_log(setup, "fusion+least-progress"))


def test_pbt_sync_waits_for_a_trial_that_has_fallen_back() -> None:
    # e-0 is in its second interval, and the others have done one. Then e-1 loses what it has trained: e-2 waits for it.
    setup = make_setup(({"name": "a", "cores": 1, "count": 3},), overheads=NO_OVERHEADS, population=3)
    (experiment,) = setup.workload.experiments
    workers = [cpu_worker(Node(NodeId(f"a{place}"), 1), 0, 1) for place in range(3)]
    trials = experiment.trial_ids()
    state = State()
    begun: list[Event] = [
        *(WorkerJoined(0.0, worker) for worker in workers),
        ExperimentArrived(0.0, experiment),
        *(TrialAdded(0.0, trial, experiment.id, 32, {}) for trial in trials),
        *(SegmentStarted(0.0, trial, worker.id, 10) for trial, worker in zip(trials, workers, strict=True)),
        *(
            SegmentEnded(40.0, trial, worker.id, 10, 0.1, Parts(0.0, 0.0, 40.0, 0.0, 0.0, 0.0))
            for trial, worker in zip(trials, workers, strict=True)
        ),
        SegmentStarted(40.0, trials[0], workers[0].id, 10),
    ]
    for event in begun:
        state.apply(event)
    view, policy = StateView(state, setup.times), scheduling.policies.create("pbt-sync", {})
    assert [decision.trial for decision in policy.dispatch(view) if isinstance(decision, Dispatch)] == ["e-1", "e-2"]
    state.apply(CheckpointLost(50.0, trials[1], 0, None, "a test"))
    assert [decision.trial for decision in policy.dispatch(view) if isinstance(decision, Dispatch)] == ["e-1"]


def test_a_gang_keeps_the_workers_that_it_waits_for(simulate_log: Simulate) -> None:
    # First in, first out. The pair is second: b waits with it while "one" runs on a, and "more" does not overtake.
    setup = jobs(
        TWICE_ONE_CORE,
        {"name": "one", "stop_iterations": 10},
        {"name": "pair", "gang": 2, "stop_iterations": 10},
        {"name": "more", "stop_iterations": 10},
    )
    events = simulate_log(setup, "fusion+fifo")
    assert starts(events) == [(0.0, "one-0", "a/cpu0"), (40.0, "pair-0", "b/cpu0"), (60.0, "more-0", "b/cpu0")]
    gang = next(e for e in events if isinstance(e, SegmentStarted) and e.trial == "pair-0")
    assert gang.others == ("a/cpu0",)


def test_a_gang_waits_for_no_workers_that_are_not_there(simulate_log: Simulate) -> None:
    # There is one worker of two cores: the pair must have the two of one core, and the other trial that of two.
    nodes = ({"name": "c", "cores": 2}, *TWICE_ONE_CORE)
    setup = jobs(nodes, {"name": "pair", "gang": 2}, {"name": "other"})
    assert starts(simulate_log(setup, "fusion+fifo"))[:2] == [(0.0, "other-0", "c/cpu0"), (0.0, "pair-0", "a/cpu0")]


@pytest.mark.parametrize("policy", ["fifo", "least-progress", "srtf", "lpt", "las", "pbt-sync", "asha"])
def test_gangs_of_all_sizes_are_trained(simulate_log: Simulate, policy: str) -> None:
    nodes = [{"name": "n", "cores": 1, "count": 3}, {"name": "c", "cores": 4}]
    rows = [profile_row(cores=cores, seconds=8.0 / cores) for cores in range(1, 13)]
    setup = make_setup(
        nodes,
        rows,
        NO_OVERHEADS,
        experiments=[
            {"name": "one", "population": 5},
            {"name": "two", "population": 4, "gang": 2},
            {"name": "three", "population": 3, "gang": 3, **INDEPENDENT, "arrival_s": 30.0},
        ],
    )
    events = simulate_log(setup, f"fusion+{policy}")
    assert all(trial.completed is not None for trial in state_of(events).trials.values())
    sizes = {e.trial.split("-")[0]: 1 + len(e.others) for e in events if isinstance(e, SegmentStarted)}
    assert sizes == {"one": 1, "two": 2, "three": 3}


@pytest.mark.parametrize("policy", ["srtf", "lpt"])
@pytest.mark.parametrize("order", [("three", "one"), ("one", "three")])
def test_times_that_are_equal_but_for_rounding_tie(policy: str, order: tuple[str, str], simulate_log: Simulate) -> None:
    """3 iterations of 0.1 s are a rounding error longer than 1 of 0.3 s. The first trial goes first."""
    assert 3 * 0.1 > 1 * 0.3
    rows = [profile_row(cores=1, seconds=0.1, batch_size=8), profile_row(cores=1, seconds=0.3, batch_size=16)]
    of = {"three": {"batch_size": 8, "stop_iterations": 3}, "one": {"batch_size": 16, "stop_iterations": 1}}
    experiments = [{"name": name, "population": 1, **of[name]} for name in order]
    setup = make_setup([{"name": "a", "cores": 1}], rows, NO_OVERHEADS, experiments=experiments)
    started = [event.trial for event in simulate_log(setup, f"fusion+{policy}") if isinstance(event, SegmentStarted)]
    assert started == [f"{name}-0" for name in order]
