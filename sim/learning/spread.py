"""The noise of scores where a scenario sets none."""

from collections.abc import Iterator

from hetsched.domain.metric import DEFAULT

OF_ACCURACY = 0.02
"""The standard deviation of an accuracy about its mean. Recordings of CIFAR-10 have 0.02 to 0.03
(docs/learning.md#noise)."""


def spread_of(noise: float | None, metric: str) -> float:
    """The noise, or the default one of the metric. Other metrics have units of their own, so they have
    no noise by default. Raises ValueError if the noise is below 0."""
    if noise is None:
        return OF_ACCURACY if metric == DEFAULT.name else 0.0
    if noise < 0:
        raise ValueError(f"noise is {noise}: expected at least 0")
    return noise


def assumed_spread(noise: float | None, metric: str, least: float | None = None) -> Iterator[str]:
    """The default noise, in words, if no noise is set. Else that the noise is large, if it exceeds
    `least`: the least score without noise of a metric that is to be small and never below 0."""
    if noise is None:
        default = spread_of(noise, metric)
        yield f"{f'a noise of {default:g}' if default else 'no noise'}, as learning.options.noise is not set"
    elif least is not None and noise > least >= 0:
        yield (
            f"learning.options.noise = {noise:g}, which is more than the least {metric}, {least:.3g}: chance alone "
            "may make a trial the best one, or reach a target"
        )
