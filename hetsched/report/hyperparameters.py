"""Hyperparameters as tables and lines show them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hetsched.core.trial import Trial


def names_of(trials: Iterable[Trial]) -> list[str]:
    """The names of the hyperparameters of these trials, sorted."""
    return sorted({name for trial in trials for name in trial.hyperparameters})


def cells(trial: Trial, names: Sequence[str]) -> list[str]:
    """The trial's values of these hyperparameters. A hyperparameter that the trial lacks has an
    empty text."""
    return [in_words(trial.hyperparameters[name]) if name in trial.hyperparameters else "" for name in names]


def listed(hyperparameters: Mapping[str, Any]) -> str:
    """Names and values in one line, with commas between them."""
    return ", ".join(f"{name} {in_words(value)}" for name, value in hyperparameters.items())


def in_words(value: Any) -> str:
    """A value as text: floats with four significant digits, texts as they are, all other values as
    JSON.

    >>> [in_words(value) for value in (0.123456, 100000, "adam", True, [64, 0.5])]
    ['0.1235', '100000', 'adam', 'true', '[64, 0.5]']
    """
    match value:
        case float():
            return f"{value:.4g}"
        case str():
            return value
        case _:
            return json.dumps(value)
