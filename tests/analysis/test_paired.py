"""Paired statistics: what they must show, what they must not, and when there are seeds enough."""

import re
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr, ttest_1samp, wilcoxon

from benchmarks.error_rates import error_rate
from hetsched.analysis.paired import differences, holm, paired_p, rank_agreement
from hetsched.analysis.verdicts import verdict
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
    base, other = noisy("base", 80, cv=1e-4), [101.0] * 64 + [20.0] * 16
    found = differences(base, {"x": other})["x"]
    assert found.p_holm is not None and found.p_holm < 0.05
    assert found.ci95 is not None and found.ci95[0] > 1 and found.rank_biserial < 0
    assert not found.shown
    assert verdict(found, "b") == "no difference shown: slower in 64 of 80 seeds, but 1.18x .. 1.58x in the mean"
    turned = differences(other, {"x": base})["x"]
    assert verdict(turned, "b") == "no difference shown: faster in 64 of 80 seeds, but 0.63x .. 0.84x in the mean"


def test_every_ratio_of_a_verdict_is_in_one_unit() -> None:
    base = noisy("base", 20)
    by = dict(zip("wxyz", (1.05, 1 / 1.05, 1.0, 2.0), strict=True))
    others = {name: [value / times for value in noisy(name, 20)] for name, times in by.items()}
    verdicts = {name: verdict(found, "b") for name, found in differences(base, others).items()}
    assert verdicts["w"].startswith("1.05x faster than b (1.0") and verdicts["w"].endswith("x), in all 20 seeds")
    assert verdicts["x"].startswith("1.05x slower than b (1.0")
    assert verdicts["y"].startswith("no difference shown (0.99") and "x .. 1.00" in verdicts["y"]
    assert verdicts["z"].startswith("2.0")
    assert not any("%" in told for told in verdicts.values())


def test_rounding_is_no_difference() -> None:
    """Two equal schedules whose sums were added up in another order differ by so much."""
    rounded = differences([10.0] * 10, {"x": [float(np.nextafter(10.0, 0))] * 10})["x"]
    assert (rounded.ratio, rounded.better, rounded.worse, rounded.shown) == (1, 0, 0, False)
    assert verdict(rounded, "b") == "no difference: the same in all 10 seeds"
    base = noisy("base", 10)
    other = [value * (1 + 1e-12) for value in base[:9]] + [base[9] * 1.1]
    mixed = differences(base, {"x": other})["x"]
    assert (mixed.better, mixed.worse, mixed.shown, mixed.p_value) == (0, 1, False, 1)
    assert verdict(mixed, "b").startswith("no difference shown (0.97x .. 1.01x, p = 1")


def test_a_mean_of_no_more_than_rounding_shows_nothing() -> None:
    """Six seeds differ by a little more than rounding, four by nothing: ranks and mean agree, on
    next to nothing."""
    logs = np.array([1.1e-9] * 6 + [0.0] * 4)
    found = differences([100.0] * 10, {"x": list(100.0 * np.exp(-logs)), "y": list(100.0 * np.exp(logs))})
    for name in found:
        assert found[name].p_holm is not None and not found[name].shown
        assert verdict(found[name], "b").endswith("in the mean, which is no more than rounding")


@pytest.mark.parametrize("factors", [[1] * 8, [391, 392, 393, 394, 396, 397, 399, 325], [3, 7, 11, 13, 17, 19, 23, 1]])
def test_ranks_do_not_follow_from_the_last_digits(factors: list[int]) -> None:
    """Seven pairs are 10 : 9, and one is 9 : 10. All differences are of one size."""
    slow, fast = [10.0 * factor for factor in factors], [9.0 * factor for factor in factors]
    found = differences([*slow[:7], fast[7]], {"other": [*fast[:7], slow[7]]})["other"]
    assert found.p_value == pytest.approx(0.0703, abs=5e-4) and not found.shown
    assert found.rank_biserial == pytest.approx(0.75)


def test_a_ratio_just_above_rounding_is_told_apart_from_one() -> None:
    base = noisy("base", 10)
    other = [value * (1 - 2e-6 - 1e-7 * k) for k, value in enumerate(base)]
    assert verdict(differences(base, {"x": other})["x"], "b") == (
        "1.000002x faster than b (1.000002x .. 1.000003x), in all 10 seeds"
    )


def test_seeds_that_are_alike_count_as_one_run() -> None:
    found = differences([466.0] * 10, {"x": [466.0 / 1.123] * 10, "y": noisy("y", 10, mean=900.0)})
    alike, noise = found["x"], found["y"]
    assert (alike.ci95, alike.p_value, alike.p_holm, alike.shown) == (None, None, None, False)
    assert (alike.alike, alike.width) == (True, 0)
    assert verdict(alike, "b") == "no noise: all 10 seeds are alike and count as one run: 1.123x faster than b"
    assert not noise.alike and noise.shown
    assert noise.p_holm == noise.p_value, "what is not tested needs no correction"


