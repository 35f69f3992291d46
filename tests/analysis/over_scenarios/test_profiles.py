"""Performance profiles, by hand."""

from math import inf

import pytest

from hetsched.analysis.over_scenarios.profiles import profile


def test_scenarios_count_alike_however_many_seeds_they_have() -> None:
    found = profile({"a": [1.0, 2.0, 3.0, 4.0], "b": [3.0]})
    assert found == [(1.0, 0.125), (2.0, 0.25), (3.0, 0.875), (4.0, 1.0)]


def test_runs_that_never_got_there_hold_the_part_below_one() -> None:
    assert profile({"a": [1.0, inf], "b": [inf, inf]}) == [(1.0, 0.25)]
    assert profile({}) == []


def test_figures_that_differ_by_rounding_are_one_step() -> None:
    found = profile({"a": [0.3], "b": [0.1 + 0.2]})
    assert found == [(pytest.approx(0.3), 1.0)]
