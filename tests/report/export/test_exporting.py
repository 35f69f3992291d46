"""`hetsched.export`: files for other programs, read with those programs' libraries."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pandas
import pyarrow.parquet
import pytest
from rocrate.rocrate import ROCrate

import hetsched
from hetsched.analysis.tidy.columns import OF_RUN, Column, Kind, Row
from hetsched.analysis.tidy.tables import TABLES
from hetsched.core.log import LOG_NAME
from hetsched.errors import InputError
from hetsched.report.export.csv_file import CSVFile
from hetsched.report.export.exporting import exported
from hetsched.report.export.parquet_file import ParquetFile
from hetsched.scenario.tables import MetricsTable
from hetsched.studies.compare import Interrupted
from hetsched.studies.ro_crate import CRATE_NAME
from tests.analysis.tidy.eventful import eventful, simulated
from tests.conftest import make_setup
from tests.studies.test_comparison_resume import ctrl_c_after

RUNS = {("fusion+fifo", 0), ("fusion+hrfs", 0), ("fusion+fifo", 1), ("fusion+hrfs", 1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison, as far as exports look at it."""
    home = tmp_path_factory.mktemp("results") / "a comparison"
    for strategy, seed in sorted(RUNS):
        simulated(home / strategy / f"seed-{seed}", strategy=strategy, seed=seed)
    eventful().save(home)
    return home


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def test_a_comparison_is_one_file_per_table(folder: Path) -> None:
    for ending in ("parquet", "csv"):
        files = hetsched.export(folder, ending)
        assert files == [folder / "export" / f"{name}.{ending}" for name in TABLES]
    for name, table in TABLES.items():
        of_parquet = pyarrow.parquet.read_table(folder / "export" / f"{name}.parquet")
        of_csv = read_csv(folder / "export" / f"{name}.csv")
        assert of_parquet.column_names[: len(table.columns)] == [column.name for column in table.columns]
        assert of_parquet.num_rows == len(of_csv)
        if not of_csv:
            assert name == "resources"  # nobody samples in a simulation
            continue
        assert list(of_csv[0]) == of_parquet.column_names
        assert {(row["strategy"], int(row["seed"])) for row in of_csv} == RUNS
        assert {row["log"] for row in of_csv} == {f"{s}/seed-{n}/events.jsonl" for s, n in RUNS}
        for written, row in zip(of_csv, of_parquet.to_pylist(), strict=True):
            assert written == {key: "" if value is None else str(value) for key, value in row.items()}


def test_files_are_the_data_frames_of_load_results(folder: Path) -> None:
    hetsched.export(folder, "parquet")
    loaded = hetsched.load_results(folder)
    for name in TABLES:
        frame: pandas.DataFrame = getattr(loaded, f"{name}_frame")()
        frame["log"] = [Path(log).relative_to(folder).as_posix() for log in frame["log"]]
        exported = pandas.read_parquet(folder / "export" / f"{name}.parquet")
        assert set(frame.columns) == set(exported.columns)
        pandas.testing.assert_frame_equal(plain(frame[list(exported.columns)]), plain(exported))


def plain(frame: pandas.DataFrame) -> pandas.DataFrame:
    """The same values, and None for what is missing: pandas has several words for that."""
    return frame.astype(object).where(frame.notna(), None)


def test_parquet_says_units(folder: Path) -> None:
    [*_, segments] = hetsched.export(folder, "parquet")[:2]
    schema = pyarrow.parquet.read_schema(segments)
    assert schema.metadata[b"table"] == b"segments" and schema.metadata[b"hetsched"]
    for column in TABLES["segments"].columns:
        metadata = schema.field(column.name).metadata
        assert metadata[b"description"].decode() == column.meaning
        assert metadata.get(b"unit", b"").decode() == column.unit
    assert schema.field("start_s").metadata[b"unit"] == b"s"
    assert schema.field("hyperparameters.lr").type == pyarrow.float64()


def test_files_say_what_was_assumed(tmp_path: Path) -> None:
    """docs/results.md says where; a CSV file is a table and nothing else."""
    found = hetsched.compare(eventful(), ["fusion+fifo", "fusion+hrfs"], 1, tmp_path / "c")
    assert found.assumptions
    cut = found.runs[0].log
    cut.write_bytes(b"\n".join(cut.read_bytes().split(b"\n")[:-2]) + b"\n")
    said = {"fusion+fifo": "1 of 1 run did not end: figures cover only what was trained"}
    for file in hetsched.export(found.folder, "parquet"):
        metadata = pyarrow.parquet.read_schema(file).metadata
        assert json.loads(metadata[b"assumptions"]) == list(found.assumptions)
        assert json.loads(metadata[b"warnings"]) == said
    for file in hetsched.export(found.folder, "chrome-trace"):
        facts = json.loads(file.read_bytes())["otherData"]
        assert facts["assumptions"] == list(found.assumptions) and facts["warnings"] == said
    for crate in (ROCrate(found.folder), ROCrate(hetsched.export(found.folder, "ro-crate")[0].parent)):
        assert all(line in crate.description for line in found.assumptions)
    for file in hetsched.export(found.folder, "csv"):
        assert not any(line in file.read_text() for line in found.assumptions)


