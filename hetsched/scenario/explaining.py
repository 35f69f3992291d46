"""Error messages about the tables of a scenario and about the lines of a CSV file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from typing_extensions import TypeAliasType

from hetsched.domain.metric import METRIC_NAME
from hetsched.domain.registry import NAME
from hetsched.errors import brief, nearest_key, ordinal

PATTERNS = {
    NAME: "expected a name of letters (A to Z, a to z), digits and . _ -, with a letter or a digit first",
    METRIC_NAME: "expected letters (A to Z, a to z), digits, spaces and @ % + / . _ -, with a letter or a digit first",
}
"""The words for what a pattern expects."""


SHOULD = ": input should be "

ARM = "kind:"
"""The beginning of the name of one of our own arms of a union, such as `kind:choices`."""

NO_KEYS = ("constrained-", "list[", "dict[", "literal[", "[key]", ARM)
"""The beginnings of those parts of a place that are not keys: arms of a union, and the mark of a
key's own name."""

SCALARS = ("bool", "int", "float", "str")
"""Arms of a union that may also be keys. They are keys where the tables have them."""


def explain_all(root: type[BaseModel], details: Sequence[ErrorDetails], tables: object) -> str:
    """One line per problem. All arms of a union are one problem: "a valid number or a valid
    dictionary". Where one arm has a problem inside a list or table, the other arms say nothing."""
    lines: list[str] = []
    for line in (explain(root, detail, tables) for detail in _innermost(details, tables)):
        key, should, wanted = line.partition(SHOULD)
        if should and lines and lines[-1].startswith(key + SHOULD):
            so_far, got, given = lines[-1].partition(", got ")
            lines[-1] = f"{so_far} or {wanted.partition(got)[0]}{got}{given}" if got else f"{so_far} or {wanted}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _innermost(details: Sequence[ErrorDetails], tables: object) -> Iterator[ErrorDetails]:
    """The problems, without those of a list or table that has a problem inside."""
    places = [tuple(_keys_of(detail["loc"], tables)) for detail in details]
    for place, detail in zip(places, details, strict=True):
        inside = (other for other in places if len(other) > len(place) and other[: len(place)] == place)
        if not (place and isinstance(detail["input"], list | dict) and any(inside)):
            yield detail


def explain(root: type[BaseModel], detail: ErrorDetails, tables: object) -> str:
    """One line: the key, what is wrong, what was expected, and the nearest right spelling of an
    unknown key.

    `tables` are the tables that were checked. An element of a list is named by its `name` and its
    position from 1.
    """
    loc = _keys_of(detail["loc"], tables)
    *parents, last = loc or [""]
    key = ".".join(part or '""' for part in loc if isinstance(part, str))
    if not key:  # a check of the whole scenario found it, and its message names the key
        return in_words(detail)
    places = _places(loc, tables)
    where = f"{key} ({'; '.join(places)})" if places else key
    arms = [str(part).removeprefix(ARM) for part in detail["loc"] if str(part).startswith(ARM)]
    if detail["type"] == "extra_forbidden" and arms and str(last) in _keys_at(root, parents):
        return f"{where}: this key does not go with {arms[-1]}: leave one of them out"
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key: {nearest_key(str(last), _keys_at(root, parents))}"
    if detail["type"] == "missing":
        return f"{where}: missing: this key is needed"
    given, message = detail["input"], in_words(detail)
    if detail["type"] == "model_type":
        message = f"Input should be a table with keys of {', '.join(sorted(_keys_at(root, loc)))}"
    shown = f", got {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{where}: {message[0].lower()}{message[1:]}{shown}"


def in_words(detail: ErrorDetails) -> str:
    """The message of a problem, without the key."""
    if detail["type"] == "string_pattern_mismatch":
        return PATTERNS.get(detail["ctx"]["pattern"], detail["msg"])
    return detail["msg"].removeprefix("Value error, ")


CELLS = {
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "missing": "the cell is empty",
    "greater_than": "expected more than {gt:g}",
    "greater_than_equal": "expected {ge:g} or more",
    "less_than_equal": "expected {le:g} or less",
}
"""What is expected of a cell of a CSV file, by pydantic's type of error."""


def of_a_cell(detail: ErrorDetails) -> str:
    """The message about a line of a CSV file: the column, what was expected, and what was found.

    A problem of the whole line has no column.
    """
    words = CELLS.get(detail["type"])
    column = ".".join(str(part) for part in detail["loc"])
    message = in_words(detail) if words is None else words.format(**detail.get("ctx", {}))
    given = f", got {brief(detail['input'])}" if isinstance(detail["input"], str) else ""
    return f"{column}: {message}{given}" if column else message


def _keys_of(loc: Sequence[int | str], tables: object) -> list[int | str]:
    """The parts of a place that are keys, or positions in lists."""
    keys: list[int | str] = []
    here = tables
    for part in loc:
        is_arm = part in SCALARS and not (isinstance(here, Mapping) and part in here)
        if is_arm or str(part).startswith(NO_KEYS):
            continue
        keys.append(part)
        here = _inside(here, part)
    return keys


def _inside(here: Any, part: int | str) -> Any:
    """What a table or a list has under a key, or at a position. None if it has nothing there."""
    if isinstance(part, int):
        return here[part] if isinstance(here, Sequence) and part < len(here) else None
    return here.get(part) if isinstance(here, Mapping) else getattr(here, part, None)


def _places(loc: Sequence[int | str], tables: object) -> list[str]:
    """The element of every list on the path, such as "'box', the 2nd of [[cluster.nodes]]"."""
    places: list[str] = []
    keys: list[str] = []
    here: Any = tables
    for part in loc:
        here = _inside(here, part)
        if isinstance(part, int):
            names = [repr(here["name"])] if isinstance(here, Mapping) and isinstance(here.get("name"), str) else []
            of = f"[[{'.'.join(keys)}]]" if isinstance(here, Mapping) else ".".join(keys)
            places.append(", ".join([*names, f"the {ordinal(part + 1)} of {of}"]))
        else:
            keys.append(part)
    return places


def _keys_at(root: type[BaseModel], parents: Sequence[int | str]) -> list[str]:
    """The keys that the table at this place may have."""
    tables: list[type[BaseModel]] = [root]
    for part in parents:
        fields = [table.model_fields[part] for table in tables if isinstance(part, str) and part in table.model_fields]
        tables = [inner for field in fields for inner in inner_tables(field.annotation)] or tables
    return [field.alias or name for table in tables for name, field in table.model_fields.items()]


def inner_tables(annotation: Any) -> Iterator[type[BaseModel]]:
    """The table classes inside an annotation such as list[NodeTable]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif isinstance(annotation, TypeAliasType):
        yield from inner_tables(annotation.__value__)
    for inner in getattr(annotation, "__args__", ()):
        yield from inner_tables(inner)
