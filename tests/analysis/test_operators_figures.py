"""Waiting by size, allocation rate and fragmentation, on schedules worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.metrics import measure
from hetsched.core.events import WorkerJoined, WorkerLeft
from hetsched.domain.cluster import Node, NodeId, gpu_workers
from hetsched.domain.registry import Strategy
from hetsched.scenario.tables import FaultsTable
from tests.analysis.test_metrics import SLOW, Log, W
from tests.conftest import ROWS, make_setup, profile_row
from tests.sim.test_invariants import log_of

TWO = Node(NodeId("g"), 2, 2, "k80")
ONE = Node(NodeId("h"), 1, 1, "v100")
FIRST, SECOND = gpu_workers(TWO)
[THIRD] = gpu_workers(ONE)
WITH_GANGS = [*ROWS, *(profile_row("k80", seconds=0.5 / gang, gpu_share=float(gang)) for gang in (2, 3))]
GPU_NODES = [
    {"name": "g", "cores": 2, "gpus": 2, "gpu_type": "k80"},
    {"name": "h", "cores": 1, "gpus": 1, "gpu_type": "v100"},
]


def test_waiting_is_all_time_outside_of_segments_and_is_told_by_size() -> None:
    """The large trial, of 20 iterations, trains from 0 to 40 and from 70 to 110 s: it waits 30 s.
    The small one, of 10, comes at 10 and trains from 40 to 70 s: it waits 30 s. The third one, of
    10, waits from 10 to 110 s."""
    tables = [
        {"name": "large", "population": 1},
        {"name": "small", "population": 2, "stop_iterations": 10, "arrival_s": 10.0},
    ]
    log = Log(make_setup(experiments=tables), SLOW)
    log.run("large-0", W, 0, 40)
    log.run("small-0", W, 40, 70)
    log.complete(70, "small-0")
    log.run("large-0", W, 70, 110)
    log.complete(110, "large-0")
    log.run("small-1", W, 110, 150)
    log.complete(150, "small-1")
    log.events.sort(key=lambda event: event.time)
    found = log.measure()
    assert found.wait_s == pytest.approx((30 + 30 + 100) / 3)
    assert found.small_wait_s == pytest.approx((30 + 100) / 2)
    assert found.large_wait_s == pytest.approx(30)


def test_a_trial_that_never_waits_waits_no_negative_time() -> None:
    """(6.0 - 0.8) + (9.9 - 6.0) is more than 9.9 - 0.8, as numbers are rounded."""
    log = Log(make_setup(experiments=[{"name": "e", "population": 1, "arrival_s": 0.8}]), SLOW)
    log.run("e-0", W, 0.8, 6.0)
    log.run("e-0", W, 6.0, 9.9)
    log.complete(9.9, "e-0")
    log.events.sort(key=lambda event: event.time)
    assert log.measure().wait_s == 0


def test_trials_of_one_size_wait_by_no_size() -> None:
    log = Log(make_setup(population=2, stop_iterations=10), SLOW)
    for number in range(2):
        log.run(f"e-{number}", W, 40 * number, 40 * (number + 1))
        log.complete(40 * (number + 1), f"e-{number}")
    found = log.measure()
    assert (found.wait_s, found.small_wait_s, found.large_wait_s) == (20, None, None)


def test_gpus_that_no_policy_uses_are_not_allocated_and_nodes_that_left_do_not_count() -> None:
    """Until 100 s the two GPUs of one node; the third GPU's node leaves at 50 s. Held are 100 s and
    30 s."""
    log = Log(make_setup(GPU_NODES, population=3), FIRST, SECOND, THIRD)
    log.start(0, "e-0", FIRST.id)
    log.run("e-1", THIRD.id, 0, 30)
    log.events.append(WorkerLeft(50, THIRD.id, "a test"))
    log.end(100, "e-0")
    assert log.measure().allocation_rate == pytest.approx((100 + 30) / (2 * 100 + 50))


def test_a_node_without_workers_counts_and_a_cluster_without_gpus_has_no_rate() -> None:
    log = Log(make_setup(GPU_NODES, population=3), FIRST)
    log.run("e-0", FIRST.id, 0, 60)
    assert log.measure().allocation_rate == pytest.approx(60 / (3 * 60))
    log = Log(make_setup(population=2), SLOW)
    log.run("e-0", W, 0, 10)
    assert log.measure().allocation_rate is None


@pytest.mark.parametrize(("late_s", "counted_s"), [(0.0, 60.0), (45.0, 15.0), (100.0, 0.0)])
def test_a_late_node_without_workers_counts_from_when_it_comes(late_s: float, counted_s: float) -> None:
    setup = make_setup(GPU_NODES, population=3).replace(faults=FaultsTable(late={"h": late_s}))
    log = Log(setup, FIRST)
    log.run("e-0", FIRST.id, 0, 60)
    assert log.measure().allocation_rate == pytest.approx(60 / (2 * 60 + counted_s))


def test_an_idle_gpu_is_a_fragment_for_the_trials_that_wait_and_cannot_take_it() -> None:
    """From 0 to 40 s one K80 of two and the V100 idle; a pair and a trial that takes one wait. The
    pair can take neither: half of 40 + 40 s are fragments. From 40 to 50 s both K80s idle, and only
    the V100 is a fragment for the pair, which waits alone: 10 of 30 s. From then on no trial
    waits."""
    tables = [
        {"name": "one", "population": 1},
        {"name": "other", "population": 1},
        {"name": "pair", "population": 1, "gang": 2},
    ]
    log = Log(make_setup(GPU_NODES, WITH_GANGS, experiments=tables), FIRST, SECOND, THIRD)
    log.start(0, "one-0", FIRST.id)
    log.end(40, "one-0")
    log.complete(40, "one-0")
    log.complete(40, "other-0")
    log.start(50, "pair-0", FIRST.id, SECOND.id)
    log.end(90, "pair-0")
    log.complete(90, "pair-0")
    assert log.measure().fragmentation == pytest.approx((0.5 * 80 + 10) / (80 + 30))


def test_a_device_that_waiting_trials_leave_out_is_a_fragment() -> None:
    tables = [{"name": "picky", "population": 2, "devices": ["k80"]}]
    log = Log(make_setup(GPU_NODES, WITH_GANGS, experiments=tables), FIRST, THIRD)
    log.run("picky-0", FIRST.id, 0, 10)
    log.events.append(WorkerJoined(10, SECOND))
    log.run("picky-0", FIRST.id, 10, 20)
    # The V100 idles for 20 s, the second K80 for 10 s, and one trial waits.
    assert log.measure().fragmentation == pytest.approx(20 / 30)


def test_where_every_trial_can_take_every_worker_there_are_no_fragments() -> None:
    log = Log(make_setup(GPU_NODES, population=2), FIRST, THIRD)
    log.run("e-0", FIRST.id, 0, 10)
    assert log.measure().fragmentation is None


@given(gang=st.integers(1, 3), population=st.integers(1, 5), seed=st.integers(0, 3))
def test_shares_are_shares_and_waiting_is_a_part_of_the_jct(gang: int, population: int, seed: int) -> None:
    nodes = [{"name": name, "cores": 2, "gpus": 2, "gpu_type": "k80"} for name in "ab"]
    tables = [
        {"name": "gang", "population": population, "gang": gang, "pbt": {"enabled": False}},
        {"name": "one", "population": population, "stop_iterations": 10, "arrival_s": 2.0, "devices": ["k80"]},
    ]
    setup = make_setup(nodes, WITH_GANGS, experiments=tables)
    found = measure(log_of(setup, Strategy("gpu-only", "fifo"), seed), setup)
    assert found.wait_s is not None and found.mean_jct_s is not None and found.allocation_rate is not None
    assert 0 <= found.wait_s <= found.mean_jct_s
    assert 0 < found.allocation_rate <= 1 + 1e-9
    assert found.fragmentation is None or 0 <= found.fragmentation <= 1 + 1e-9
    assert found.allocation_rate <= found.utilisation * (1 + 1e-9)
