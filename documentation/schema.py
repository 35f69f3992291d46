"""The JSON schema of a scenario file, from the classes that read the file.

The types, defaults and limits are pydantic's. The meaning of a key is the string below its field.
The unit is in its name.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import AliasChoices, BaseModel

from hetsched.scenario.cluster_tables import DISCOVER
from hetsched.scenario.explaining import inner_tables
from hetsched.scenario.scenario import Scenario

UNITS = {
    r"per_image$|_s_per_image$": "s per image",
    r"bytes_per_s$": "bytes per s",
    r"seconds_per_iteration$": "s per iteration",
    r"_s$": "s",
    r"_gib$": "GiB",
    r"_bytes$": "bytes",
    r"_price_per_h$|^price_per_h$": "currency per h",
    r"^budget$": "currency",
    r"^(stop_iterations|perturbation_interval|checkpoint_interval)$": "iterations",
    r"^(batch_size|evaluation_images|train_images)$": "images",
    r"^population$": "trials",
    r"^cores$": "cores",
    r"^gpus$|^gpu_share$": "GPUs",
    r"^gang$": "workers",
    r"^late$": "s",
    r"^size$": "experiments",
}
"""Units by patterns of the name. The first pattern that fits counts. All other keys have no
unit."""


def unit(name: str) -> str | None:
    """The unit of a key or a column. None: it has no unit."""
    return next((words for pattern, words in UNITS.items() if re.search(pattern, name)), None)


def meanings(table: type[BaseModel]) -> dict[str, str]:
    """The meaning of every field of a table: the string below the field. Raises ValueError, with
    the names of the fields without one."""
    found: dict[str, str] = {}
    for each in reversed(table.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        body = ast.parse(inspect.getsource(each)).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = inspect.cleandoc(words).replace("\n", " ")
    if missing := [name for name in table.model_fields if name not in found]:
        raise ValueError(f"{table.__name__}: fields without a string below them that says what they are: {missing}")
    return found


def tables(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A table, and all tables below it."""
    yield root
    for field in root.model_fields.values():
        for inner in inner_tables(field.annotation):
            yield from tables(inner)


def schema() -> dict[str, Any]:
    """The JSON schema of a scenario file, for editors."""
    found = Scenario.model_json_schema(by_alias=True)
    by_name = {table.__name__: table for table in tables(Scenario)}
    for name, of_table in {Scenario.__name__: found, **found["$defs"]}.items():
        if name in by_name:
            _describe(of_table, by_name[name])
    found["properties"]["cluster"] = {
        "anyOf": [found["properties"]["cluster"], {"const": DISCOVER}],
        "description": found["properties"]["cluster"].pop("description"),
    }
    entry = found["$defs"]["SearchSpace"]["additionalProperties"]
    entry["anyOf"] = entry.pop("oneOf")  # a constant is anything, a table among it
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "A scenario of hetsched"}


def _describe(of_table: dict[str, Any], table: type[BaseModel]) -> None:
    """Put meanings and units into the schema of a table. Also add the old names that its keys may
    have."""
    if "description" in of_table:
        of_table["description"] = inspect.cleandoc(of_table["description"])
    old: dict[str, Any] = {}
    for name, words in meanings(table).items():
        field = table.model_fields[name]
        key = field.alias or name
        entry = of_table["properties"][key]
        entry.pop("title", None)
        entry["description"] = words
        if said := unit(name):
            entry["x-unit"] = said
        if isinstance(field.validation_alias, AliasChoices):
            for alias in field.validation_alias.choices:
                if alias != key:
                    old[str(alias)] = {**entry, "description": f"The old name of {key}.", "deprecated": True}
    of_table["properties"] |= old
