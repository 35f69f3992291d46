"""Sia: assignments computed by hand."""

import subprocess
import sys
from itertools import product
from math import inf
from random import Random
from typing import Any

import numpy as np
import pytest

from hetsched import scheduling
from hetsched.core.events import Event, SegmentStarted, TrialAdded, TrialExploited
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.matching.sia import cheapest
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup, profile_row


def with_options(setup: Setup, **options: Any) -> Setup:
    return setup.replace(scheduling={"sia": options})


def starts(events: list[Event]) -> list[tuple[float, str, str]]:
    return [(e.time, e.trial, e.worker) for e in events if isinstance(e, SegmentStarted)]


@pytest.mark.parametrize("p", [-0.5, 0.5])
def test_the_fast_worker_goes_to_the_trial_that_gains_most(simulate_log: Simulate, p: float) -> None:
    # ResNet-18 trains 0.25 and 10 iterations a second on a core and on a V100: G = 1 and 40. ResNet-50 trains 0.5 and
    # 1: G = 1 and 2. For p = -0.5 the V100 for ResNet-18 costs 40^-0.5 + 1 = 1.16, for ResNet-50 1 + 2^-0.5 = 1.71.
    # For p = 0.5 it is worth 40^0.5 + 1 = 7.32 and 1 + 2^0.5 = 2.41.
    nodes = ({"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"})
    resnet50 = [profile_row(seconds=2.0, model="resnet50"), profile_row("v100", seconds=1.0, model="resnet50")]
    tables = [{"name": "small", "population": 1}, {"name": "big", "model": "resnet50", "population": 1}]
    setup = make_setup(nodes, [*ROWS, *resnet50], NO_OVERHEADS, experiments=tables)
    events = simulate_log(with_options(setup, p=p), "fusion+sia")
    assert starts(events)[:2] == [(0.0, "small-0", "g/gpu0"), (0.0, "big-0", "a/cpu0")]


