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


def test_policies_that_always_come_in_one_order_are_told_apart_by_twelve_scenarios() -> None:
    found = ranking(table(a=[1.0 + n / 100 for n in range(12)], b=[2.0 + n / 50 for n in range(12)]))
    assert not found.cliques
    assert found.p_holm["a", "b"] == pytest.approx(2 / 2**12)


def test_five_scenarios_tell_nobody_apart() -> None:
    found = ranking(table(a=[1.0] * 5, b=[2.0] * 5))
    assert found.cliques == [["a", "b"]]


def test_p_values_are_those_of_scikit_posthocs() -> None:
    posthocs = pytest.importorskip("scikit_posthocs")
    rng = np.random.default_rng(3)
    logs = rng.normal([0.0, 0.1, 0.3, 0.9], 0.2, (12, 4))
    names = ["a", "b", "c", "d"]
    found = ranking(table(**{name: list(np.exp(logs[:, n])) for n, name in enumerate(names)}))
    expected = posthocs.posthoc_wilcoxon([logs[:, n] for n in range(4)], p_adjust="holm")
    for (one, other), p in found.p_holm.items():
        assert p == pytest.approx(expected.loc[names.index(one) + 1, names.index(other) + 1])
