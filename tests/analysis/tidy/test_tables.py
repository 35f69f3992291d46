"""Tidy tables: what is in them is what is in the log."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hetsched.analysis.metrics import Metrics, measure_log
from hetsched.analysis.tidy.columns import FurtherColumns, Row, metric_columns, value_as
from hetsched.analysis.tidy.tables import TABLES, rows
from hetsched.core.events import (
    AnyEvent,
    GpuUse,
    Parts,
    ResourcesSampled,
    SegmentEnded,
    SegmentStarted,
    TrialExploited,
    WorkerLeft,
)
from hetsched.core.log import read_log
from hetsched.core.state import State, state_of
from hetsched.domain.cluster import NodeId
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from tests.analysis.tidy.eventful import eventful, simulated
from tests.conftest import make_setup

GOLDEN = Path(__file__).parents[2] / "data" / "golden"


class Run:
    """A log, its tables, and what else is known of it."""

    def __init__(self, log: Path, setup: Setup) -> None:
        self.log, self.setup = log, setup
        self.events: list[AnyEvent] = list(read_log(log))
        self.metrics: Metrics = measure_log(log, setup)
        self.tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        for name, row in rows(log):
            self.tables[name].append(row)

    @property
    def state(self) -> State:
        return state_of(self.events)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    found = Run(simulated(tmp_path_factory.mktemp("eventful") / "run"), eventful())
    assert found.metrics.exploits and found.metrics.lost_segments, "else these tests test little"
    assert found.of(WorkerLeft)
    return found


def test_every_row_has_every_column_and_says_of_which_run_it_is(run: Run) -> None:
    for name, table in TABLES.items():
        fixed = {column.name for column in table.columns}
        for row in run.tables[name]:
            assert fixed <= row.keys()
            assert (row["strategy"], row["seed"], row["backend"]) == ("fusion+hrfs", 1, "sim")
            assert row["log"] == str(run.log)
            for column in table.columns:
                value = row[column.name]
                kinds = {"int": int, "float": (int, float), "text": str, "bool": bool}
                assert value is None or isinstance(value, kinds[column.kind]), (name, column, value)  # type: ignore[arg-type]


def test_events_are_the_lines(run: Run) -> None:
    lines = run.log.read_bytes().splitlines()
    assert [row["line"] for row in run.tables["events"]] == list(range(1, len(lines) + 1))
    for line, row in zip(lines, run.tables["events"], strict=True):
        written = msgspec.json.decode(line)
        assert (row["time_s"], row["event"]) == (written.pop("time"), written.pop("event"))
        again = msgspec.json.decode(row["details"]) if row["details"] else {}
        for key in ("segment", "trial", "worker", "node", "experiment", "iterations", "score", "reason"):
            if row[key] is not None and key not in again:
                again[key] = row[key]
        assert {key: value for key, value in again.items() if value is not None}.items() >= {
            key: value for key, value in written.items() if value is not None
        }.items()


def test_segments_are_those_of_the_log(run: Run) -> None:
    segments = run.tables["segments"]
    assert Counter(row["state"] for row in segments) == {
        "ended": run.metrics.segments,
        "lost": run.metrics.lost_segments,
    }
    assert sorted(row["segment"] for row in segments) == list(range(1, len(run.of(SegmentStarted)) + 1))
    by_number = {row["segment"]: row for row in segments}
    for start in run.of(SegmentStarted):
        row = by_number[start.segment]
        assert (row["start_s"], row["trial"], row["worker"]) == (start.time, start.trial, start.worker)
        assert row["iterations"] == start.iterations
    for row, end in zip((r for r in segments if r["state"] == "ended"), run.of(SegmentEnded), strict=True):
        assert (row["end_s"], row["trial"], row["score"]) == (end.time, end.trial, end.score) and row["reason"] is None
        assert Parts(**{name: row[name] for name in Parts.__struct_fields__}) == end.parts
        assert row["accuracy"] == end.score
    for row in segments:
        if row["state"] == "lost":
            assert row["reason"] and row["score"] is row["train_s"] is row["total_iterations"] is None
            assert "accuracy" not in row


def test_a_segment_has_the_hyperparameters_with_which_it_was_trained(run: Run) -> None:
    state = State()
    expected = {}
    for event in run.events:
        state.apply(event)
        if isinstance(event, SegmentStarted):
            expected[event.segment] = state.trials[event.trial].hyperparameters["lr"]
    assert {row["segment"]: row["hyperparameters.lr"] for row in run.tables["segments"]} == expected
    assert len(set(expected.values())) > 8, "PBT changed some"


def test_trials_are_as_the_run_left_them(run: Run) -> None:
    for row, trial in zip(run.tables["trials"], run.state.trials.values(), strict=True):
        assert (row["trial"], row["iterations"], row["best_score"]) == (trial.id, trial.iterations, trial.best_score)
        assert (row["exploits"], row["completed_s"], row["status"]) == (trial.exploits, trial.completed, "completed")
        assert row["hyperparameters.lr"] == trial.hyperparameters["lr"]
    assert sum(row["trained_iterations"] for row in run.tables["trials"]) == run.metrics.iterations


def test_workers_agree_with_the_metrics(run: Run) -> None:
    table = run.tables["workers"]
    assert {row["worker"]: (row["busy_s"], row["utilisation"], row["segments"]) for row in table} == {
        name: (worker.busy_s, worker.utilisation, worker.segments) for name, worker in run.metrics.workers.items()
    }
    assert sum(row["lost_segments"] for row in table) == run.metrics.lost_segments
    assert sum(row["joins"] for row in table) > len(table), "some came back"
    trained: defaultdict[str, float] = defaultdict(float)
    for segment in run.tables["segments"]:
        trained[segment["worker"]] += segment["train_s"] or 0.0
    assert {row["worker"]: row["train_s"] for row in table} == pytest.approx(dict(trained))


def test_decisions_are_what_the_policy_and_pbt_decided(run: Run) -> None:
    kinds = Counter(row["kind"] for row in run.tables["decisions"])
    assert kinds == {"dispatch": len(run.of(SegmentStarted)), "exploit": run.metrics.exploits}
    exploits = [row for row in run.tables["decisions"] if row["kind"] == "exploit"]
    for row, exploit in zip(exploits, run.of(TrialExploited), strict=True):
        assert (row["trial"], row["source"], row["time_s"]) == (exploit.trial, exploit.source, exploit.time)
        assert row["hyperparameters.lr"] == exploit.hyperparameters["lr"]
    state = State()
    before = []
    for event in run.events:
        if isinstance(event, SegmentStarted):
            before.append((len(state.ready), len(state.idle)))
        state.apply(event)
    dispatches = [row for row in run.tables["decisions"] if row["kind"] == "dispatch"]
    assert [(row["ready_trials"], row["idle_workers"]) for row in dispatches] == before


def test_resources_are_the_samples_of_cores_and_gpus(run: Run, tmp_path: Path) -> None:
    gpus = (GpuUse("K80", 0.5, 10, 100), GpuUse("K80", 0.0, 0, 100))
    lines = run.log.read_bytes().splitlines(keepends=True)
    end_s = msgspec.json.decode(lines[-1])["time"]
    sample = ResourcesSampled(end_s, NodeId("server"), 0.25, 7, 8, gpus)
    log = tmp_path / "events.jsonl"
    log.write_bytes(b"".join([*lines[:-1], msgspec.json.encode(sample) + b"\n", lines[-1]]))
    assert run.tables["resources"] == []
    found = [row for _, row in rows(log, ["resources"])]
    columns = ("time_s", "node", "device", "gpu", "use", "memory_bytes", "memory_total_bytes")
    assert [tuple(row[name] for name in columns) for row in found] == [
        (end_s, "server", "cpu", None, 0.25, 7, 8),
        (end_s, "server", "K80", 0, 0.5, 10, 100),
        (end_s, "server", "K80", 1, 0.0, 0, 100),
    ]


def test_a_policy_that_stops_trials_has_its_stops_among_the_decisions(tmp_path: Path) -> None:
    setup = make_setup(population=8, stop_iterations=40, pbt={"enabled": False}, checkpoint_interval=5)
    run = Run(simulated(tmp_path / "run", setup, "fusion+asha", 0), setup)
    stops = [row for row in run.tables["decisions"] if row["kind"] == "stop"]
    assert stops and all(row["reason"] and row["worker"] is None for row in stops)
    assert len({row["trial"] for row in stops}) == len(stops) < 8


def test_a_gang_has_one_row_and_every_worker_its_seconds(tmp_path: Path) -> None:
    setup = make_setup([{"name": "a", "cores": 2, "count": 2}], gang=2, pbt={"enabled": False}, population=2)
    run = Run(simulated(tmp_path / "run", setup, "fusion+fifo", 0), setup)
    assert len(run.tables["segments"]) == run.metrics.segments
    others = {row["others"] for row in run.tables["segments"]}
    workers = {row["worker"] for row in run.tables["workers"]}
    assert None not in others and others < workers
    assert {row["segments"] for row in run.tables["workers"]} == {run.metrics.segments}


def test_a_log_that_ends_in_the_middle_has_segments_that_run(run: Run, tmp_path: Path) -> None:
    lines = run.log.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "events.jsonl"
    cut.write_bytes(b"".join(lines[: len(lines) // 2]))
    state = state_of(read_log(cut))
    found = [row for name, row in rows(cut, ["segments"]) if row["state"] == "running"]
    assert [row["trial"] for row in found] == list(state.running) != []
    assert all(row["end_s"] is None and row["score"] is None for row in found)


def test_a_log_that_was_altered_is_refused_by_line(run: Run, tmp_path: Path) -> None:
    altered = tmp_path / "events.jsonl"
    altered.write_bytes(run.log.read_bytes().replace(b'"trial-added"', b'"trial-adDed"'))
    with pytest.raises(InputError, match=r"events\.jsonl:\d+: not an event"):
        list(rows(altered))
    lines = run.log.read_bytes().splitlines(keepends=True)
    [first, *_] = (n for n, line in enumerate(lines) if b'"segment-ended"' in line)
    altered.write_bytes(b"".join([*lines[:first], lines[first], lines[first]]))
    with pytest.raises(InputError, match=rf"events\.jsonl:{first + 2}: SegmentEnded of .* does not follow"):
        list(rows(altered))


@pytest.mark.parametrize("log", sorted(GOLDEN.glob("*.jsonl")), ids=lambda log: log.name)
def test_logs_of_older_formats_have_tables(log: Path) -> None:
    found = Counter(name for name, _ in rows(log))
    assert found["segments"] and found["trials"] and found["workers"]


def test_a_metric_of_the_name_of_a_column_has_another_one() -> None:
    assert metric_columns({"loss": 1.0, "iterations": 2.0}, ["iterations"]) == {"loss": 1.0, "iterations (metric)": 2.0}


@pytest.mark.parametrize(
    ("values", "kind", "held"),
    [
        ([1, 2], "int", [1, 2]),
        ([1, 0.5, None], "float", [1.0, 0.5, None]),
        (["a", None], "text", ["a", None]),
        ([True, False], "bool", [True, False]),
        ([True, 1], "text", ["true", "1"]),
        (["a", 1, [2, {"b": None}]], "text", ["a", "1", '[2,{"b":null}]']),
        ([None], "float", [None]),
        ([2**70, 1], "text", [str(2**70), "1"]),
    ],
)
def test_a_column_has_one_kind_whatever_trials_have(values: list[Any], kind: str, held: list[Any]) -> None:
    further = FurtherColumns([])
    for value in values:
        further.see({"x": value})
    [column] = further.columns()
    assert column.kind == kind
    assert [value_as(column.kind, value) for value in values] == held
