"""The reference is what the code says, and the schema that editors read accepts what loads."""

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter

from documentation.reference import EXAMPLES, files
from documentation.schema import meanings, schema, tables
from hetsched.domain.profiles import ProfileRow
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.schema import SCHEMA

TABLES: list[type[BaseModel]] = [*dict.fromkeys(tables(Scenario)), ProfileRow]


@pytest.mark.parametrize(("path", "text"), files().items(), ids=lambda value: getattr(value, "name", ""))
def test_pages_and_schema_are_what_the_code_says(path: Path, text: str) -> None:
    assert path.read_text() == text, f"{path.name}: run `make reference`"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_examples_of_fields_are_values_that_they_take(table: type[BaseModel]) -> None:
    adapter: Any = TypeAdapter
    for field in table.model_fields.values():
        for example in field.examples or ():
            adapter(Annotated[field.annotation, field]).validate_python(example)  # raises for a wrong one


def test_a_field_without_a_meaning_is_named() -> None:
    with pytest.raises(ValueError, match=r"Silent.*\['count'\]"):
        meanings(Silent)


class Silent(BaseModel):
    name: str
    """What it is called."""
    count: int = 1


def wrong(document: dict[str, Any]) -> list[str]:
    validator = pytest.importorskip("jsonschema").Draft202012Validator(json.loads(SCHEMA.read_text()))
    return [error.message for error in validator.iter_errors(document)]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_the_schema_takes_every_scenario(file: Path) -> None:
    document = tomllib.loads(file.read_text())
    assert not wrong(document)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"seeds": 0}, "0 is less than the minimum of 1"),
        ({"seeds": "ten"}, "'ten' is not of type 'integer'"),
        ({"sedes": 3}, "('sedes' was unexpected)"),
        ({"checkpoints": {"place": "tape"}}, "'tape' is not one of"),
    ],
)
def test_the_schema_finds_a_wrong_key_or_value(table: dict[str, Any], said: str) -> None:
    [message] = wrong(tomllib.loads(EXAMPLES[-1].read_text()) | table)
    assert said in message


def test_the_schema_takes_old_names_and_discovered_nodes() -> None:
    document = tomllib.loads(EXAMPLES[-1].read_text())
    document["workload"] = {"experiments": [{"name": "e", "stop_accuracy": 0.5}]}
    assert not wrong(document | {"cluster": "discover"})
    assert schema()["$defs"]["ExperimentTable"]["properties"]["stop_accuracy"]["deprecated"]
