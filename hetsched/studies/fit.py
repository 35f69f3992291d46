"""A study that chooses a learning model by its error on recordings that the model was not fitted
to."""

from collections.abc import Callable
from typing import Any

import msgspec

from hetsched.studies.backends import backend
from hetsched.studies.fit_result import FitOrder, Fitted

MODELS = 5
"""The most models that are fitted."""


def fits(order: FitOrder) -> int:
    """The most fits that the order takes: for every model one per fold, and one to all
    recordings."""
    return MODELS * (order.folds + 1)


def fit(order: FitOrder, on_fit: Callable[[str], object] = lambda name: None) -> Fitted:
    """Fit learning models to recordings, and judge the models by cross-validation. `on_fit` is
    called with the model's name after each fit.

    Raises InputError, with file and line, if a file is no file of recordings, or if there are too
    few recordings.
    """
    return backend("sim").fit(order, on_fit)


def document(fitted: Fitted) -> dict[str, Any]:
    """What `--json` prints."""
    said: dict[str, Any] = msgspec.to_builtins(fitted)
    said["noise"]["by_seed"] = fitted.noise.by_seed
    return {**said, "best": None if fitted.best is None else fitted.best.name}
