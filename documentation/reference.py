"""The reference, from the code: `python -m documentation.reference` writes its pages, and the
schema of scenarios."""

import csv
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from documentation.api import api_page
from documentation.markdown import MADE, ROOT
from documentation.schema import meanings, schema, unit
from hetsched.domain.profiles import ProfileRow
from hetsched.scenario.explaining import inner_tables
from hetsched.scenario.profile_files import DEFAULTS
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.scenario_tables import ScenarioTables
from hetsched.scenario.schema import SCHEMA

EXAMPLES = sorted([*ROOT.glob("examples/**/*.toml"), *ROOT.glob("hetsched/scenario/packaged/*.toml")])
"""The files from which examples of keys are taken. Fields have examples of other keys."""
PROFILES = [ROOT / "sim/data/gpu-h200.csv", ROOT / "sim/data/cpu-epyc.csv", ROOT / "sim/data/gavel-osdi20.csv"]
"""The files from which examples of columns are taken."""

Path_ = tuple[str, ...]
"""The keys that lead to a key, without the places in lists."""


class Section(NamedTuple):
    """A table of a scenario file, under the name that it has there."""

    heading: str
    path: Path_
    table: type[BaseModel]


def sections(table: type[BaseModel], path: Path_ = (), dotted: str = "") -> Iterator[Section]:
    """The tables below a table, in the order of their keys. The tables of search spaces have their
    own page."""
    for name, field in table.model_fields.items():
        key = field.alias or name
        for inner in inner_tables(field.annotation):
            if key == "search_space":
                continue
            is_list = str(field.annotation).startswith("list[")
            heading = dotted + (f"[[{'.'.join([*path, key])}]]" if is_list else f"[{'.'.join([*path, key])}]")
            yield Section(heading, (*path, key), inner)
            yield from sections(inner, (*path, key))


