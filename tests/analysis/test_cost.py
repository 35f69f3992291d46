"""What runs cost, worked out by hand, and the score that a budget pays for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.metrics import measure
from hetsched.core.events import WorkerJoined, WorkerLeft
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable, MetricsTable
from tests.analysis.test_metrics import FAST, SLOW, Log, V, W
from tests.conftest import make_setup
from tests.sim.test_invariants import log_of

NODES = [{"name": "slow", "cores": 1, "price_per_h": 36.0}, {"name": "fast", "cores": 2, "price_per_h": 72.0}]
"""A second of the slow node costs 0.01, of the fast one 0.02."""


def paid(nodes: list[dict[str, Any]] = NODES, **metrics: float) -> Setup:
    setup = make_setup(nodes, population=2, stop_iterations=20)
    return setup.replace(metrics=MetricsTable(**metrics))


def test_nodes_are_paid_from_their_joining_to_their_leaving_or_the_end() -> None:
    """The slow node is there for 70 s, the fast one from 20 to 40 s and from 50 s to the end at 70
    s."""
    log = Log(paid(), SLOW)
    log.start(0, "e-0", W)
    log.events.append(WorkerJoined(20, FAST))
    log.start(20, "e-1", V)
    log.end(30, "e-0")
    log.lose(40, "e-1")
    log.events.append(WorkerLeft(40, V, "a test"))
    log.events.append(WorkerJoined(50, FAST))
    log.run("e-0", W, 50, 70)
    assert log.measure().cost == pytest.approx(0.01 * 70 + 0.02 * (20 + 20))


def test_a_node_of_several_workers_is_paid_once_while_any_is_there() -> None:
    node = Node(NodeId("slow"), 2)
    first, second = (cpu_worker(node, number, 1) for number in range(2))
    log = Log(paid(), first, second)
    log.run("e-0", first.id, 0, 10)
    log.events.append(WorkerLeft(10, first.id, "a test"))
    log.run("e-1", second.id, 10, 30)
    log.events.append(WorkerLeft(30, second.id, "a test"))
    log.events.append(WorkerJoined(100, first))
    log.run("e-0", first.id, 100, 110)
    assert log.measure().cost == pytest.approx(0.01 * (30 + 10))


def test_a_node_without_a_worker_or_a_price_costs_nothing() -> None:
    nodes = [NODES[0], {"name": "fast", "cores": 2}, {"name": "unused", "cores": 4, "price_per_h": 100.0}]
    log = Log(paid(nodes), SLOW, FAST)
    log.run("e-0", W, 0, 50)
    assert log.measure().cost == pytest.approx(0.01 * 50)


def test_without_prices_nothing_is_said_of_cost() -> None:
    log = Log(make_setup(population=2), SLOW)
    log.run("e-0", W, 0, 50)
    assert log.measure().cost is log.measure().score_at_budget is None


def test_a_score_counts_if_the_budget_paid_for_it_and_nodes_that_left_let_it_last_longer() -> None:
    """0.03 a second for 40 s, 0.01 from then on: a budget of 1.4 lasts until 60 s."""
    for budget, score in ((1.4, 0.7), (1.39, 0.6), (0.29, None)):
        log = Log(paid(budget=budget), SLOW, FAST)
        log.run("e-0", V, 0, 10, 0.6)
        log.events.append(WorkerLeft(40, V, "a test"))
        log.run("e-0", W, 50, 60, 0.7)
        log.run("e-1", W, 60, 100, 0.9)
        assert log.measure().score_at_budget == score
        assert log.measure().best_score == 0.9


def test_a_spot_node_costs_its_spot_price() -> None:
    nodes: list[dict[str, Any]] = [table | {"spot_price_per_h": 3.6} for table in NODES]
    spot = {"mean_between_s": 1e6, "nodes": ["slow"]}
    setup = paid(nodes).replace(faults=FaultsTable.model_validate({"spot": spot}))
    assert [node.price_per_h for node in setup.cluster] == [3.6, 72.0]
    everywhere = setup.replace(faults=FaultsTable.model_validate({"spot": spot | {"nodes": None}}))
    assert [node.price_per_h for node in everywhere.cluster] == [3.6, 3.6]
    assert [node.price_per_h for node in setup.replace(faults=FaultsTable()).cluster] == [36.0, 72.0]


def test_a_spot_price_alone_and_a_budget_without_prices_are_refused() -> None:
    with pytest.raises(InputError, match=r"spot_price_per_h needs price_per_h"):
        make_setup([{"name": "a", "cores": 1, "spot_price_per_h": 1.0}])
    with pytest.raises(InputError, match=r"metrics\.budget: no node has a price.*price_per_h.*deadline_s"):
        make_setup().replace(metrics=MetricsTable(budget=1.0))


@given(
    prices=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    seed=st.integers(0, 5),
    spot=st.sampled_from([None, {"mean_between_s": 40.0, "notice_s": 5.0, "away_s": 20.0}]),
)
def test_a_run_costs_its_nodes_for_no_longer_than_it_takes(
    prices: tuple[float, float], seed: int, spot: dict[str, Any] | None
) -> None:
    nodes = [{"name": name, "cores": 2, "price_per_h": price} for name, price in zip("ab", prices, strict=True)]
    setup = make_setup(nodes, population=3, stop_iterations=20)
    if spot is not None:
        setup = setup.replace(faults=FaultsTable.model_validate({"spot": spot}))
    events = log_of(setup, Strategy("fusion", "least-progress"), seed)
    found, end_s = measure(events, setup), events[-1].time
    assert found.cost is not None
    most = sum(prices) * end_s / 3600
    assert found.cost <= most * (1 + 1e-9)
    if spot is None:
        assert found.cost == pytest.approx(most)
        assert found.makespan_s == pytest.approx(end_s)
