"""Paired statistics: what they must show, what they must not, and when there are seeds enough."""

from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from hetsched.analysis.paired import bootstrap_interval, differences, holm, least_seeds, rank_agreement, verdict
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError
from hetsched.studies.comparison import FIRST_SEEDS, NARROW, Runs, compare, run_until_narrow, widest

BASE, OTHER = Strategy("uniform", "fifo"), Strategy("fusion", "hrfs")


def noisy(name: str, seeds: int, mean: float = 100.0, cv: float = 0.01) -> list[float]:
    return [float(value) for value in mean * np.exp(stream(7, name).normal(0.0, cv, seeds))]


def test_a_difference_beyond_the_noise_is_shown_both_ways() -> None:
    slow, fast = noisy("slow", 10), noisy("fast", 10, mean=80.0)
    faster = differences(slow, {"x": fast})["x"]
    slower = differences(fast, {"x": slow})["x"]
    assert faster.shown and slower.shown
    assert faster.ratio == pytest.approx(1 / slower.ratio)
    assert faster.ratio == pytest.approx(1.25, rel=0.02)
    assert (faster.better, faster.worse, faster.rank_biserial) == (10, 0, 1)
    assert (slower.better, slower.worse, slower.rank_biserial) == (0, 10, -1)
    assert verdict(faster, "b").startswith("1.2") and "x faster than b (1.2" in verdict(faster, "b")
    assert "x slower than b (1.2" in verdict(slower, "b")
    assert verdict(slower, "b").endswith("in all 10 seeds")


def test_a_mean_and_ranks_that_disagree_show_nothing() -> None:
    """Slower by 1% under most seeds, five times as fast under some: neither is the whole truth."""
    base, other = [100.0] * 80, [101.0] * 64 + [20.0] * 16
    found = differences(base, {"x": other})["x"]
    assert found.p_holm < 0.05 and found.ci95 is not None and found.ci95[0] > 1 and found.rank_biserial < 0
    assert not found.shown
    assert verdict(found, "b").startswith("no difference shown: slower in 64 of 80 seeds, but +")
    turned = differences(other, {"x": base})["x"]
    assert verdict(turned, "b").startswith("no difference shown: faster in 64 of 80 seeds, but -")


def test_small_differences_are_in_percent() -> None:
    base = noisy("base", 20)
    found = differences(base, {"x": [value / 1.05 for value in base], "y": [value * 1.05 for value in base]})
    assert verdict(found["x"], "b") == "5.0% faster than b (5.0% .. 5.0%), in all 20 seeds"
    assert verdict(found["y"], "b") == "5.0% slower than b (5.0% .. 5.0%), in all 20 seeds"


def test_no_difference_and_too_few_seeds_are_said() -> None:
    base = noisy("base", 10)
    same = differences(base, {"x": base})["x"]
    assert (same.ratio, same.ci95, same.p_value, same.better, same.worse, same.shown) == (1, (1, 1), 1, 0, 0, False)
    assert verdict(same, "b") == "no difference shown (+0.0% .. +0.0%, p = 1)"
    few = differences(base[:5], {"x": [value / 2 for value in base[:5]]})["x"]
    assert not few.shown and few.ci95 is not None and few.ci95[0] > 1
    assert verdict(few, "b") == "no difference shown: 5 seeds, 6 are needed (+100.0% .. +100.0%)"
    one = differences([2.0], {"x": [1.0]})["x"]
    assert one.ci95 is None and one.width is None and not one.shown
    assert verdict(one, "b") == "one seed: nothing can be said; 6 are needed"


def test_with_enough_seeds_a_difference_can_be_shown_and_with_one_less_it_cannot() -> None:
    for strategies in (1, 2, 7):
        needed = least_seeds(strategies)
        for seeds in (needed - 1, needed):
            base = noisy("base", seeds)
            others = {str(n): [v / 2 for v in noisy(f"other {n}", seeds)] for n in range(strategies)}
            assert [found.shown for found in differences(base, others).values()] == [seeds == needed] * strategies


def test_luck_alone_rarely_shows_a_difference() -> None:
    shown = [
        any(
            found.shown
            for found in differences(
                noisy(f"base {n}", 12), {name: noisy(f"{name} {n}", 12) for name in "abc"}
            ).values()
        )
        for n in range(150)
    ]
    assert sum(shown) <= 0.1 * len(shown)  # 5% is what is promised


