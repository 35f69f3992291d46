"""Means over scenarios, and the coverage of their intervals."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import norm, trim_mean

from hetsched.analysis.over_scenarios.aggregates import (
    Array,
    aggregate,
    geometric_mean,
    in_order,
    interquartile_mean,
    mean_of_scenarios,
    worst,
)

MU, BETWEEN, WITHIN = 0.3, 0.2, 0.02


@given(some.lists(some.floats(0.1, 100), min_size=1, max_size=9))
def test_an_interquartile_mean_of_a_multiple_of_four_is_a_trimmed_mean(values: list[float]) -> None:
    four = values * 4
    assert interquartile_mean(np.array(four)) == pytest.approx(trim_mean(four, 0.25))


@given(some.lists(some.floats(0.1, 100), min_size=1, max_size=9), some.floats(0.1, 10))
def test_means_lie_between_the_ends_and_scale(values: list[float], factor: float) -> None:
    for mean in (interquartile_mean, geometric_mean):
        found = float(mean(np.array(values)))
        assert min(values) * (1 - 1e-9) <= found <= max(values) * (1 + 1e-9)
        assert mean(np.array(values) * factor) == pytest.approx(found * factor)


def test_fewer_scenarios_than_six_have_no_interval() -> None:
    """The bootstrap's would hold the truth in 50% of all draws of two scenarios, in 77% of
    three."""
    figures = {f"s{n}": [1.0 + n, 4.0] for n in range(6)}
    assert aggregate(figures, geometric_mean).ci95 is not None
    for scenarios in range(1, 6):
        assert aggregate(dict(list(figures.items())[:scenarios]), geometric_mean).ci95 is None


def test_alike_scenarios_have_an_interval_without_width() -> None:
    found = aggregate({f"s{n}": [2.0, 2.0] for n in range(6)}, interquartile_mean)
    assert found.ci95 == pytest.approx((2.0, 2.0))


def test_a_scenario_counts_once_however_many_seeds_it_has() -> None:
    assert mean_of_scenarios({"a": [1.0] * 9, "b": [4.0]}, geometric_mean) == pytest.approx(2.0)


def test_the_worst_scenario_is_named() -> None:
    assert worst({"a": [1.0, 1.0], "b": [1.0, 4.0]}) == ("b", pytest.approx(2.0))


def test_the_worst_of_scenarios_that_differ_by_rounding_is_the_first() -> None:
    assert worst({"a": [0.3], "b": [0.1 + 0.2], "c": [0.2]})[0] == "a"


def test_figures_that_differ_by_rounding_are_in_no_order() -> None:
    """By 1e-9 of their size: a step in the last digits must not turn two policies round."""
    assert in_order({"a": 1.0 + 5e-10, "b": 1.0, "c": 0.5}) == ["c", "a", "b"]
    assert in_order({"a": 1.0 + 5e-9, "b": 1.0, "c": 0.5}) == ["c", "b", "a"]


@cache
def truth(mean: Callable[[Array], Array]) -> float:
    """Of infinitely many scenarios."""
    middle = np.exp(norm.ppf(np.linspace(0.25, 0.75, 20_001), MU, BETWEEN)).mean()
    return float(np.exp(MU)) if mean is geometric_mean else float(middle)


@pytest.mark.parametrize("scenarios", [6, pytest.param(8, marks=pytest.mark.exhaustive), 14])
@pytest.mark.parametrize("mean", [geometric_mean, interquartile_mean])
def test_an_interval_holds_the_truth(mean: Callable[[Array], Array], scenarios: int) -> None:
    """Nineteen times in twenty, of six scenarios 93 times in 100: of 150 draws of scenarios, give
    or take three standard errors of 0.018."""
    rng, held = np.random.default_rng(5), 0
    for draw in range(150):
        centres = rng.normal(MU, BETWEEN, scenarios)
        figures = {f"s{n}": list(np.exp(c + rng.normal(0, WITHIN, 5))) for n, c in enumerate(centres)}
        ends = aggregate(figures, mean, seed=draw, resamples=400).ci95
        assert ends is not None
        held += ends[0] <= truth(mean) <= ends[1]
    assert (0.876 if scenarios == 6 else 0.896) <= held / 150 <= 0.9999