@pytest.mark.parametrize(
    ("restart_s", "round_s", "moves"),
    [
        (5.0, 30.0, 30.0),  # r = 30 / 35, (r x 1.5)^-0.5 = 0.88 < 1
        (20.0, 30.0, None),  # r = 30 / 50, (r x 1.5)^-0.5 = 1.05 > 1
        (5.0, 40.0, 45.0),  # the round ends at 40 s, the segment that runs then at 45 s
        (5.0, 60.0, None),  # the trial ends with the round
    ],
)
def test_a_trial_moves_at_the_end_of_a_round_if_that_pays(
    simulate_log: Simulate, restart_s: float, round_s: float, moves: float | None
) -> None:
    # A core takes 1.5 s an iteration and a K80 1 s: G = 1 and 1.5. The short trial leaves the K80 at 20 s; the segments
    # of the long one on the core end at 15, 30, 45 and 60 s.
    nodes = ({"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "k80"})
    rows = [profile_row(seconds=1.5), profile_row("k80", seconds=1.0)]
    tables = [{"name": "long", "population": 1, "stop_iterations": 40}, {"name": "short", "population": 1}]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=tables)
    events = simulate_log(with_options(setup, restart_s=restart_s, round_s=round_s), "fusion+sia")
    assert starts(events)[:2] == [(0.0, "long-0", "a/cpu0"), (0.0, "short-0", "g/gpu0")]
    on_k80 = [time for time, trial, worker in starts(events) if (trial, worker) == ("long-0", "g/gpu0")]
    assert on_k80[:1] == ([] if moves is None else [moves])


def test_what_a_restart_costs_comes_from_the_profile(simulate_log: Simulate) -> None:
    # As above, with a restore of 20 s: it would not pay at 30 s. At 15 s, T < S, and r = 1.
    nodes = ({"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "k80"})
    rows = [profile_row(seconds=1.5, restore_s=20.0), profile_row("k80", seconds=1.0, restore_s=20.0)]
    tables = [{"name": "long", "population": 1, "stop_iterations": 40}, {"name": "short", "population": 1}]
    setup = make_setup(nodes, rows, NO_OVERHEADS | {"restore": True}, experiments=tables)
    events = simulate_log(with_options(setup, round_s=30.0), "fusion+sia")
    assert {worker for _, trial, worker in starts(events) if trial == "long-0"} == {"a/cpu0"}


@pytest.mark.parametrize("round_s", [60.0, 5.0])
def test_those_that_train_go_on_and_a_free_worker_does_not_wait_for_a_round(
    simulate_log: Simulate, round_s: float
) -> None:
    # One worker, 10 s a segment, trials of two segments: they are worked off one after the other, whether a new round
    # comes before each decision or only at 60 s.
    setup = make_setup([{"name": "a", "cores": 4}], overheads=NO_OVERHEADS, population=3)
    events = simulate_log(with_options(setup, round_s=round_s), "fusion+sia")
    assert [(time, trial) for time, trial, _ in starts(events)] == [
        (0.0, "e-0"),
        (10.0, "e-0"),
        (20.0, "e-1"),
        (30.0, "e-1"),
        (40.0, "e-2"),
        (50.0, "e-2"),
    ]


def test_a_trial_goes_on_on_its_own_worker(simulate_log: Simulate) -> None:
    # Both workers are of one type, and their segments of 20 s end together.
    nodes = [{"name": "a", "cores": 2}, {"name": "b", "cores": 2}]
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=2, stop_iterations=60)
    places = {(trial, worker) for _, trial, worker in starts(simulate_log(setup, "fusion+sia"))}
    assert places == {("e-0", "a/cpu0"), ("e-1", "b/cpu0")}


def test_what_arrives_within_a_round_starts_at_once(simulate_log: Simulate) -> None:
    tables = [{"name": "early", "population": 1}, {"name": "late", "population": 1, "arrival_s": 5.0}]
    setup = make_setup(overheads=NO_OVERHEADS, experiments=tables)
    assert (5.0, "late-0") in [(time, trial) for time, trial, _ in starts(simulate_log(setup, "fusion+sia"))]


def test_a_gang_waits_for_enough_workers_of_a_type(simulate_log: Simulate) -> None:
    # The single trials take both K80s, for segments of 5 and 7 s. At 10 s a round begins: the pair on both K80s and
    # nothing for the others costs 2^-0.5 + 1.1 + 1.1 = 2.91, the others and nothing for the pair 1 + 1 + 1.1 = 3.1. One
    # K80 is idle from 10 s on; it waits for the other, which is busy until 14 s.
    nodes = [{"name": "g", "cores": 2, "gpus": 2, "gpu_type": "k80"}]
    rows = [
        profile_row("k80", seconds=0.5),
        profile_row("k80", seconds=0.7, batch_size=64),
        profile_row("k80", seconds=0.5, gpu_share=2.0),
    ]
    tables = [
        {"name": "single", "population": 2, "batch_size": [32, 64], "stop_iterations": 40},
        {"name": "pair", "population": 1, "gang": 2, "arrival_s": 1.0},
    ]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=tables)
    events = simulate_log(with_options(setup, round_s=10.0), "fusion+sia")
    after = [e for e in events if isinstance(e, SegmentStarted) and e.time >= 10]
    assert [(e.time, e.trial, {e.worker, *e.others}) for e in after[:2]] == [
        (14.0, "pair-0", {"g/gpu0", "g/gpu1"}),
        (19.0, "pair-0", {"g/gpu0", "g/gpu1"}),
    ]


def test_the_program_finds_the_cheapest_counts() -> None:
    # Against every way to give the trials of three groups two types of worker.
    pairs = list(product(range(4), repeat=2))
    for seed in range(60):
        random = Random(seed)
        costs = np.array([[random.choice([-1.0, -0.5, -0.11, 0.3]) for _ in range(2)] for _ in range(3)])
        sizes = np.array([random.randint(1, 3) for _ in range(3)])
        gangs = np.array([random.choice([1, 1, 2]) for _ in range(3)])
        capacity = np.array([random.randint(0, 4) for _ in range(2)])
        possible = [
            counts
            for counts in map(np.array, product(pairs, repeat=3))
            if (counts.sum(axis=1) <= sizes).all() and (gangs @ counts <= capacity).all()
        ]
        found = np.array(cheapest(costs.tolist(), sizes.tolist(), gangs.tolist(), capacity.tolist()))
        assert any((found == counts).all() for counts in possible)
        assert (costs * found).sum() == pytest.approx(min((costs * counts).sum() for counts in possible))


def test_of_groups_with_equal_costs_the_earlier_ones_are_served() -> None:
    costs = [[-0.5, -0.1], [-0.5, -0.1], [-0.5, -0.2], [-0.5, -0.1], [-0.5, -0.1]]
    assert cheapest(costs, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [2, 1]) == [[1, 0], [1, 0], [0, 1], [0, 0], [0, 0]]


def test_of_trials_with_equal_costs_the_one_with_more_iterations_left_gets_the_fast_worker(
    simulate_log: Simulate,
) -> None:
    # The V100 is four times faster than the core, where only the short one fits, and than the K80, where only the long
    # one fits. So the cost is the same, whichever of them gets the V100.
    gpus = ({"name": gpu[0], "cores": 1, "gpus": 1, "gpu_type": gpu} for gpu in ("k80", "v100"))
    nodes: list[dict[str, Any]] = [{"name": "a", "cores": 1}, *gpus]
    rows = [profile_row(seconds=4.0, batch_size=1), profile_row("k80", seconds=4.0, batch_size=2)]
    rows += [profile_row("v100", seconds=1.0, batch_size=batch_size) for batch_size in (1, 2)]
    tables: list[dict[str, Any]] = [
        {"name": "short", "batch_size": 1, "population": 1, "stop_iterations": 20},
        {"name": "long", "batch_size": 2, "population": 1, "stop_iterations": 40},
    ]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=tables)
    assert starts(simulate_log(setup, "fusion+sia"))[:2] == [(0.0, "short-0", "a/cpu0"), (0.0, "long-0", "v/gpu0")]


