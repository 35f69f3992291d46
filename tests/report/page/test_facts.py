"""What the page says a study was asked: prices of nodes, and the limits that runs are measured
against."""

from pathlib import Path

from hetsched.report.page.facts import Asked, facts
from hetsched.scenario.tables import MetricsTable
from tests.conftest import make_setup


def test_prices_and_limits_are_facts_where_the_scenario_has_them(tmp_path: Path) -> None:
    nodes = [
        {"name": "own", "cores": 2},
        {"name": "rented", "cores": 1, "count": 2, "price_per_h": 3.06, "spot_price_per_h": 0.9},
    ]
    setup = make_setup(nodes).replace(metrics=MetricsTable(budget=12.5, deadline_s=1800.0))
    found = {fact.name: fact.value for fact in facts(tmp_path, None, setup, Asked([], []))}
    assert found["nodes"] == "own (2 cores); 2 x rented (1 core, 3.06 per hour, as a spot node 0.9)"
    assert found["budget"] == "12.5, in the unit of the nodes' prices"
    assert found["deadline"] == "1800 s"
    without = {fact.name for fact in facts(tmp_path, None, make_setup(), Asked([], []))}
    assert not without & {"budget", "deadline"}
