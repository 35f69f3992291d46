"""Whether an order hangs on one scenario, by hand-made figures."""

from collections.abc import Mapping

from hetsched.analysis.over_scenarios.aggregates import BySeed, geometric_mean, in_order, mean_of_scenarios
from hetsched.analysis.over_scenarios.leave_one_out import leave_one_out


def order(policies: Mapping[str, BySeed]) -> list[str]:
    return in_order({name: mean_of_scenarios(figures, geometric_mean) for name, figures in policies.items()})


def test_the_scenario_that_an_order_hangs_on_is_named() -> None:
    """The geometric means are a 2, b 3, c 4; without y they are a 4, b 3, c 4, without z a 1, b 3,
    c 4. A tie of a and c stays in the order in which they were given."""
    policies = {
        "c": {"x": [4.0], "y": [4.0], "z": [4.0]},
        "a": {"x": [2.0], "y": [0.5], "z": [8.0]},
        "b": {"x": [3.0], "y": [3.0], "z": [3.0]},
    }
    assert order(policies) == ["a", "b", "c"]
    assert leave_one_out(policies, order) == {"y": ["b", "c", "a"]}


def test_an_order_that_stays_names_none() -> None:
    policies = {"a": {"x": [1.0], "y": [2.0]}, "b": {"x": [2.0], "y": [3.0]}}
    assert leave_one_out(policies, order) == {}


def test_there_is_no_order_without_the_only_scenario() -> None:
    assert leave_one_out({"a": {"x": [1.0]}, "b": {"x": [2.0]}}, order) == {}


def test_rounding_changes_no_order() -> None:
    """Without y the two policies are alike but for the last digits, and stay as they were given."""
    policies = {"a": {"x": [0.3], "y": [1.0], "z": [0.1 + 0.2]}, "b": {"x": [0.1 + 0.2], "y": [1.1], "z": [0.3]}}
    assert leave_one_out(policies, order) == {}
