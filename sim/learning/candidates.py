"""The models that a fit chooses among. Each is fitted to recordings, and then predicts others."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import mean
from typing import Any, NamedTuple

import numpy as np

from hetsched.domain.metric import DEFAULT, Metric
from hetsched.studies.fit_result import MEAN_CURVE, FitOrder
from sim.learning.errors import Predict, predictor
from sim.learning.least_squares import Bounds, fitted_constants
from sim.learning.multi_power import MultiPowerLaw
from sim.learning.recorded import Replay
from sim.learning.recordings import Recording, mean_curve
from sim.learning.sgd import SGDCurve

SGD: Bounds = {
    "scale": (20.0, 200.0, 5000.0),
    "power": (0.1, 0.5, 2.0),
    "best": (-6.0, -3.0, 0.0),
    "width_below": (0.3, 2.0, 5.0),
    "width_above": (0.3, 2.0, 5.0),
    "batch_rate": (-0.5, 0.5, 1.5),
    "batch_gain": (0.0, 0.5, 1.5),
    "most_held": (0.0, 0.5, 1.0),
    "held_at": (-5.0, -1.0, 3.0),
    "held_over": (0.2, 0.7, 3.0),
    "settling": (2.0, 25.0, 300.0),
}
"""The fitted constants of `sgd`. All other constants are assumed (docs/learning.md)."""

CEILING: Bounds = {"most_lost": (0.0, 0.2, 1.0), "lost_at": (-7.0, -3.0, 1.0), "lost_over": (0.1, 0.7, 3.0)}
"""The further constants of `sgd` for a ceiling that depends on the rate."""

LAW: Bounds = {
    "scale": (0.01, 5.0, 500.0),
    "power": (0.05, 0.5, 2.0),
    "batch_rate": (-0.5, 0.5, 1.5),
    "batch_gain": (0.0, 0.5, 1.5),
    "drop": (0.0, 0.1, 2.0),
    "drop_scale": (0.01, 1.0, 100.0),
    "drop_power": (0.05, 0.5, 2.0),
    "drop_rate": (0.0, 0.5, 1.5),
}
"""The constants of the Multi-Power Law, without its `limit`."""


OF_BATCHES = ("batch_rate", "batch_gain")
"""The constants of both models that only recordings of several batch sizes decide."""

OF_CHANGES = ("drop_scale", "drop_power", "drop_rate")
"""The constants of the Multi-Power Law that only recordings with a change of the rate decide."""


class Fit(NamedTuple):
    """A fitted model: what it predicts, how many constants were fitted, the table `[learning]` that
    selects it, and in words the constants that the recordings do not decide."""

    predict: Predict
    constants: int = 0
    learning: Mapping[str, Any] | None = None
    undecided: tuple[str, ...] = ()


Candidate = Callable[[Sequence[Recording]], Fit]
"""Fits a model to exactly these recordings."""


def candidates_for(order: FitOrder, recordings: Sequence[Recording]) -> tuple[dict[str, Candidate], dict[str, str]]:
    """The models that can be fitted to these recordings, by name, and why others cannot be."""
    metric = Metric(order.metric, order.mode)
    found: dict[str, Candidate] = {}
    left_out: dict[str, str] = {}
    by_rate = all(line.lr is not None for recording in recordings for line in recording.evaluations)
    if by_rate and metric == DEFAULT:
        found["sgd"] = partial(_sgd, SGD, order.constants)
        if not order.constants:
            found["sgd, ceiling by rate"] = partial(_sgd, {**SGD, **CEILING}, ())
    else:
        left_out["sgd"] = "predicts accuracies under SGD: the recordings have another metric, or another mode, or no lr"
    if by_rate and not order.constants:
        found["multi-power"] = partial(_law, metric)
    elif not by_rate:
        left_out["multi-power"] = "answers to the rate of SGD: the recordings have no lr"
    if any(not recording.has_schedule for recording in recordings):
        found["tabular"] = partial(_tabular, metric, order)
    else:
        left_out["tabular"] = "of every recording the hyperparameters change on the way"
    return {**found, MEAN_CURVE: _mean_curve}, left_out


def _undecided(recordings: Sequence[Recording]) -> dict[tuple[str, ...], str]:
    """Constants that these recordings do not decide, and why. They keep the model's own values. A fit
    would leave them where it began."""
    found: dict[tuple[str, ...], str] = {}
    if len({recording.kind.batch_size for recording in recordings}) == 1:
        found[OF_BATCHES] = f"all recordings have the batch size {recordings[0].kind.batch_size}"
    if not any(_changes_rate(recording) for recording in recordings):
        found[OF_CHANGES] = "no recording changes its rate"
    return found


def _changes_rate(recording: Recording) -> bool:
    trained = [line for line in recording.evaluations if line.iteration]
    return any((line.lr, line.momentum) != (trained[0].lr, trained[0].momentum) for line in trained)


def _decided(bounds: Bounds, recordings: Sequence[Recording]) -> tuple[Bounds, tuple[str, ...]]:
    """The constants that the recordings decide, and in words the others."""
    others = {names: why for names, why in _undecided(recordings).items() if names[0] in bounds}
    left_out = {name for names in others for name in names}
    lines = (f"{', '.join(names)}: the model's own, not fitted, as {why}" for names, why in others.items())
    return {name: bound for name, bound in bounds.items() if name not in left_out}, tuple(lines)


def _sgd(bounds: Bounds, names: Sequence[str], recordings: Sequence[Recording]) -> Fit:
    decided, lines = (bounds, ()) if names else _decided(bounds, recordings)
    constants = fitted_constants(SGDCurve, decided, recordings, names)
    return Fit(predictor(SGDCurve(**constants)), len(constants), {"model": "sgd", "options": constants}, lines)


def _law(metric: Metric, recordings: Sequence[Recording]) -> Fit:
    """The law begins at the mean score of untrained trials. Its limit is as `_limits` says."""
    scores = [line.score for recording in recordings for line in recording.evaluations]
    start = float(f"{mean(recording.evaluations[0].score for recording in recordings):.4g}")
    decided, lines = _decided(LAW, recordings)
    bounds = {**decided, "limit": _limits(metric, scores)}
    given: dict[str, Any] = {"metric": metric.name, "start": start}
    constants = fitted_constants(partial(MultiPowerLaw, **given), bounds, recordings)
    options = {**given, **constants}
    learning = {"model": "multi-power", "options": options}
    return Fit(predictor(MultiPowerLaw(**options)), len(constants), learning, lines)


def _limits(metric: Metric, scores: Sequence[float]) -> tuple[float, float, float]:
    """The least, the first and the greatest limit of the law: between the best recorded score and a
    score that is better by the recorded range. An accuracy is at most 1. The limit has no other
    sign than all recorded scores: a loss of 0 and more does not fall below 0.

    >>> _limits(Metric("loss", "min"), [8.0, 2.0]), _limits(Metric("reward", "max"), [-3.0, 1.0])
    ((0.0, 1.0, 2.0), (1.0, 3.0, 5.0))
    """
    sign, span = 1.0 if metric.mode == "max" else -1.0, (max(scores) - min(scores)) or 1.0
    best = max(scores) if metric.mode == "max" else min(scores)
    far = best + sign * span
    if metric.name == DEFAULT.name:
        far = min(1.0, max(far, best + 1e-3))
    elif min(scores) >= 0:
        far = max(far, 0.0)
    elif max(scores) <= 0:
        far = min(far, 0.0)
    if far == best:  # a fit needs some room
        far = best - sign * 1e-9 * span
    return min(best, far), (best + far) / 2, max(best, far)


def _tabular(metric: Metric, order: FitOrder, recordings: Sequence[Recording]) -> Fit:
    """The recordings themselves. A scenario has one file of them, which must have all
    recordings."""
    options: dict[str, Any] = {"file": str(order.files[0])} if order.files else {}
    if metric != DEFAULT:
        options |= {"metric": metric.name, "mode": metric.mode}
    if order.chance is not None:
        options["chance"] = order.chance
    learning = {"model": "tabular", "options": options} if len(order.files) < 2 else None
    return Fit(predictor(Replay(recordings, metric, source="the recordings")), 0, learning)


def _mean_curve(recordings: Sequence[Recording]) -> Fit:
    """The predictor that uses only the mean curve, linear between the recorded iterations."""
    curve = mean_curve(recordings)
    steps, scores = list(curve), list(curve.values())

    def predict(recording: Recording) -> list[float]:
        return [float(np.interp(line.iteration, steps, scores)) for line in recording.evaluations[1:]]

    return Fit(predict)
