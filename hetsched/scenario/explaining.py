"""What is wrong with the tables of a scenario, in words."""

from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from hetsched.errors import nearest


def explain(root: type[BaseModel], detail: ErrorDetails) -> str:
    """One line: key, what is wrong, what was expected, and the nearest right spelling of an unknown key."""
    loc = [part for part in detail["loc"] if not str(part).startswith(("constrained-", "list["))]  # arms of a union
    *parents, last = loc or [""]
    key = ".".join(str(part) for part in loc)
    if not key:  # found by a check of the whole scenario, which names the key itself
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key: {nearest(str(last), _keys_at(root, parents))}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{key}: missing: {message.lower()}"
    given = detail["input"]
    shown = f", got {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _keys_at(root: type[BaseModel], parents: list[int | str]) -> list[str]:
    """The keys that the table at this place may have."""
    table = root
    for part in parents:
        if isinstance(part, str) and part in table.model_fields:
            table = _inner_table(table.model_fields[part].annotation) or table
    return list(table.model_fields)


def _inner_table(annotation: Any) -> type[BaseModel] | None:
    """The table class inside an annotation such as list[NodeTable]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in getattr(annotation, "__args__", ()) if (found := _inner_table(arg))), None)
