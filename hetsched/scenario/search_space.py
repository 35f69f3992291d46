"""The table of an experiment's hyperparameters. It says which ones are searched, and which ones PBT
may change."""

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_serializer, model_validator
from typing_extensions import TypeAliasType

from hetsched.domain.hyperparameters import OF_SGD, Choice, Constant, Domain, Float, Integer, Scale
from hetsched.domain.metric import as_float
from hetsched.domain.names import without_control
from hetsched.domain.workload import BATCH_SIZE, PBT, batch_sizes_of
from hetsched.errors import brief, nearest
from hetsched.scenario.tables import Table

OF_SGD_CURVES = ("sgd", "multi-power")
"""The learning models of hetsched whose scores depend only on the hyperparameters of SGD."""

MOST = 1e12
"""The greatest number that may be searched, and the greatest value of a hyperparameter of SGD.
Products of such numbers do not overflow."""


def _no_string(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError('expected a number, which PBT multiplies; strings are choices, such as {choices = ["a", "b"]}')
    return value


Number = Annotated[float, Field(ge=-MOST, le=MOST), BeforeValidator(_no_string)]


class RangeTable(Table):
    """Numbers from `low` to `high`. With `integer` they are whole. With a `step` they are multiples
    of it."""

    low: Number = Field(examples=[0.001])
    """Least value."""
    high: Number = Field(examples=[0.1])
    """Greatest value."""
    scale: Scale = "linear"
    """Scale on which values are drawn."""
    step: Annotated[float, Field(gt=0, le=MOST), BeforeValidator(_no_string)] | None = Field(
        default=None, examples=[0.001]
    )
    """Values are multiples of it."""
    integer: bool = False
    """Whether values are whole numbers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.low <= self.high:
            raise ValueError(f"low must not exceed high, got {self.low:g} and {self.high:g}")
        if self.integer:
            for key, value in (("low", self.low), ("high", self.high), ("step", self.step)):
                if value is not None and not value.is_integer():
                    raise ValueError(f"integer = true needs a whole {key}, got {value:g}")
        least = (self.step or 1.0) if self.integer else 1e-12
        if self.scale == "log" and self.low < least:
            raise ValueError(f"a log scale needs low >= {least:g}, got {self.low:g}")
        for key, value in (("low", self.low), ("high", self.high)):
            if self.step is not None and abs(value / self.step - round(value / self.step)) > 1e-9:
                raise ValueError(f"{key} must be a multiple of step = {self.step:g}, got {value:g}")
        return self

    @field_serializer("low", "high", "step")
    def _whole(self, value: float | None) -> float | None:
        return int(value) if self.integer and value is not None else value

    def domain(self) -> Domain:
        if self.low == self.high:
            return Constant(int(self.low) if self.integer else self.low)
        if self.integer:
            return Integer(int(self.low), int(self.high), self.scale, int(self.step or 1))
        return Float(self.low, self.high, self.scale, self.step)


def _is_value(value: object) -> bool:
    """Whether a log can have the value. JSON has neither infinite numbers nor nan. An integer that
    no float can have is none, because differences of it are computed."""
    return as_float(value) is not None if isinstance(value, int | float) else isinstance(value, str)


class ChoicesTable(Table):
    """One of the listed values. If they are `ordered`, PBT moves to a neighbour in the list."""

    choices: list[Any] = Field(examples=[["adam", "sgd"]])
    """The values."""
    ordered: bool = False
    """Whether PBT moves to a neighbour in the list; else it draws any value."""

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if not self.choices:
            raise ValueError("choices: the list is empty; a hyperparameter has at least one value")
        for number, value in enumerate(self.choices):
            for one in value if isinstance(value, list) else [value]:
                if not _is_value(one):
                    expected = "expected finite numbers, strings, true or false, or lists of them"
                    raise ValueError(f"choices: {expected}, got {brief(one)}")
            if value in self.choices[:number]:
                equal = self.choices[self.choices.index(value)]
                raise ValueError(f"choices: {equal!r} and {value!r} are the same; values must differ")
        return self

    def domain(self) -> Domain:
        if len(self.choices) == 1:
            return Constant(self.choices[0])
        return Choice(tuple(self.choices), self.ordered)


def _constant(value: Any) -> Any:
    if isinstance(value, list):
        raise ValueError("a list is no value: write {choices = [...]} to choose one of its elements")
    if not _is_value(value):
        expected = "a finite number, a string, true or false, or a table with low and high or with choices"
        raise ValueError(f"expected {expected}")
    return value


def _nested(table: dict[str, Any]) -> dict[str, Any]:
    if not table:
        raise ValueError("the table is empty: expected hyperparameters in it, or low and high, or choices")
    return table


OF_TUNE = {
    "uniform": "{ low = %s, high = %s }",
    "quniform": "{ low = %s, high = %s, step = %s }",
    "loguniform": '{ low = %s, high = %s, scale = "log" }',
    "qloguniform": '{ low = %s, high = %s, scale = "log", step = %s }',
    "randint": "{ low = %s, high = %s, integer = true }",
    "lograndint": '{ low = %s, high = %s, scale = "log", integer = true }',
    "choice": "{ choices = [...] }",
}
"""Ray Tune's words for distributions, and how a search space says the same."""


def _of_here(space: Any) -> Any:
    """Refuse a table such as `{loguniform = [0.001, 0.1]}`, which is no nested hyperparameter."""
    if isinstance(space, Mapping) and len(space) == 1:
        [(word, given)] = space.items()
        if word in OF_TUNE and isinstance(given, list):
            numbers = [value for value in given if isinstance(value, int | float)]
            if word in {"randint", "lograndint"} and len(numbers) == 2:
                numbers[1] -= 1  # Tune leaves the upper end out
            meant = OF_TUNE[word]
            wanted = meant.count("%s")
            values = numbers if len(numbers) == wanted else ["..."] * wanted
            raise ValueError(f"{word!r} is a word of Ray Tune: write {meant % tuple(values)}")
    return space


def _name(name: str) -> str:
    if not name or "." in name:
        raise ValueError(f"expected a name without a dot, got {name!r}; a nested hyperparameter stands in a table")
    without_control(name)
    return name


def _kind(entry: Any) -> Literal["kind:range", "kind:choices", "kind:nested", "kind:constant"]:
    """The kind of an entry of a search space. Error messages leave out parts that begin with
    "kind:"."""
    if isinstance(entry, RangeTable):
        return "kind:range"
    if isinstance(entry, ChoicesTable):
        return "kind:choices"
    if not isinstance(entry, Mapping):
        return "kind:constant"
    if "choices" in entry:
        return "kind:choices"
    return "kind:range" if "low" in entry or "high" in entry else "kind:nested"


Entry = Annotated[
    Annotated[RangeTable, Tag("kind:range")]
    | Annotated[ChoicesTable, Tag("kind:choices")]
    | Annotated["SearchSpace", BeforeValidator(_of_here), AfterValidator(_nested), Tag("kind:nested")]
    | Annotated[Any, BeforeValidator(_constant), Tag("kind:constant")],
    Discriminator(_kind),
]
SearchSpace = TypeAliasType("SearchSpace", dict[Annotated[str, AfterValidator(_name)], Entry])

HRFS_SEARCH_SPACE: dict[str, Any] = {
    "lr": RangeTable(low=0.0001, high=1.0),
    "momentum": RangeTable(low=0.0001, high=1.0),
}
"""The default search space: the ranges of HRFS."""


def domains(space: Mapping[str, Any]) -> dict[str, Domain]:
    """The hyperparameters of a search space by their paths, in the order in which they are drawn.

    The hyperparameters of SGD come first, in a fixed order that does not depend on the file.
    """
    found = dict(_flat(space))
    first = [key for key in OF_SGD if key in found]
    return {key: found[key] for key in [*first, *(key for key in found if key not in first)]}


def _flat(space: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Domain]]:
    for name, entry in space.items():
        if isinstance(entry, RangeTable | ChoicesTable):
            yield outer + name, entry.domain()
        elif isinstance(entry, Mapping):
            yield from _flat(entry, f"{outer}{name}.")
        else:
            yield outer + name, Constant(entry)


