"""Average ranks and cliques, against hand-made tables and scikit-posthocs."""

import numpy as np
import pytest

from hetsched.analysis.over_scenarios.ranks import ranking

SCENARIOS = [f"s{n}" for n in range(12)]


def table(**policies: list[float]) -> dict[str, dict[str, list[float]]]:
    return {name: {s: [v] for s, v in zip(SCENARIOS, of_one, strict=False)} for name, of_one in policies.items()}


def test_ranks_are_means_and_ties_share_theirs() -> None:
    found = ranking(table(a=[1.0, 1.0, 2.0], b=[2.0, 1.0, 1.0], c=[3.0, 3.0, 3.0]))
    assert found.ranks == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_figures_that_differ_by_rounding_share_their_rank_also_where_their_logarithm_is_zero() -> None:
    assert ranking(table(a=[1.0] * 3, b=[1.0 + 4e-16] * 3)).ranks == {"a": 1.5, "b": 1.5}


def test_mean_ranks_that_tie_stay_as_they_were() -> None:
    found = ranking(table(b=[1.0, 1.0 + 1e-12, 3.0], a=[1.0 + 1e-12, 1.0, 3.0]))
    assert list(found.ranks.items()) == [("b", 1.5), ("a", 1.5)]


def test_policies_that_always_come_in_one_order_are_told_apart_by_twelve_scenarios() -> None:
    found = ranking(table(a=[1.0 + n / 100 for n in range(12)], b=[2.0 + n / 50 for n in range(12)]))
    assert found.can_tell and not found.cliques
    [pair] = found.pairs
    assert (pair.policies, pair.apart) == (("a", "b"), True)
    assert pair.p_holm == pytest.approx(2 / 2**12)


def test_too_few_scenarios_to_tell_anybody_apart_have_no_cliques() -> None:
    """Of five scenarios that all point one way, Wilcoxon's p is 2 / 2**5; for the three pairs of
    three policies Holm's correction triples the least p."""
    for policies, needed in ((2, 6), (3, 7)):
        for scenarios in (needed - 1, needed):
            found = ranking(table(**{name: [1.0 + n] * scenarios for n, name in enumerate("abc"[:policies])}))
            assert (found.scenarios_needed, found.can_tell) == (needed, scenarios == needed)
            assert all(pair.apart for pair in found.pairs) == found.can_tell
            assert not found.cliques


def test_policies_that_share_no_clique_may_not_be_told_apart_either() -> None:
    """c is mostly a little slower than both others and three times far faster, so that it differs
    from none; a and b differ, and a stands between b and c, so that no group of neighbours has b
    and c."""
    found = ranking(table(a=[1.0] * 12, b=[0.9] * 12, c=[1.2] * 9 + [0.01] * 3))
    assert list(found.ranks) == ["b", "a", "c"]
    assert [pair.policies for pair in found.pairs if pair.apart] == [("b", "a")]
    assert found.cliques == [["a", "c"]]
    assert [pair.policies for pair in found.beside_cliques] == [("b", "c")]


def test_p_values_are_those_of_scikit_posthocs() -> None:
    posthocs = pytest.importorskip("scikit_posthocs")
    rng = np.random.default_rng(3)
    logs = rng.normal([0.0, 0.1, 0.3, 0.9], 0.2, (12, 4))
    names = ["a", "b", "c", "d"]
    found = ranking(table(**{name: list(np.exp(logs[:, n])) for n, name in enumerate(names)}))
    expected = posthocs.posthoc_wilcoxon([logs[:, n] for n in range(4)], p_adjust="holm")
    for pair in found.pairs:
        one, other = map(names.index, pair.policies)
        assert pair.p_holm == pytest.approx(expected.loc[one + 1, other + 1])
        assert pair.apart == (expected.loc[one + 1, other + 1] < 0.05)
