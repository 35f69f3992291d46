"""The columns of a file of recordings: which trial, its hyperparameters, its scores
(docs/learning.md).

A hyperparameter of SGD has a column of its name. Any other hyperparameter has a column
`hyperparameters.NAME`, so that it is not taken for a metric.
"""

import json
import re
from math import isfinite
from typing import Any, NoReturn

from hetsched.domain.hyperparameters import OF_SGD
from hetsched.domain.metric import MOST_SCORE
from hetsched.errors import LONGEST, brief

PREFIX = "hyperparameters."
"""How the columns of hyperparameters begin, except SGD's."""

OF_TRIAL = ("recording", "model", "dataset", "batch_size", "seed", "evaluation_images", "iteration")
"""The columns that say which trial was recorded, and at how many iterations."""

LOSS = "loss"
"""The column of the mean training loss since the line before. A training may report none."""

SIGNIFICANT = 6
"""Decimal digits of the numbers in a file. Trials are recorded with the rounded hyperparameters."""


_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)

_TRUTH = {"true": True, "false": False}

_NOT_FINITE = {"nan", "inf", "infinity"}


def column_of(hyperparameter: str) -> str:
    """The column of a hyperparameter.

    >>> column_of("lr"), column_of("optimizer.beta")
    ('lr', 'hyperparameters.optimizer.beta')
    """
    return hyperparameter if hyperparameter in OF_SGD else PREFIX + hyperparameter


def rounded(value: Any) -> Any:
    """A hyperparameter as a file has it."""
    return float(f"{value:.{SIGNIFICANT}g}") if isinstance(value, float) else value


def cell_of(value: Any) -> str:
    """A value as a cell; `value_of` is the inverse. A number that is not finite, or is
    beyond `MOST_SCORE`, is an empty cell.

    >>> cell_of(0.1), cell_of(True), cell_of("adam"), cell_of("3"), cell_of([1, 2]), cell_of(float("nan"))
    ('0.1', 'true', 'adam', '"3"', '[1, 2]', '')
    """
    if isinstance(value, float):
        return f"{value:.{SIGNIFICANT}g}" if abs(value) <= MOST_SCORE else ""
    if isinstance(value, str) and value.strip() == value != "" and _is_text(value):
        return value
    return json.dumps(value)


def _is_text(cell: str) -> bool:
    """Whether the value of the cell is the text of the cell."""
    try:
        return bool(value_of(cell) == cell)
    except ValueError:
        return False


def value_of(cell: str) -> Any:
    """The value of a cell. Python, pandas and spreadsheets write numbers, True and False otherwise
    than JSON does.

    Raises ValueError for a number that is not finite, for a list that is not in JSON, and for lists
    in lists beyond all measure.

    >>> value_of("0.1"), value_of("true"), value_of("adam"), value_of('"3"')
    (0.1, True, 'adam', '3')
    >>> value_of(".5"), value_of("1."), value_of("+3"), value_of("False"), value_of("1_000")
    (0.5, 1.0, 3, False, '1_000')
    >>> value_of("NaN")
    Traceback (most recent call last):
    ValueError: expected a finite number, got NaN; a text stands in quotes, as "NaN"
    """
    try:
        return json.loads(cell, parse_constant=_refused, parse_float=_finite, parse_int=_whole)
    except json.JSONDecodeError:
        return _beyond_json(cell)
    except RecursionError as error:
        raise ValueError(f"expected a number, a text or a list, got {brief(cell)}") from error


def _beyond_json(cell: str) -> Any:
    """The value of a cell that is no JSON."""
    word = cell.strip()
    if _NUMBER.fullmatch(word):
        return _whole(word) if word.lstrip("+-").isdecimal() else _finite(word)
    if word.lower().lstrip("+-") in _NOT_FINITE:
        _refused(word)
    if word.startswith(("[", "{", "(")):
        raise ValueError(f'expected JSON, such as [true, "a", 0.5], got {brief(cell)}; a text stands in double quotes')
    return _TRUTH.get(word.lower(), cell)


def _finite(number: str) -> float:
    return found if isfinite(found := float(number)) else _refused(number)


def _whole(number: str) -> int:
    """The integer. One that no float can have is refused, because differences of it are computed."""
    return int(number) if isfinite(float(number)) else _refused(number)


def _refused(number: str) -> NoReturn:
    quoted = f'; a text stands in quotes, as "{number}"' if number.isalpha() else ""
    shown = number if len(number) <= LONGEST else f"{number[:LONGEST]}..."
    raise ValueError(f"expected a finite number, got {shown}{quoted}")
