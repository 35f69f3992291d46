"""Predicted against measured scores: over time, at a deadline, and the time to a target."""

import pytest
from scipy.stats import ttest_1samp

from hetsched.analysis.scores_over_time import Scores, scores_over_time
from hetsched.core.events import SegmentEnded
from hetsched.report.score_agreement_table import _target_words
from hetsched.studies.score_agreement import Course, ScoreAgreement, score_agreement, score_order
from tests.conftest import Simulate, make_setup

NODES = ({"name": "a", "cores": 2}, {"name": "b", "cores": 1})


def course(*scores: tuple[float, float, float], target_s: float | None = None) -> Course:
    return Course([Scores(*each) for each in scores], [target_s])


@pytest.mark.parametrize("metric", [{}, {"name": "loss", "mode": "min"}])
def test_the_best_and_the_mean_of_the_latest_are_those_of_the_log(
    simulate_log: Simulate, metric: dict[str, str]
) -> None:
    setup = make_setup(NODES, population=4, stop_iterations=40, metric=metric)
    log = simulate_log(setup.replace(learning={"model": "unknown"}) if metric else setup)
    reported = [event for event in log if isinstance(event, SegmentEnded) and event.score is not None]
    found = scores_over_time(log)
    assert len(found) == len(reported)
    for number, scores in enumerate(found):
        latest = {event.trial: event.score for event in reported[: number + 1]}
        so_far = [event.score for event in reported[: number + 1] if event.score is not None]
        assert scores.time_s == reported[number].time
        assert scores.best == (min if metric else max)(so_far)
        assert scores.mean == pytest.approx(sum(score for score in latest.values() if score) / len(latest))
    assert bool(found) != bool(metric)  # nobody knows the scores of an unknown training


def test_moments_are_parts_of_the_deadline_and_the_end_of_each_run() -> None:
    predicted = [course((1.0, 0.25, 0.25), (9.0, 0.5, 0.375)), course((3.0, 0.5, 0.5))]
    measured = [course((2.0, 0.125, 0.125), (12.0, 0.75, 0.5)), course((4.0, 0.25, 0.125))]
    found = score_agreement(predicted, measured, 10.0, has_target=False)
    assert [moment.at_s for moment in found.moments] == [2.0, 4.0, 6.0, 8.0, 10.0, None]
    first, second, *_, deadline, end = found.moments
    assert first.best is not None  # under the second seed there was no score yet
    assert (first.best.predicted, first.best.measured, first.best.error, first.best.ci95) == (0.25, 0.125, 0.125, None)
    assert second.best is not None and second.mean is not None
    assert (second.best.predicted, second.best.measured, second.best.error) == (0.375, 0.1875, 0.1875)
    assert (second.mean.predicted, second.mean.measured, second.mean.error) == (0.375, 0.125, 0.25)
    assert deadline.best is not None and deadline.best.measured_per_seed == [0.125, 0.25]
    assert end.best is not None and (end.best.predicted, end.best.measured) == (0.5, 0.5)
    assert found.target is None


def test_before_any_score_nothing_is_compared() -> None:
    found = score_agreement([course((1.0, 0.5, 0.5))], [course((9.0, 0.5, 0.5))], 10.0, has_target=False)
    assert [moment.best is None for moment in found.moments] == [True, True, True, True, False, False]
    never = score_agreement([course()], [course((9.0, 0.5, 0.5))], 10.0, has_target=False)
    assert all(moment.best is None and moment.mean is None for moment in never.moments)


def test_the_interval_of_a_score_is_that_of_differences_paired_by_seed() -> None:
    predicted, measured = [0.5, 0.52, 0.55], [0.45, 0.5, 0.49]
    foretold, happened = ([course((1.0, score, score)) for score in scores] for scores in (predicted, measured))
    end = score_agreement(foretold, happened, 1.0, has_target=False).moments[-1].best
    differences = [p - m for p, m in zip(predicted, measured, strict=True)]
    expected = ttest_1samp(differences, 0.0).confidence_interval(0.95)
    assert end is not None and end.ci95 == pytest.approx((expected.low, expected.high))


def test_the_time_to_a_target_is_of_the_seeds_that_reach_it_on_both_sides() -> None:
    predicted = [course(target_s=9.0), course(target_s=20.0), course(target_s=5.0)]
    measured = [course(target_s=10.0), course(target_s=20.0), course()]
    found = score_agreement(predicted, measured, 10.0, has_target=True).target
    assert found is not None and found.time_s is not None
    assert (found.predicted, found.measured, found.seeds) == (3, 2, 3)
    assert (found.time_s.predicted, found.time_s.measured) == (14.5, 15.0)
    assert found.time_s.error_percent == pytest.approx(-100 / 30)
    never = score_agreement(predicted[:1], measured[2:], 10.0, has_target=True).target
    assert never is not None and never.time_s is None


def test_the_mean_of_several_predictions_is_that_of_their_scores_at_every_moment() -> None:
    found = Course.mean([course((1.0, 0.2, 0.2), (3.0, 0.4, 0.3)), course((2.0, 0.6, 0.5))])
    assert found.scores == [Scores(2.0, 0.4, 0.35), Scores(3.0, 0.5, 0.4)]
    assert Course.mean([course((1.0, 0.2, 0.2)), course()]).scores == []


def test_the_mean_prediction_reaches_the_target_if_half_of_the_simulations_do() -> None:
    assert Course.mean([course(target_s=4.0), course(target_s=8.0), course()]).time_to_target_s == 6.0
    assert Course.mean([course(target_s=4.0), course(), course()]).time_to_target_s is None


def test_beside_the_mean_time_to_the_target_it_is_said_how_many_simulations_reached_the_target() -> None:
    most = Course.mean([course(target_s=4.0), course(target_s=8.0), course()])
    few = Course.mean([course(target_s=5.0), course(), course()])
    found = score_agreement([most, few], [course(target_s=7.0), course(target_s=9.0)], 10.0, has_target=True).target
    assert found is not None and found.time_s is not None and found.time_s.predicted == 6.0
    assert (found.draws_reached, found.draws) == (3, 6)
    words = _target_words(found)
    assert "reached under 1 of 2 seeds as predicted (in 3 of 6 simulations; the others have no time)" in words


def strategy(predicted: float, measured: list[float]) -> ScoreAgreement:
    foretold = [course((1.0, predicted, 0.5)) for _ in measured]
    return score_agreement(foretold, [course((1.0, score, 0.5)) for score in measured], 10.0, has_target=False)


def test_the_order_is_by_the_best_score_at_the_deadline_and_counts_pairs_apart_on_their_own() -> None:
    low, high = strategy(0.4, [0.40, 0.41, 0.42]), strategy(0.5, [0.50, 0.51, 0.52])
    noisy = strategy(0.6, [0.30, 0.60, 0.50])  # predicted above, measured below the high one; their intervals overlap
    found = score_order([low, high, noisy])
    assert (found.kendall_tau, found.kendall_tau_distinct, found.distinct_pairs) == (pytest.approx(1 / 3), 1.0, 1)
    turned = score_order([strategy(0.5, [0.40, 0.41, 0.42]), strategy(0.4, [0.50, 0.51, 0.52])])
    assert (turned.kendall_tau, turned.kendall_tau_distinct) == (-1.0, -1.0)
