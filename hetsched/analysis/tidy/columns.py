"""The columns of tidy tables: names, kinds of values, units."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

Row = dict[str, Any]
"""A row: values by column. None: there is none, or it is not known."""

Kind = Literal["int", "float", "text", "bool"]

HYPERPARAMETERS = "hyperparameters."
"""The beginning of the names of columns of hyperparameters."""


class Column(NamedTuple):
    """A column of a table. `unit` is the unit of its numbers. "": it has none."""

    name: str
    kind: Kind
    meaning: str
    unit: str = ""


OF_RUN = (
    Column("strategy", "text", "the strategy of the run"),
    Column("seed", "int", "the root seed of the run"),
    Column("backend", "text", "what carried the run out: `sim` or `ray`"),
)
"""The first columns of every table."""

LOG = Column("log", "text", "the log of the run, which tells runs apart")
"""The last of the columns that every table has."""


def hyperparameter_columns(hyperparameters: Mapping[str, Any]) -> Row:
    return {f"{HYPERPARAMETERS}{name}": value for name, value in hyperparameters.items()}


def metric_columns(reported: Mapping[str, float | None], taken: Iterable[str]) -> Row:
    """The columns of what an evaluation reported. If a metric has the name of another column, `
    (metric)` is added to its column's name."""
    names = set(taken)
    return {f"{metric} (metric)" if metric in names else metric: value for metric, value in reported.items()}


class FurtherColumns:
    """The columns that a table has beyond its fixed ones, hyperparameters and metrics, as they are
    found in rows.

    A column with whole numbers and others is of the kind "float"; one of different kinds is "text".

    >>> further = FurtherColumns(["trial"])
    >>> further.see({"trial": "t", "hyperparameters.lr": 1, "loss": None})
    >>> further.see({"trial": "u", "hyperparameters.lr": 0.5, "loss": 2.0})
    >>> [(column.name, column.kind) for column in further.columns()]
    [('hyperparameters.lr', 'float'), ('loss', 'float')]
    """

    def __init__(self, fixed: Iterable[str]) -> None:
        self._fixed = frozenset(fixed)
        self._kinds: dict[str, set[Kind]] = {}

    def see(self, row: Row) -> None:
        """Add the columns of a row."""
        for name in row.keys() - self._fixed:
            kinds = self._kinds.setdefault(name, set())
            if row[name] is not None:
                kinds.add(_kind(row[name]))

    def columns(self) -> list[Column]:
        """The columns in the order of their names, hyperparameters first."""
        names = sorted(self._kinds, key=lambda name: (not name.startswith(HYPERPARAMETERS), name))
        return [Column(name, _of_all(self._kinds[name]), _meaning(name)) for name in names]


def value_as(kind: Kind, value: Any) -> Any:
    """The value in the form of a column of this kind. In a column of texts, other values are
    JSON."""
    if value is None or kind in ("int", "bool"):
        return value
    if kind == "float":
        return float(value)
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=dict).decode()


def _kind(value: object) -> Kind:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(2**63) <= value < 2**63 else "text"
    return "float" if isinstance(value, float) else "text"


def _of_all(kinds: set[Kind]) -> Kind:
    if kinds <= {"int", "float"}:
        return "int" if kinds == {"int"} else "float"
    return next(iter(kinds)) if len(kinds) == 1 else "text"


def _meaning(name: str) -> str:
    if name.startswith(HYPERPARAMETERS):
        return f"the hyperparameter `{name.removeprefix(HYPERPARAMETERS)}`"
    return f"the metric `{name.removesuffix(' (metric)')}`"
