"""Means over scenarios, and the coverage of their intervals."""

from collections.abc import Callable
from functools import cache
from math import hypot

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.stats import norm, trim_mean

from hetsched.analysis.intervals import interval
from hetsched.analysis.over_scenarios.aggregates import (
    Array,
    aggregate,
    geometric_mean,
    in_order,
    interquartile_mean,
    mean_of_scenarios,
    worst,
)

MU, BETWEEN = 0.3, 0.2


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
def truth(mean: Callable[[Array], Array], spread: float) -> float:
    """Of infinitely many scenarios whose logarithms have this standard deviation."""
    middle = np.exp(norm.ppf(np.linspace(0.25, 0.75, 20_001), MU, spread)).mean()
    return float(np.exp(MU)) if mean is geometric_mean else float(middle)


@pytest.mark.parametrize("within", [0.0, 0.2, pytest.param(2.0, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("scenarios", [6, pytest.param(8, marks=pytest.mark.exhaustive), 14])
@pytest.mark.parametrize("mean", [geometric_mean, interquartile_mean])
def test_an_interval_holds_the_truth(mean: Callable[[Array], Array], scenarios: int, within: float) -> None:
    """95 to 97 times in 100, however the seeds vary: of 400 draws of scenarios, give or take three
    standard errors of 0.011."""
    rng, held, seeds = np.random.default_rng(5), 0, 5
    for draw in range(400):
        centres = rng.normal(MU, BETWEEN, scenarios)
        figures = {f"s{n}": list(np.exp(c + rng.normal(0, within, seeds))) for n, c in enumerate(centres)}
        ends = aggregate(figures, mean, seed=draw, resamples=200).ci95
        assert ends is not None
        held += ends[0] <= truth(mean, hypot(BETWEEN, within / seeds**0.5)) <= ends[1]
    assert 0.95 - 0.033 <= held / 400 <= 0.97 + 0.026


@pytest.mark.parametrize("seeds", [1, 3, 10])
def test_seeds_count_once_in_the_width(seeds: int) -> None:
    """Of alike scenarios, seeds vary the figures of scenarios and nothing else: the interval of the
    geometric mean is Student's t of these. Draws of seeds made it wider by up to 1.4."""
    logs = np.random.default_rng(7).normal(0, 0.2, (22, seeds))
    figures = {f"s{n}": np.exp(of_one).tolist() for n, of_one in enumerate(logs)}
    low, high = aggregate(figures, geometric_mean).ci95 or (0.0, 0.0)
    expected = interval(logs.mean(axis=1).tolist())
    assert expected is not None
    assert np.log([low, high]) == pytest.approx(expected)


def test_the_interval_of_inverse_ratios_is_the_inverse() -> None:
    """Whichever of two policies is the baseline."""
    values = np.exp(np.random.default_rng(3).normal(0, 0.2, 8))
    low, high = aggregate({f"s{n}": [value] for n, value in enumerate(values)}, geometric_mean).ci95 or (0.0, 0.0)
    found = aggregate({f"s{n}": [1 / value] for n, value in enumerate(values)}, geometric_mean).ci95
    assert found == pytest.approx((1 / high, 1 / low))


def test_an_interval_does_not_reach_below_what_no_figure_is_below() -> None:
    """Student's t knows nothing of a bound: one scenario far above it made the interval reach below it."""
    ratios = {str(number): [ratio] for number, ratio in enumerate([1.0, 1.0, 1.0, 1.0, 1.0, 3.0])}
    free, bound = (aggregate(ratios, geometric_mean, least=least).ci95 for least in (0.0, 1.0))
    assert free is not None and bound is not None
    assert free[0] < 1 and bound == (1.0, free[1])
    lucky = aggregate(ratios | {"0": [0.99]}, geometric_mean, least=1.0).ci95
    assert lucky is not None and lucky[0] == 0.99