def values(document: Mapping[str, Any], path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every value of a document that is no table and no list of tables, with its path."""
    for key, value in document.items():
        listed = value if isinstance(value, list) else [value]
        for each in listed:
            if isinstance(each, dict):
                yield from values(each, (*path, key))
        if not isinstance(listed[0] if listed else None, dict):
            yield (*path, key), value
        else:
            yield (*path, key), listed[0]


def examples() -> dict[Path_, Any]:
    """The first value of every key in the files of `EXAMPLES`."""
    found: dict[Path_, Any] = {}
    for file in EXAMPLES:
        for path, value in values(tomllib.loads(file.read_text())):
            found.setdefault(path, value)
    return found


def in_toml(value: Any) -> str:
    """A value as a scenario file writes it."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {in_toml(each)}" for key, each in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(in_toml(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def type_in_words(entry: Mapping[str, Any]) -> str:
    """The possible values of a property of the JSON schema, in words."""
    if "anyOf" in entry:
        return " or ".join(type_in_words(each) for each in entry["anyOf"] if each.get("type") != "null")
    if "enum" in entry:
        return " or ".join(f"`{in_toml(value)}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{in_toml(entry['const'])}`"
    if "$ref" in entry:
        return "table"
    match entry.get("type"):
        case "array" if "items" in entry:
            return f"list of {type_in_words(entry['items'])}"
        case "array":
            return f"list of {len(entry['prefixItems'])} {type_in_words(entry['prefixItems'][0])}"
        case "object":
            return "table"
        case None:
            return "any value"
        case kind:
            return f"{kind}{_limits(entry)}"


def _limits(entry: Mapping[str, Any]) -> str:
    """The limits of a number that a user may meet. Limits that only prevent overflow of sums are
    left out."""
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    known = {key: entry[key] for key in signs if key in entry and abs(entry[key]) < 1e4}
    limits = [f"{signs[key]} {limit:g}" if limit % 1 == 0 or limit > 1e-3 else "> 0" for key, limit in known.items()]
    return f" {', '.join(limits)}" if limits else ""


def default_of(field: FieldInfo) -> str:
    """The default of a key, as a scenario file writes it."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if default is None:
        return ""
    if isinstance(default, BaseModel) or (isinstance(default, dict) and default):
        return "" if isinstance(default, BaseModel) else f"`{in_toml(_plain(default))}`"
    return f"`{in_toml(default)}`"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_defaults=True)
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def key_rows(section: Section, known: Mapping[Path_, Any], of_table: Mapping[str, Any]) -> Iterator[str]:
    """The table of a section's keys. Raises ValueError for a key without a known example."""
    yield row(["key", "type", "unit", "default", "example", "meaning"])
    yield row(["---"] * 6)
    words = meanings(section.table)
    for name, field in section.table.model_fields.items():
        key = field.alias or name
        entry = of_table["properties"][key]
        given = [*([known[place]] if (place := (*section.path, key)) in known else []), *others(field, entry)]
        is_table = key != "search_space" and any(True for _ in inner_tables(field.annotation))
        if not (given or is_table):
            raise ValueError(f"{'.'.join(place)}: no file of examples has it: write Field(examples=[...])")
        example = "" if is_table else f"`{in_toml(given[0])}`"
        kind = type_in_words(entry)
        yield row([f"`{key}`", kind, unit(name) or "", default_of(field), example, words[name]])


def others(field: FieldInfo, entry: Mapping[str, Any]) -> list[Any]:
    """Values that a key may have: its examples, then values other than the default, then the
    default."""
    said = [value for each in entry.get("anyOf", [entry]) for value in each.get("enum", [])]
    said += [True, False] if entry.get("type") == "boolean" else []
    default = field.get_default(call_default_factory=True)
    found = [*(field.examples or []), *(value for value in said if value != default)]
    return found if field.is_required() or default is None else [*found, default]


def scenario_page() -> str:
    """Every key of a scenario."""
    known, described = examples(), schema()
    lines = ["# Keys of a scenario", "", MADE, ""]
    lines += ["Every key of a scenario file. [scenarios.md](../scenarios.md) shows how they are used.", ""]
    lines += [
        "A key that is not required may be left out. Where it has no default, its meaning says what holds then.",
        "",
    ]
    spaces = [Section(f"search_space.NAME = {{ {key} }}", ("search_space", "NAME"), table) for key, table in _entries()]
    for section in [Section("Above all tables", (), ScenarioTables), *sections(Scenario), *spaces]:
        of_table = described if section.table is ScenarioTables else described["$defs"][section.table.__name__]
        heading = section.heading if section.table is ScenarioTables else f"`{section.heading}`"
        lines += [f"## {heading}", "", *(of_table["description"].splitlines() if section.path else []), ""]
        lines += [*key_rows(section, known, of_table), ""]
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def _entries() -> list[tuple[str, type[BaseModel]]]:
    [space] = [field for name, field in _experiment().model_fields.items() if name == "search_space"]
    return [(", ".join(_required(table)) + ", ...", table) for table in inner_tables(space.annotation)]


def _experiment() -> type[BaseModel]:
    return next(section.table for section in sections(Scenario) if section.path == ("workload", "experiments"))


def _required(table: type[BaseModel]) -> list[str]:
    return [name for name, field in table.model_fields.items() if field.is_required()]


def profile_page() -> str:
    """Every column of a profile."""
    described, words = ProfileRow.model_json_schema(), meanings(ProfileRow)
    cells: dict[str, str] = {}
    for file in PROFILES:
        for line in csv.DictReader(file.read_text().splitlines()):
            for column, cell in line.items():
                cells[column] = cells.get(column) or cell
    lines = ["# Columns of a profile", "", MADE, ""]
    lines += ["Every column of a profile. [profiles.md](../profiles.md) shows how profiles are made.", ""]
    lines += ["A cost that a row lacks is the median of what the profile has for the model elsewhere."]
    lines += ["What holds without it is for a model that has the cost nowhere.", ""]
    lines += [row(["column", "type", "unit", "without it", "example", "meaning"]), row(["---"] * 6)]
    for name, field in ProfileRow.model_fields.items():
        entry = described["properties"].get(name) or described["properties"][_alias(field)]
        default = "required" if field.is_required() else DEFAULTS.get(name, "")
        shown = [*filter(None, [cells.get(name)]), *(field.examples or [])]
        if not shown:
            raise ValueError(f"{name}: no file of profiles has it: write Field(examples=[...])")
        lines.append(row([f"`{name}`", type_in_words(entry), unit(name) or "", default, f"`{shown[0]}`", words[name]]))
    return "\n".join(lines) + "\n"


def _alias(field: FieldInfo) -> str:
    return str(getattr(field.validation_alias, "choices", [field.alias])[0])


def files() -> dict[Path, str]:
    """Every generated file, and its text."""
    return {
        ROOT / "docs/reference/scenario.md": scenario_page(),
        ROOT / "docs/reference/profile.md": profile_page(),
        ROOT / "docs/reference/python.md": api_page(),
        SCHEMA: json.dumps(schema(), indent=1) + "\n",
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))
