"""Choosing a learning model by its error on recordings that it was not fitted to: a study."""

from collections.abc import Callable
from typing import Any

import msgspec

from hetsched.studies.backends import backend
from hetsched.studies.fit_result import FitOrder, Fitted

MODELS = 5
"""So many models are fitted at most."""


def fits(order: FitOrder) -> int:
    """How many fits the order takes, at most: of every model one per fold, and one to all recordings."""
    return MODELS * (order.folds + 1)


def fit(order: FitOrder, on_fit: Callable[[str], object] = lambda name: None) -> Fitted:
    """Fit learning models to recordings, and judge them by cross-validation. `on_fit` is called after each fit with the
    model's name.

    Raises InputError, naming file and line, for what is no file of recordings, and for too few of them.
    """
    return backend("sim").fit(order, on_fit)


def document(fitted: Fitted) -> dict[str, Any]:
    """What `--json` prints."""
    said: dict[str, Any] = msgspec.to_builtins(fitted)
    said["noise"]["by_seed"] = fitted.noise.by_seed
    return {**said, "best": None if fitted.best is None else fitted.best.name}
