"""The signed-rank test: exact for every pattern of ties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, rankdata, wilcoxon

from hetsched.analysis import paired
from hetsched.analysis.paired import signed_rank_p

Sizes = st.lists(st.integers(1, 4), min_size=1, max_size=9)


@given(Sizes, st.integers(0, 2**9 - 1))
def test_the_p_value_is_the_share_of_all_signs_that_are_as_uneven(sizes: list[int], signs: int) -> None:
    ranks = rankdata(sizes)
    values = [size if signs >> place & 1 else -size for place, size in enumerate(sizes)]
    sums = np.array([np.dot(ranks, chosen) for chosen in product((0, 1), repeat=len(sizes))])
    found = float(ranks[np.array(values) > 0].sum())
    expected = 2 * min((sums <= found).mean(), (sums >= found).mean())
    assert signed_rank_p(values) == pytest.approx(min(1.0, expected), rel=1e-12)


@pytest.mark.parametrize("n", [6, 14, 50, 200])
def test_without_ties_it_is_scipys_exact_test(n: int) -> None:
    values = np.random.default_rng(n).normal(0.2, 1.0, n)
    assert signed_rank_p(values) == pytest.approx(wilcoxon(values, method="exact").pvalue, rel=1e-9)


def test_equal_sizes_make_it_the_sign_test_whatever_their_number() -> None:
    """SciPy's normal approximation showed 8% of 16 random signs instead of 2%."""
    for n in (13, 14, 16, 40):
        for positive in range(n + 1):
            expected = min(1.0, 2 * binom.cdf(min(positive, n - positive), n, 0.5))
            assert signed_rank_p([1.0] * positive + [-1.0] * (n - positive)) == pytest.approx(expected)


@pytest.mark.parametrize(("sizes", "error"), [([1.0], 2e-4), ([1.0, 2.0, 3.0], 5e-3), (np.arange(1.0, 1100.0), 1e-3)])
def test_beyond_the_limit_the_normal_distribution_is_near(
    sizes: list[float], error: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(3)
    values = np.resize(sizes, 1001) * random.choice([-1.0, 1.0], 1001, p=[0.48, 0.52])
    near = signed_rank_p(values)
    monkeypatch.setattr(paired, "EXACT_RANKS", 2000)
    assert near == pytest.approx(signed_rank_p(values), abs=error)