def check_mutated(names: Collection[str], space: Mapping[str, Domain]) -> None:
    """Raise ValueError if PBT cannot change the hyperparameters of these names."""
    for name in names:
        if name not in space:
            raise ValueError(f"pbt.mutate: search_space has no {name!r}: {nearest(name, space)}")
        if space[name].is_constant:
            raise ValueError(f"pbt.mutate: {name!r} has a single value: leave it out, or give it a range or choices")


def check_batch_sizes(space: Mapping[str, Domain], pbt: PBT | None) -> None:
    """Raise ValueError if a searched batch size is not valid, or if PBT may move it out of its
    range."""
    if BATCH_SIZE not in space:
        return
    batch_sizes_of(space[BATCH_SIZE])
    leaves = pbt is not None and pbt.bounds == "ray" and (pbt.mutate is None or BATCH_SIZE in pbt.mutate)
    if leaves and isinstance(space[BATCH_SIZE], Integer) and not space[BATCH_SIZE].is_constant:
        raise ValueError(
            f'search_space.{BATCH_SIZE}: pbt.bounds = "ray" leads out of its range, to sizes that nobody has measured: '
            "list choices with ordered = true, or leave out pbt.bounds"
        )


def check_values_of_sgd(space: Mapping[str, Domain]) -> None:
    """Raise ValueError if a hyperparameter of SGD has a value beyond `MOST`. Recordings of such a
    value would be refused. The ends of ranges have been checked."""
    for key in OF_SGD:
        for value in _values(space[key]) if key in space else ():
            if isinstance(value, int | float) and abs(value) > MOST:
                raise ValueError(f"search_space.{key}: expected numbers up to {MOST:g}, got {brief(value)}")


def check_sgd(space: Mapping[str, Domain], whose: str) -> None:
    """Raise ValueError if the search space has no learning rate, or has a value that SGD cannot
    use.

    `whose` names the network or the learning model that needs SGD, for the message.
    """
    if "lr" not in space:
        found = ", ".join(space) or "nothing"
        raise ValueError(f"search_space.lr: missing: {whose} needs a learning rate, found {found}")
    for key in OF_SGD:
        for value in _values(space[key]) if key in space else ():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"search_space.{key}: expected numbers of at least 0 for {whose}, got {value!r}")


def _values(domain: Domain) -> tuple[Any, ...]:
    """Values of the domain. If they are numbers, the least number is among them."""
    match domain:
        case Choice(values=values):
            return values
        case Constant(value=value):
            return (value,)
        case Float(low=low) | Integer(low=low):
            return (low,)
