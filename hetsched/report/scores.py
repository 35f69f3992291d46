"""Scores as tables show them: values with few digits, and the metric's name as the heading."""

from collections.abc import Iterable

from hetsched.core.trial import Trial
from hetsched.domain.metric import Metric


def shown(score: float | None, otherwise: str = "") -> str:
    """The score in few digits, or `otherwise` if the score is unknown.

    >>> shown(0.9), shown(2.30259), shown(1234567.0), shown(0.0013), shown(None, "unknown")
    ('0.900', '2.303', '1.23e+06', '0.00130', 'unknown')
    """
    if score is None:
        return otherwise
    if score == 0 or 0.1 <= abs(score) < 1e5:
        return f"{score:.3f}"
    return f"{score:#.3g}" if 1e-4 <= abs(score) < 0.1 else f"{score:.3g}"


def metric_name(metric: Metric | None) -> str:
    """The metric's name. Without a metric, because experiments have different ones, the name is
    "score"."""
    return "score" if metric is None else metric.name


def further_metrics(trials: Iterable[Trial]) -> list[str]:
    """The names of the metrics that the trials report beside the score, sorted."""
    return sorted({name for trial in trials for name in trial.metrics})