def test_the_interval_holds_the_truth_nearly_as_often_as_it_says() -> None:
    held = 0
    for number in range(200):
        low, high = bootstrap_interval(stream(number, "values").normal(0.3, 1.0, 20)) or (1, 0)
        held += low <= 0.3 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_intervals_are_the_same_every_time() -> None:
    values = noisy("values", 15)
    assert bootstrap_interval(values) == bootstrap_interval(values)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_corrects_upwards_and_keeps_the_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= min(1.0, len(p_values) * p) for p, c in zip(p_values, corrected, strict=True))
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert [c for _, c in pairs] == sorted(corrected)


def test_rank_agreement_is_that_of_the_mean_rank_correlation() -> None:
    values = stream(3, "values").normal(size=(5, 4)) + np.arange(5)[:, None]
    by_seed = values.T
    mean = np.mean([spearmanr(a, b).statistic for a, b in combinations(by_seed, 2)])
    found = rank_agreement(values.tolist())
    assert found.kendall_w == pytest.approx((3 * mean + 1) / 4)
    assert found.kendall_tau is None
    assert found.kendall_w is not None and 0 < found.kendall_w < 1


def test_rank_agreement_with_ties_and_without_anything_to_rank() -> None:
    assert rank_agreement([[1, 1], [1, 1], [2, 2]]).kendall_w == pytest.approx(1.0)
    assert rank_agreement([[1, 1], [1, 1]]) == rank_agreement([[1], [2]]) == rank_agreement([[1, 2]])


def runs_of(figures: dict[Strategy, list[float]]) -> Any:
    return {
        strategy: [SimpleNamespace(metrics=SimpleNamespace(makespan_s=value, iterations=1)) for value in values]
        for strategy, values in figures.items()
    }


class Luck:
    """Stands in for the simulator; the makespans of a seed depend on nothing but the seed."""

    def __init__(self, cv: float) -> None:
        self._cv = cv
        self.asked: list[int] = []

    def run(self, seeds: range) -> Runs:
        self.asked += seeds
        luck = {s: [float(stream(n, s.scheduling).normal(0, self._cv)) for n in seeds] for s in (BASE, OTHER)}
        found: Runs = runs_of({strategy: [float(np.exp(v)) for v in values] for strategy, values in luck.items()})
        return found


def test_seeds_are_added_until_the_interval_is_narrow() -> None:
    luck = Luck(cv=0.015)
    runs = run_until_narrow(luck.run, BASE, first_seed=5, at_first=10, limit=1000)
    assert luck.asked == list(range(5, 5 + len(luck.asked))), "every seed once, in order"
    assert len(runs[BASE]) == len(runs[OTHER]) == len(luck.asked) > 10
    assert widest(runs, BASE) < NARROW
    # The width of a 95% interval of n pairs is about 2 x 1.96 x 0.015 x sqrt(2 / n).
    assert 30 <= len(luck.asked) <= 200


def test_seeds_that_are_enough_at_first_are_looked_at_once_more() -> None:
    luck = Luck(cv=1e-4)
    run_until_narrow(luck.run, BASE, first_seed=0, at_first=2, limit=1000)
    assert luck.asked == list(range(2 * FIRST_SEEDS))


def test_what_happens_late_is_not_missed() -> None:
    """Under the first ten seeds both are alike, under one of the next ten they are not."""
    luck = Luck(cv=1e-4)

    def run(seeds: range) -> Runs:
        runs = luck.run(seeds)
        for seed, of_seed in zip(seeds, runs[OTHER], strict=True):
            if seed == 13:
                of_seed.metrics.makespan_s *= 2  # type: ignore[misc]
        return runs

    run_until_narrow(run, BASE, first_seed=0, at_first=10, limit=60)
    assert luck.asked == list(range(60))


def test_seeds_end_at_the_limit() -> None:
    for limit in (1, 4, 25):
        luck = Luck(cv=0.5)
        runs = run_until_narrow(luck.run, BASE, first_seed=0, at_first=10, limit=limit)
        assert luck.asked == list(range(limit))
        assert widest(runs, BASE) >= NARROW


def test_a_strategy_that_trained_nothing_is_not_compared() -> None:
    runs: Any = {BASE: [SimpleNamespace(metrics=SimpleNamespace(iterations=0, seed=4))]}
    with pytest.raises(HetschedError, match=r"uniform\+fifo trained nothing under seed 4"):
        compare(runs, BASE)