def test_a_small_run_does_not_load_scipys_solvers() -> None:
    code = (
        "import sys; from hetsched.scheduling.matching.sia import cheapest; "
        "cheapest([[-1.0, -0.5]], [1], [1], [1, 1]); sys.exit('scipy.optimize' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_program_copes_with_the_largest_powers() -> None:
    # A goodput of 10^4 to the power of 10. HiGHS refused such costs.
    counts = cheapest([[-1e40, -1.1], [-2e40, -1.1]], [1, 1], [1, 1], [1, 1])
    assert [row[0] for row in counts] == [0, 1]


def test_sums_of_large_powers_do_not_send_the_program_in_circles() -> None:
    # 12^10 is 6e10, whose sums with -58.77 round by more than the two differ: a path came back to where it began.
    costs = [[-58.7701, inf, -61917364225.1, -2.1, -58.77, -58.77]]
    assert cheapest(costs, [10], [1], [1, 1, 5, 1, 0, 5]) == [[1, 0, 5, 0, 0, 4]]


@pytest.mark.parametrize("p", [2.0, 6.0, 10.0])
def test_large_powers_leave_no_worker_idle(simulate_log: Simulate, p: float) -> None:
    # 40 s an iteration on a core, 0.01 s on the V100.
    rows = [profile_row(cores=1, seconds=40.0), profile_row("v100", seconds=0.01)]
    nodes = ({"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"})
    setup = make_setup(nodes, rows, NO_OVERHEADS, population=3)
    begun = [worker for time, _, worker in starts(simulate_log(with_options(setup, p=p), "fusion+sia")) if time == 0]
    assert sorted(begun) == ["a/cpu0", "g/gpu0"]


@pytest.mark.parametrize(("option", "value"), [("p", 0.0), ("lambda_n", 1.0), ("restart_s", -1.0), ("round_s", 0.0)])
def test_options_that_make_no_sense_are_named(option: str, value: object) -> None:
    with pytest.raises(InputError, match=f"'sia': {option}: expected"):
        scheduling.policies.create("sia", {option: value})


@pytest.mark.parametrize("seed", [2, 4])
def test_a_trial_leaves_its_type_within_the_round_if_the_type_lacks_its_new_batch_size(
    simulate_log: Simulate, seed: int
) -> None:
    """The trial was sent to the K80 all the same, and this ended the run."""
    nodes = [{"name": name, "cores": 1, "gpus": 1, "gpu_type": gpu} for name, gpu in (("v", "v100"), ("k", "k80"))]
    rows = [profile_row("v100", seconds=0.1, batch_size=size) for size in (32, 64)]
    setup = make_setup(
        nodes,
        [*rows, profile_row("k80", seconds=0.2)],
        NO_OVERHEADS,
        batch_size=512,  # the default, as the search space says it
        population=6,
        stop_iterations=400,
        pbt={"perturbation_interval": 20},
        search_space={"lr": {"low": 0.001, "high": 0.5, "scale": "log"}, "batch_size": {"choices": [32, 64]}},
    )
    sizes: dict[str, int] = {}
    on_k80: set[int] = set()
    for event in simulate_log(with_options(setup, round_s=1e6), "gpu-only+sia", seed=seed):
        if isinstance(event, TrialAdded):
            sizes[event.trial] = event.batch_size
        elif isinstance(event, TrialExploited):
            sizes[event.trial] = int(event.hyperparameters["batch_size"])
        elif isinstance(event, SegmentStarted) and event.worker == "k/gpu0":
            on_k80.add(sizes[event.trial])
    assert on_k80 == {32}
