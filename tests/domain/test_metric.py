"""Metrics: which of two scores is better, in both directions, and what is not known."""

from math import inf, isfinite, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.domain.metric import NOISY, SLACK, Metric, Mode, finite, shared

ACCURACY, LOSS = Metric("accuracy", "max"), Metric("loss", "min")
scores = st.none() | st.floats(allow_nan=False, allow_infinity=False)


def test_the_smaller_loss_is_better() -> None:
    assert LOSS.better(0.1, 0.2) and not LOSS.better(0.2, 0.1) and not LOSS.better(0.1, 0.1)
    assert LOSS.reached(0.1, 0.2) and LOSS.reached(0.2, 0.2) and not LOSS.reached(0.3, 0.2)
    assert LOSS.best([0.3, None, 0.1, 0.2]) == 0.1
    assert LOSS.rule(0.2) == "loss <= 0.2"


def test_the_larger_accuracy_is_better() -> None:
    assert ACCURACY.better(0.2, 0.1) and not ACCURACY.better(0.1, 0.2) and not ACCURACY.better(0.1, 0.1)
    assert ACCURACY.reached(0.3, 0.2) and ACCURACY.reached(0.2, 0.2) and not ACCURACY.reached(0.1, 0.2)
    assert ACCURACY.best([0.3, None, 0.1]) == 0.3
    assert ACCURACY.rule(0.2) == "accuracy >= 0.2"


@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
@given(score=scores, target=st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_not_known_is_worse_than_any_score(metric: Metric, score: float | None, target: float) -> None:
    assert not metric.better(None, score)
    assert metric.better(score, None) == (score is not None)
    assert not metric.reached(None, target)
    assert metric.best([None, score, None]) == score
    assert metric.best([]) is None and metric.best([None]) is None


@given(scores, scores)
def test_what_is_better_in_one_direction_is_worse_in_the_other_unless_it_is_unknown(
    one: float | None, other: float | None
) -> None:
    if one is not None and other is not None:
        assert ACCURACY.better(one, other) == LOSS.better(other, one)
    else:
        assert ACCURACY.better(one, other) == LOSS.better(one, other)


@pytest.mark.parametrize(("value", "score"), [(1, 1.0), (True, 1.0), (nan, None), (inf, None), (-inf, None)])
def test_what_is_not_finite_is_no_score(value: float, score: float | None) -> None:
    assert finite(value) == score
    assert score is None or isfinite(score)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_scores_can_be_compared_where_name_and_direction_are_the_same(mode: Mode) -> None:
    assert shared([Metric("loss", mode), Metric("loss", mode)]) == Metric("loss", mode)
    assert shared([Metric("loss", "max"), Metric("loss", "min")]) is None
    assert shared([]) is None


@pytest.mark.parametrize(
    ("score", "slack", "wrong"),
    [
        (0.0, 0, False),
        (1.0000001, SLACK, False),
        (1.01, SLACK, True),
        (1.3, NOISY, False),
        (80.0, NOISY, True),
        (-0.1, SLACK, True),
    ],
)
def test_an_accuracy_is_a_share(score: float, slack: float, wrong: bool) -> None:
    """In percent it reached any target at once, and nobody said so."""
    assert (Metric().beyond(score, slack) is not None) == wrong
    for metric in (Metric("accuracy [%]"), Metric("loss", "min")):
        assert metric.beyond(score, slack) is None
    assert Metric().beyond(None) is Metric().beyond(nan) is None