AWKWARD: list[Row] = [
    {"text": 'a "quoted", one', "int": 1, "float": 0.1, "bool": True, "strategy": "s"},
    {"text": "two\nlines\r\nand a \u00fc", "int": None, "float": None, "bool": None, "strategy": None},
    {"text": None, "int": -(2**62), "float": 1e-300, "bool": False, "strategy": "s"},
]
EVERY_KIND: tuple[Kind, ...] = get_args(Kind)
KINDS = [OF_RUN[0], *(Column(kind, kind, "of this kind") for kind in EVERY_KIND)]


@pytest.mark.parametrize("kind", [CSVFile, ParquetFile])
def test_awkward_values_come_back(tmp_path: Path, kind: Callable[..., Any]) -> None:
    with kind(tmp_path / "table", KINDS, "table") as file:
        file.write(AWKWARD)
        file.write([])
    if kind is ParquetFile:
        assert pyarrow.parquet.read_table(tmp_path / "table").to_pylist() == [
            {column.name: row[column.name] for column in KINDS} for row in AWKWARD
        ]
    else:
        assert read_csv(tmp_path / "table") == [
            {column.name: "" if row[column.name] is None else str(row[column.name]) for column in KINDS}
            for row in AWKWARD
        ]


def test_rows_go_to_the_files_as_they_come(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [_, whole, *_] = hetsched.export(folder, "csv")
    before = whole.read_bytes()
    monkeypatch.setattr("hetsched.report.export.tables.ROWS_AT_ONCE", 7)
    [_, in_parts, *_] = hetsched.export(folder, "csv", folder.parent / "other")
    assert in_parts.read_bytes() == before and in_parts != whole


@pytest.mark.parametrize("to", ["chrome-trace", "csv"])
def test_a_damaged_log_among_others_leaves_nothing_behind(folder: Path, tmp_path: Path, to: str) -> None:
    """The same command works once the log is repaired."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    last = sorted(copy.rglob("events.jsonl"))[-1]
    whole = last.read_text()
    last.write_text(whole.replace('"event":"segment-ended"', '"event":"segment-anded"'))
    with pytest.raises(InputError, match=re.escape(str(last))):
        hetsched.export(copy, to, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    last.write_text(whole)
    assert hetsched.export(copy, to, tmp_path / "out")


def test_a_trace_per_run(folder: Path) -> None:
    files = hetsched.export(folder, "chrome-trace")
    assert {str(file.relative_to(folder / "export")) for file in files} == {f"{s}/seed-{n}/trace.json" for s, n in RUNS}
    for file in files:
        facts = json.loads(file.read_bytes())["otherData"]
        assert (facts["strategy"], f"seed-{facts['seed']}") == file.relative_to(folder / "export").parts[:2]


def test_what_is_exported_is_no_run(folder: Path) -> None:
    for to in ("csv", "chrome-trace", "ro-crate"):
        hetsched.export(folder, to)
    assert len(hetsched.load_results(folder).runs) == len(RUNS)


def test_a_crate_is_valid_and_names_every_file(tmp_path: Path) -> None:
    run = hetsched.simulate(eventful(), "fusion+hrfs", seeds=2, folder=tmp_path / "a run")
    crate = ROCrate(run.folder)
    files = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert {entity.id.replace("%20", " ") for entity in crate.data_entities} == files - {CRATE_NAME}
    assert crate.datePublished and crate.root_dataset["license"] and crate.description and "a run" in crate.name
    ids = {entity.id for entity in crate.get_entities()}
    document = json.loads((run.folder / CRATE_NAME).read_bytes())
    for entity in document["@graph"]:
        assert entity["@id"] in ids and entity["@type"]
        for value in entity.values():
            for found in value if isinstance(value, list) else [value]:
                if isinstance(found, dict) and not found["@id"].startswith("http"):
                    assert found["@id"] in ids, f"{entity['@id']} names {found['@id']}, which the crate has not"


def test_a_crate_has_no_link_that_leads_out(tmp_path: Path) -> None:
    """An archive of the folder would not have what the crate says that it has."""
    run = hetsched.simulate(eventful(), "fusion+hrfs", folder=tmp_path / "run").folder
    (tmp_path / "secret.txt").write_text("not yours")
    (tmp_path / "elsewhere").mkdir()
    (run / "out.txt").symlink_to(tmp_path / "secret.txt")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    (run / "within.txt").symlink_to(run / "scenario.toml")
    (run / "gone.txt").symlink_to(run / "nothing")
    hetsched.export(run, "ro-crate")
    found = {entity.id for entity in ROCrate(run).data_entities}
    assert "within.txt" in found and found.isdisjoint({"out.txt", "checkpoints/", "gone.txt"})


def test_only_a_complete_study_is_described_unasked(tmp_path: Path) -> None:
    """docs/results.md says so; after Ctrl-C a comparison had a crate that called it completed."""
    with pytest.raises(Interrupted):
        hetsched.compare(make_setup(), ["fusion+fifo"], 3, tmp_path / "c", progress=ctrl_c_after(1))
    assert json.loads((tmp_path / "c" / "summary.json").read_bytes())["complete"] is False
    assert not (tmp_path / "c" / CRATE_NAME).exists()
    hetsched.export(tmp_path / "c", "ro-crate")
    [action] = ROCrate(tmp_path / "c").get_by_type("CreateAction")
    assert action["actionStatus"].endswith("FailedActionStatus")
    hetsched.resume_comparison(tmp_path / "c")
    first, second = ROCrate(tmp_path / "c").get_by_type("CreateAction")
    assert first["actionStatus"].endswith("FailedActionStatus")
    assert second["actionStatus"].endswith("CompletedActionStatus")


def test_a_crate_has_an_action_per_sitting(folder: Path) -> None:
    machine = {"host": "h", "system": "Linux", "processor": "p", "cores": 2, "memory_bytes": 1}
    rest = {"hetsched": "0.1.0", "python": "3.11", "libraries": {}, "machine": machine}
    command = ["hetsched", "compare", "a b.toml"]
    sittings = [
        {"command": command, "began": "2026-11-28T10:00:00.000+00:00", "took_s": None, **rest},
        {"command": [], "began": "2026-11-28T11:00:00.000+00:00", "took_s": 61.5, **rest},
    ]
    study = folder / "study.json"
    study.write_text(json.dumps({"study": "compare", "sittings": sittings, "hetsched": "0.1.0"}))
    [path] = hetsched.export(folder, "ro-crate")
    crate = ROCrate(path.parent)
    first, second = crate.get_by_type("CreateAction")
    assert (first["name"], second["name"]) == ("hetsched compare 'a b.toml'", "hetsched, called from Python")
    assert first["actionStatus"].endswith("FailedActionStatus") and first.get("endTime") is None
    assert second["actionStatus"].endswith("CompletedActionStatus")
    assert second["endTime"] == "2026-11-28T11:01:01.500+00:00"
    assert [entity.id for entity in second["object"]] == ["profile.csv", "scenario.toml"]
    assert len(second["result"]) == len(crate.data_entities) - 2
    assert [action.id for action in crate.root_dataset["mentions"]] == [first.id, second.id]
    assert second["instrument"]["softwareVersion"] == "0.1.0"
    assert "process" in str(crate.root_dataset["conformsTo"])
    study.write_text('{"sittings": 5}')
    with pytest.raises(hetsched.InputError, match=r"study\.json: not what hetsched wrote"):
        hetsched.export(folder, "ro-crate")
    study.unlink()


def test_a_crate_of_damaged_logs_has_what_the_summary_says(tmp_path: Path) -> None:
    """One damaged log took the assumptions and warnings of the study with it, and of all others."""
    setup = make_setup(population=2).replace(metrics=MetricsTable(target_score=0.999))
    for name in ("one", "other"):
        hetsched.simulate(setup, "fusion+fifo", seeds=2, folder=tmp_path / "s" / name)
    before = exported(tmp_path / "s", "ro-crate", None).caveats
    assert before.assumptions and before.warnings
    log = tmp_path / "s" / "one" / "seed-1" / LOG_NAME
    log.write_text(log.read_text().replace('"time"', '"tme"', 1))
    after = exported(tmp_path / "s", "ro-crate", None).caveats
    assert dict(after.warnings) == dict(before.warnings)
    [added] = [line for line in after.assumptions if line not in before.assumptions]
    assert added.startswith(f"not known here: {log}:1: not an event of a hetsched log")
    assert len(after.assumptions) == len(before.assumptions) + 1
    log.unlink()
    log.mkdir()
    unopened = exported(tmp_path / "s", "ro-crate", None).caveats
    assert dict(unopened.warnings) == dict(before.warnings) and set(before.assumptions) < set(unopened.assumptions)


@pytest.mark.parametrize(
    ("to", "out", "message"),
    [
        ("parqet", None, "to: no format 'parqet': did you mean 'parquet'?"),
        ("csv", "a file", "out: .*a file: is a file; name a folder"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, tmp_path: Path, to: str, out: str | None, message: str) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(hetsched.InputError, match=message):
        hetsched.export(folder, to, out and tmp_path / out)


def test_a_folder_without_logs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").touch()
    with pytest.raises(hetsched.InputError, match=r"there is no events\.jsonl in it or below it"):
        hetsched.export(tmp_path, "csv")
    with pytest.raises(hetsched.InputError, match="folder: expected a path"):
        hetsched.export(5, "csv")  # type: ignore[arg-type]


def test_without_pyarrow_parquet_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(hetsched.InputError, match=r"Parquet needs pyarrow, .*pip install 'hetsched\[frames\]'"):
        hetsched.export(folder, "parquet", folder.parent / "without")
    assert not list((folder.parent / "without").iterdir())