def test_one_seed_says_what_it_found_and_that_it_may_be_luck() -> None:
    one = differences([2.0], {"x": [1.0], "y": [4.0], "z": [2.0]})
    assert one["x"].ci95 is None and one["x"].width is None and not one["x"].shown and not one["x"].alike
    told = "one seed: {} under it; 3 are needed to tell a difference from chance"
    assert verdict(one["x"], "b") == told.format("2.000x faster than b")
    assert verdict(one["y"], "b") == told.format("2.000x slower than b")
    assert verdict(one["z"], "b") == told.format("as fast as b")


@pytest.mark.parametrize("seeds", [3, 4, 5, 6, 10])
@pytest.mark.parametrize("strategies", [1, 2, 7])
def test_a_plain_difference_is_shown_from_three_seeds_on(seeds: int, strategies: int) -> None:
    """1.37 times as fast, give or take a thousandth."""
    base = noisy("base", seeds, cv=5e-4)
    others = {str(n): noisy(f"other {n}", seeds, mean=100 / 1.37, cv=5e-4) for n in range(strategies)}
    for found in differences(base, others).values():
        assert found.shown
        assert verdict(found, "b").startswith("1.37") or verdict(found, "b").startswith("1.36")
        assert verdict(found, "b").endswith(f", in all {seeds} seeds")


def test_two_seeds_show_nothing_and_few_that_scatter_neither() -> None:
    base = noisy("base", 5)
    two = differences(base[:2], {"x": [v / 2 for v in noisy("x", 2)]})["x"]
    assert not two.shown and two.p_value == 1
    assert verdict(two, "b") == "no difference shown: 2 seeds, 3 are needed (1.79x .. 2.26x)"
    scattered = differences([1.3, 1.2, 1.25, 1.3, 0.99], {"x": [1.0] * 5})["x"]
    assert scattered.ci95 is not None and scattered.ci95[0] > 1 and not scattered.shown
    assert verdict(scattered, "b") == (
        "no difference shown: 1.04x .. 1.38x in the mean, faster in 4 of 5 seeds, but p = 1; more seeds may tell"
    )


def test_below_the_seeds_that_ranks_need_the_t_test_counts_five_times() -> None:
    logs = [0.3, 0.31, 0.33, 0.29]
    assert paired_p(logs, 1) == pytest.approx(5 * ttest_1samp(logs, 0).pvalue)
    assert paired_p([*logs, 0.3, 0.35], 1) == wilcoxon([*logs, 0.3, 0.35]).pvalue
    assert paired_p([*logs, 0.3, 0.35], 2) == pytest.approx(5 * ttest_1samp([*logs, 0.3, 0.35], 0).pvalue)
    skewed = [0.01] * 19 + [3.0]
    assert paired_p(skewed, 1) == pytest.approx(ttest_1samp(skewed, 0).pvalue)


Logs = st.lists(st.floats(-1, 1), min_size=2, max_size=12)


@given(st.lists(Logs, min_size=1, max_size=5), st.sampled_from([1.0, 1e-3, 1e-6, 1e-8]), st.floats(-0.5, 0.5))
def test_a_verdict_never_contradicts_its_own_interval(rows: list[list[float]], scale: float, mean: float) -> None:
    seeds = min(map(len, rows))
    others = {str(n): np.exp([-mean - scale * v for v in row[:seeds]]).tolist() for n, row in enumerate(rows)}
    for found in differences([1.0] * seeds, others).values():
        told = verdict(found, "b")
        ends = [float(end) for end in re.findall(r"([\d.]+)x(?= \.\.|\)| in the mean|, p)", told)]
        if found.shown:
            low, high = ends
            assert found.ci95 is not None and not found.ci95[0] <= 1 <= found.ci95[1]
            assert 1 < low <= float(told.split("x")[0]) <= high
            assert told.split()[1] == ("faster" if found.ratio > 1 else "slower")
        elif found.ci95 is not None and " but " not in told and "are needed" not in told:
            assert ends[0] <= 1 <= ends[1], told


def test_luck_alone_rarely_shows_a_difference() -> None:
    for seeds in (3, 12):
        shown = [
            any(
                found.shown
                for found in differences(
                    noisy(f"base {n}", seeds), {name: noisy(f"{name} {n}", seeds) for name in "abc"}
                ).values()
            )
            for n in range(200)
        ]
        assert 0 < sum(shown) <= 0.05 * len(shown)


@pytest.mark.parametrize(
    ("kind", "few", "many"), [("normal", 0.02, 0.06), ("exponential", 0.06, 0.11), ("lognormal", 0.1, 0.16)]
)
def test_error_rates_are_about_those_of_the_page(kind: str, few: float, many: float) -> None:
    """docs/statistics.md has the measured ones, of 4,000 draws."""
    assert 0 < error_rate(kind, 5, 1000) <= few
    assert few / 2 < error_rate(kind, 10, 400) <= many


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


def test_strategies_that_differ_by_rounding_are_not_in_one_order() -> None:
    makespans = [10.0, 10.5, 9.0]
    by_rounding = [np.nextafter(makespan, 0) for makespan in makespans]
    assert rank_agreement([makespans, by_rounding]).kendall_w is None
    assert rank_agreement([makespans[:2], by_rounding[:2]]).kendall_tau is None


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
