"""docs/results.md: the schema that it shows is that of the code, and its blocks run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import matplotlib
import pytest
from msgspec import inspect

from hetsched.analysis.tidy.tables import TABLES
from hetsched.core.events import LOG_VERSION, AnyEvent, GpuUse, Parts
from hetsched.domain.cluster import Worker
from hetsched.domain.metric import Metric
from hetsched.domain.workload import PBT, Experiment
from hetsched.report.export.exporting import FORMATS
from hetsched.studies.results import Results

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "results.md").read_text()
EVENTS = get_args(AnyEvent)
OBJECTS = {"worker": Worker, "parts": Parts, "experiment": Experiment, "metric": Metric, "pbt": PBT, "gpu": GpuUse}
DOMAIN = "a [search space's entry](search-spaces.md)"
WORDS = {
    inspect.StrType: "text",
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.BoolType: "bool",
    inspect.NoneType: "null",
    inspect.AnyType: "anything",
}


def in_words(kind: inspect.Type) -> str:
    """The type of a field, as the page names it."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if type(kind) in WORDS:
        return WORDS[type(kind)]
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, inspect.ListType | inspect.VarTupleType):
        return f"[{in_words(kind.item_type)}]"
    if isinstance(kind, inspect.TupleType):
        return f"[{', '.join(map(in_words, kind.item_types))}]"
    if isinstance(kind, inspect.DictType):
        return f"{{text: {in_words(kind.value_type)}}}"
    if isinstance(kind, inspect.StructType):
        named = [name for name, of_object in OBJECTS.items() if of_object is kind.cls]
        return named[0] if named else DOMAIN
    assert isinstance(kind, inspect.UnionType), kind
    words = list(dict.fromkeys(map(in_words, kind.types)))
    return " or ".join([word for word in words if word != "null"] + ["null"] * ("null" in words))


def fields(kind: Any) -> str:
    """The fields of a struct with their types; `?` follows one that may be missing."""
    of_struct = inspect.type_info(kind)
    assert isinstance(of_struct, inspect.StructType)
    optional = kind.__struct_config__.omit_defaults
    shown = [
        f"`{field.encode_name}` {in_words(field.type)}{'?' * (optional and not field.required)}"
        for field in of_struct.fields
        if field.name != "time"
    ]
    return ", ".join(shown)


def section(title: str) -> str:
    """What stands under the heading."""
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/results.md has no heading {title!r}"
    return found[1]


def cells(title: str) -> list[list[str]]:
    """The rows of the tables under the heading, without their heads."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r" \| ", line.strip("| "))] for line in lines]
    return [row for row, line in zip(rows[2:], lines[2:], strict=True)]


def expected_events() -> Iterator[tuple[str, str]]:
    for event in EVENTS:
        yield f"`{event.__struct_config__.tag}`", fields(event)


def test_the_schema_of_events_is_that_of_the_code() -> None:
    shown = {row[0]: row[1] for row in cells("The log")}
    assert shown == {name: of_event or "none" for name, of_event in expected_events()}
    assert all(row[2].endswith(".") for row in cells("The log")), "every event has a sentence"
    assert f"format {LOG_VERSION}" in section("The log")


def test_the_objects_in_events_are_those_of_the_code() -> None:
    shown = {row[0]: row[1] for row in cells("Objects in events")}
    assert shown == {name: fields(kind) for name, kind in OBJECTS.items()}


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_are_those_of_the_tables(name: str) -> None:
    expected = [[f"`{column.name}`", column.kind, column.unit, column.meaning] for column in TABLES[name].own]
    shown = [row + [""] * (4 - len(row)) for row in cells(name.capitalize())]
    assert shown == expected
    assert TABLES[name].thing in section(name.capitalize())


def test_the_columns_of_all_tables_are_shown() -> None:
    table = TABLES["events"]
    every = [[f"`{column.name}`", column.kind, column.meaning] for column in table.columns if column not in table.own]
    assert cells("Tables") == every


def test_units_end_the_names_of_seconds_and_bytes() -> None:
    for table in TABLES.values():
        for column in table.columns:
            assert column.name.endswith("_s") == (column.unit == "s"), column
            assert column.name.endswith("_bytes") == (column.unit == "bytes"), column


def test_every_frame_and_format_is_named() -> None:
    frames = {name for name in vars(Results) if name.endswith("_frame")}
    assert frames == {"to_frame", *(f"{name}_frame" for name in TABLES)}
    assert all(f"`{name}()`" in PAGE for name in frames - {"to_frame"})
    assert {row[0] for row in cells("Export")} == {f"`{to}`" for to in FORMATS}


def test_the_page_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    matplotlib.use("Agg")
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == PAGE.count("```python") > 5
    namespace: dict[str, Any] = {"__name__": "page"}
    for number, code in enumerate(blocks, start=1):
        exec(compile(code, f"docs/results.md, block {number}", "exec"), namespace)
    assert capsys.readouterr().out.count("\n") > 20
    [gantt] = [block for block in blocks if "barh" in block]
    assert len(gantt.splitlines()) <= 10
