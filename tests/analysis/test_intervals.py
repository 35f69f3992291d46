"""Intervals hold the truth as often as they say, wherever they are printed."""

from collections.abc import Callable, Sequence
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hetsched.analysis.intervals import interval, interval_of_one_more, spread
from hetsched.analysis.paired import differences
from hetsched.domain.random_streams import stream
from hetsched.studies.ablation import WHOLE, _contributions
from hetsched.studies.validation import error

DRAWS = 2000

Ends = tuple[float, float] | None


def of_a_mean(luck: np.random.Generator, seeds: int) -> tuple[Ends, float]:
    """As the table of `compare` has it."""
    return spread(luck.normal(100.0, 5.0, seeds).tolist()).ci95, 100.0


def of_a_ratio(luck: np.random.Generator, seeds: int) -> tuple[Ends, float]:
    """As the verdicts of `compare` have it, which `--seeds auto` measures the width of."""
    base, other = np.exp(luck.normal(0.0, 0.02, (2, seeds)))
    return differences((1.2 * base).tolist(), {"x": other.tolist()})["x"].ci95, 1.2


def of_a_prediction(luck: np.random.Generator, seeds: int) -> tuple[Ends, float]:
    """As the table of `validate` has it."""
    predicted, measured = luck.normal(108.0, 1.0, seeds), luck.normal(100.0, 1.0, seeds)
    return error(predicted.tolist(), measured.tolist()).ci95_percent, 8.0


def of_a_prediction_that_is_far_off(luck: np.random.Generator, seeds: int) -> tuple[Ends, float]:
    """The same where twice as much is foretold as comes true, such as the segments of a worker."""
    predicted, measured = luck.normal(200.0, 0.1, seeds), luck.normal(100.0, 3.0, seeds)
    return error(predicted.tolist(), measured.tolist()).ci95_percent, 100.0


def of_one_more_run(luck: np.random.Generator, seeds: int) -> tuple[Ends, float]:
    """As a plan has it: one run more."""
    *runs, one_more = luck.normal(100.0, 5.0, seeds + 1).tolist()
    return interval_of_one_more(runs), one_more


PRINTED = [of_a_mean, of_a_ratio, of_a_prediction, of_a_prediction_that_is_far_off, of_one_more_run]


@pytest.mark.parametrize("printed", PRINTED)
@pytest.mark.parametrize("seeds", [2, 3, 5, 10, 20])
def test_an_interval_holds_the_truth_as_often_as_it_says(
    seeds: int, printed: Callable[[np.random.Generator, int], tuple[Ends, float]]
) -> None:
    luck = stream(seeds, "coverage", printed.__name__)
    held = 0
    for _ in range(DRAWS):
        ends, truth = printed(luck, seeds)
        assert ends is not None
        held += ends[0] <= truth <= ends[1]
    assert 0.93 <= held / DRAWS <= 0.97


@pytest.mark.parametrize("values", [[7.0], [7.0, 7.0, 7.0], [0.1 + 0.2, 0.3], [1e4, np.nextafter(1e4, inf)]])
def test_values_that_differ_by_rounding_have_no_interval(values: Sequence[float]) -> None:
    assert spread(values).ci95 is None


def test_how_much_is_rounding_depends_on_the_size_of_the_figures() -> None:
    assert interval([0.0, 1e-8]) is not None
    assert interval([0.0, 1e-8], size=100.0) is None
    assert spread([1e-12, 2e-12]).ci95 is not None


@pytest.mark.parametrize("makespans", [(0.3, 0.1 + 0.2), (0.1 + 0.2, 0.3)])
def test_a_part_that_changes_nothing_contributes_nothing(makespans: Sequence[float]) -> None:
    """An ablation said that it contributes -0.0 s, and so many percent in its document."""
    runs: Any = {
        name: [SimpleNamespace(makespan_s=makespan, metric=None, best_score=0.5, iterations=1)]
        for name, makespan in zip((WHOLE, "without sharing"), makespans, strict=True)
    }
    without = _contributions(runs)["without sharing"]
    assert (str(without.contribution_s), without.contribution_percent) == ("0.0", 0.0)
