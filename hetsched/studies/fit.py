"""A study that chooses a learning model by its error on recordings that the model was not fitted
to."""

from collections.abc import Callable
from math import isfinite
from typing import Any, get_args

import msgspec

from hetsched.domain.metric import DEFAULT, Mode
from hetsched.errors import InputError
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
    few recordings. Raises InputError if the order is impossible.
    """
    _check(order)
    return backend("sim").fit(order, on_fit)


def _check(order: FitOrder) -> None:
    is_default = order.metric == DEFAULT.name
    if order.folds < 2:
        raise InputError(f"--folds {order.folds}: expected at least 2: one is held out, the others are fitted to")
    if order.mode not in (modes := get_args(Mode)):
        raise InputError(f"--mode {order.mode!r}: expected {' or '.join(modes)}")
    if is_default and order.mode != DEFAULT.mode:
        raise InputError(f"--mode {order.mode}: of {DEFAULT.name} the greater score is better: leave --mode out")
    if order.chance is None:
        return
    if not isfinite(order.chance):
        raise InputError(f"--chance {order.chance}: expected a finite number")
    if is_default and not 0 <= order.chance <= 1:
        raise InputError(f"--chance {order.chance}: expected an accuracy, from 0 to 1")


def document(fitted: Fitted) -> dict[str, Any]:
    """What `--json` prints."""
    said: dict[str, Any] = msgspec.to_builtins(fitted)
    said["noise"]["by_seed"] = fitted.noise.by_seed
    return {**said, "best": None if fitted.best is None else fitted.best.name}
