"""What may be searched: the kinds of hyperparameters, their values, and the names of nested ones.

Inside hetsched, hyperparameters are flat: the name of a nested one is a path, `optimizer.lr`.
Values are JSON values. A user's code gets them nested (`nested`), as the configuration of a
training is.
"""

from collections.abc import Mapping
from math import floor
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from msgspec import Struct
from msgspec.structs import force_setattr

from hetsched.domain.rounding import ROUNDING

Hyperparameters = dict[str, Any]
"""Values by name, flat."""

Scale = Literal["linear", "log"]

SPREAD = 10.0
"""Numbers are compared by their logarithms if the greatest one is at least this many times the
least one."""

OF_SGD = ("lr", "momentum", "weight_decay")
"""The hyperparameters of SGD, which the built-in networks and learning curves know."""


class Float(Struct, frozen=True, tag="float", tag_field="kind"):
    """Numbers from `low` to `high`, uniform on a linear or a logarithmic scale. With a `step`,
    `low`, `high` and all values are multiples of it."""

    low: float
    high: float
    scale: Scale = "linear"
    step: float | None = None

    def at(self, u: float) -> float:
        """The value at the quantile `u` in 0..1."""
        if self.scale == "log":
            value = float(self.low * (self.high / self.low) ** u)
        else:
            value = self.low + (self.high - self.low) * u
        return value if self.step is None else self._on_grid(value, self.step)

    def nearest(self, value: float) -> float:
        """The value of the range that is nearest to `value`."""
        inside = float(min(max(value, self.low), self.high))
        return inside if self.step is None else self._on_grid(inside, self.step)

    def cast(self, value: float) -> float:
        """The value as a number of this kind, even if it is outside the range."""
        return float(value)

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return "a number"

    @property
    def is_constant(self) -> bool:
        """Whether it is a single value, so that there is nothing to search."""
        return self.low == self.high

    def _on_grid(self, value: float, step: float) -> float:
        """The nearest multiple of the step that is in the range: by rounding, 3 x 0.1 is above
        0.3."""
        return min(max(float(round(value / step) * step), self.low), self.high)


class Integer(Struct, frozen=True, tag="integer", tag_field="kind"):
    """Multiples of `step` from `low` to `high`, which are multiples themselves. Each is equally
    likely. On a logarithmic scale each decade is."""

    low: int
    high: int
    scale: Scale = "linear"
    step: int = 1

    def at(self, u: float) -> int:
        """The value at the quantile `u` in 0..1."""
        low, end = self.low // self.step, self.high // self.step + 1
        number = low * (end / low) ** u if self.scale == "log" else low + (end - low) * u
        return min(floor(number), end - 1) * self.step

    def nearest(self, value: float) -> int:
        """The value of the range that is nearest to `value`."""
        return round(min(max(value, self.low), self.high) / self.step) * self.step

    def cast(self, value: float) -> int:
        """The value as a number of this kind, even if it is outside the range. It is rounded as Ray
        rounds it."""
        return round(value)

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return "a number"

    @property
    def is_constant(self) -> bool:
        """Whether it is a single value, so that there is nothing to search."""
        return self.low == self.high


class Choice(Struct, frozen=True, tag="choice", tag_field="kind"):
    """One of the `values`, which all differ. If they are `ordered`, PBT moves to a neighbour."""

    values: tuple[Any, ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        force_setattr(self, "values", tuple(map(_fixed, self.values)))

    def at(self, u: float) -> Any:
        """The value at the quantile `u` in 0..1."""
        return self.values[min(floor(u * len(self.values)), len(self.values) - 1)]

    def nearest(self, value: Any) -> Any:
        """The value itself: it is one of the values."""
        return value

    def beside(self, value: Any, shift: int) -> Any:
        """The value that is `shift` places further in the order, or the outermost one on that
        side."""
        return self.values[min(max(self.values.index(value) + shift, 0), len(self.values) - 1)]

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return f"one of {', '.join(map(repr, self.values))}"

    @property
    def is_constant(self) -> bool:
        """Whether it is a single value, so that there is nothing to search."""
        return len(self.values) == 1


class Constant(Struct, frozen=True, tag="constant", tag_field="kind"):
    """The same value for all trials."""

    value: Any

    def __post_init__(self) -> None:
        force_setattr(self, "value", _fixed(self.value))

    def at(self, u: float) -> Any:
        """The value, whatever the quantile."""
        return self.value

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        return f"the constant {self.value!r}"

    @property
    def is_constant(self) -> bool:
        """True: there is nothing to search."""
        return True


Domain = Float | Integer | Choice | Constant
"""The values that a hyperparameter may have."""


class FixedList(list[Any]):
    """A list that cannot be changed. It equals the list of the same values."""

    def __reduce__(self) -> tuple[type["FixedList"], tuple[list[Any]]]:
        return FixedList, (list(self),)


def _refuse(self: FixedList, *_: object, **__: object) -> NoReturn:
    raise TypeError("the hyperparameters of a trial cannot be changed")


_CHANGING = ("append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort")
for _name in (*_CHANGING, "__setitem__", "__delitem__", "__iadd__", "__imul__"):
    setattr(FixedList, _name, _refuse)


def unchangeable(hyperparameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The hyperparameters as policies and learning models see them. Neither the mapping nor its
    lists can be changed.

    >>> unchangeable({"layers": [1, 2]})["layers"] == [1, 2]
    True
    """
    return MappingProxyType({name: _fixed(value) for name, value in hyperparameters.items()})


def _fixed(value: Any) -> Any:
    return FixedList(value) if isinstance(value, list) else value


def nested(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name as a user's code gets them: `optimizer.lr` is `lr` in the table `optimizer`.
    Lists are copied, so that the user's code may change them.

    >>> nested({"optimizer.lr": 0.1, "optimizer.name": "sgd", "layers": 2})
    {'optimizer': {'lr': 0.1, 'name': 'sgd'}, 'layers': 2}
    """
    tables: dict[str, Any] = {}
    for path, value in hyperparameters.items():
        *outer, name = path.split(".")
        table = tables
        for part in outer:
            table = table.setdefault(part, {})
        table[name] = list(value) if isinstance(value, list) else value
    return tables


def flat(config: Mapping[str, Any]) -> Hyperparameters:
    """The inverse of `nested`.

    >>> flat({"optimizer": {"lr": 0.1, "name": "sgd"}, "layers": 2})
    {'optimizer.lr': 0.1, 'optimizer.name': 'sgd', 'layers': 2}
    """
    values: Hyperparameters = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            values |= {f"{name}.{inner}": deep for inner, deep in flat(value).items()}
        else:
            values[name] = value
    return values


def by_logarithm(least: float, most: float) -> bool:
    """Whether numbers from `least` to `most` are compared by their logarithms: positive ones, if the
    greatest is at least ten times the least, up to rounding."""
    return least > 0 and most >= SPREAD * least * (1 - ROUNDING)
