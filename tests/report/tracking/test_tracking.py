"""What trackers are told of a run, and that one which fails, hangs or is not there harms no run."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.core.events import SegmentEnded, TrialExploited
from hetsched.core.log import LOG_NAME, read_log
from hetsched.report.page.page import write_report
from hetsched.report.tracking import follower
from hetsched.report.tracking.tracker import WHOLE_RUN, Point, Value, trackers
from hetsched.report.tracking.tracking import Tracking
from hetsched.scenario.tables import MetricsTable
from hetsched.studies.results import StrategyResult


class Notes:
    """A tracker that notes what it hears."""

    where = "in memory"
    all: list["Notes"]
    fails_at = ""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []
        self.points: list[Point] = []
        self.all.append(self)

    def _hear(self, what: str, of: Any) -> None:
        self.heard.append((what, of))
        if what == self.fails_at:
            raise ConnectionError(f"no way to {what}\nand a second line")

    def begin(self, name: str, group: str, parameters: Mapping[str, Value]) -> None:
        self._hear("begin", (name, group, parameters))

    def log(self, points: Sequence[Point]) -> None:
        self._hear("log", len(points))
        self.points += points

    def report(self, file: Path) -> None:
        self._hear("report", file.read_text().startswith("<!doctype html>"))

    def finish(self, completed: bool) -> None:
        self._hear("finish", completed)


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Notes]]:
    """A tracker of the name `notes` for one test."""

    class Fresh(Notes):
        all: list[Notes] = []  # noqa: RUF012

    before = dict(trackers._factories)
    trackers.register("notes")(Fresh)
    yield Fresh
    trackers._factories.clear()
    trackers._factories.update(before)


def simulated(folder: Path, seeds: int = 1) -> tuple[StrategyResult, list[str]]:
    with Tracking(["notes"]) as tracking:
        result = hetsched.simulate(hetsched.load_scenario("demo"), "fusion+hrfs", seeds, folder, watch=tracking.watch)
        return result, tracking.finish(result)


def test_a_tracker_hears_of_everything(notes: type[Notes], tmp_path: Path) -> None:
    result, lines = simulated(tmp_path / "run")
    [heard] = notes.all[1:]  # the first was made to see whether it can be
    assert lines == ["notes: in memory"]
    first, *between, report, last = heard.heard
    assert first[0] == "begin" and first[1][:2] == ("demo fusion+hrfs seed 0", "demo")
    assert first[1][2]["cifar/population"] == 20
    assert {what for what, _ in between} == {"log"}
    assert (report, last) == (("report", True), ("finish", True))

    events = list(read_log(tmp_path / "run" / LOG_NAME))
    ended = [event for event in events if isinstance(event, SegmentEnded)]
    scores = [point for point in heard.points if point.series and "accuracy" in point.values]
    assert [(p.series, p.time_s, p.values["accuracy"]) for p in scores] == [(e.trial, e.time, e.score) for e in ended]
    exploits = [event for event in events if isinstance(event, TrialExploited)]
    copied = [point for point in heard.points if "copied from" in point.values]
    assert [(p.series, p.values["copied from"], p.values["lr"]) for p in copied] == [
        (e.trial, e.source, e.hyperparameters["lr"]) for e in exploits
    ]
    whole = [point for point in heard.points if point.series == WHOLE_RUN]
    assert whole[-1].values["makespan_s"] == result.runs[0].metrics.makespan_s
    assert result.assumptions and whole[-1].values["assumptions"] == "\n".join(result.assumptions)
    assert "warnings" not in whole[-1].values, "there are none"
    best = [point.values["best accuracy"] for point in whole if "best accuracy" in point.values]
    assert best == sorted(best) and best[-1] == result.runs[0].metrics.best_score


def test_every_seed_is_a_run_of_its_own(notes: type[Notes], tmp_path: Path) -> None:
    _, lines = simulated(tmp_path / "run", seeds=2)
    assert [heard.heard[0][1][0] for heard in notes.all[1:]] == [f"demo fusion+hrfs seed {seed}" for seed in (0, 1)]
    assert len(lines) == 2
    assert all(heard.heard[-2:] == [("report", True), ("finish", True)] for heard in notes.all[1:])


def test_a_tracker_hears_of_warnings(notes: type[Notes], tmp_path: Path) -> None:
    """A figure at a service had no word on why it should not be trusted."""
    scenario = hetsched.load_scenario("demo").replace(metrics=MetricsTable(target_score=0.999))
    with Tracking(["notes"]) as tracking:
        result = hetsched.simulate(scenario, "fusion+hrfs", folder=tmp_path / "run", watch=tracking.watch)
        tracking.finish(result)
    said = "fusion+hrfs: no run reached the target, 0.999"
    assert notes.all[-1].points[-1].values["warnings"] == said
    assert said in write_report(tmp_path / "run").read_text()


@pytest.mark.parametrize("fails_at", ["begin", "log", "report", "finish"])
def test_a_tracker_that_fails_costs_a_warning(
    fails_at: str, notes: type[Notes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes.fails_at = fails_at
    with caplog.at_level(logging.WARNING):
        result, lines = simulated(tmp_path / "run")
    assert result.runs[0].metrics.completed == 20
    [warning] = [record.message for record in caplog.records if "notes" in record.message]
    assert warning == f"notes: ConnectionError: no way to {fails_at}; the run is not tracked any more, and goes on"
    assert lines == []
    [heard] = notes.all[1:]
    assert heard.heard[-1][0] == fails_at, "nothing is asked of it afterwards"


def test_a_tracker_that_hangs_is_left_behind(
    notes: type[Notes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = threading.Event()
    monkeypatch.setattr(notes, "begin", lambda *given: free.wait(60))
    monkeypatch.setattr(follower, "PATIENCE_S", 0.05)
    try:
        result, lines = simulated(tmp_path / "run")
    finally:
        free.set()
    assert result.runs[0].metrics.completed == 20
    assert lines == [] and "it has not come to its end in 0.05 s" in caplog.text


def test_a_run_that_fails_is_a_failed_run_there(notes: type[Notes], tmp_path: Path) -> None:
    class Stopped(KeyboardInterrupt):
        pass

    def watching(state: object, event: object) -> None:
        if isinstance(event, SegmentEnded):
            raise Stopped

    with pytest.raises(Stopped), Tracking(["notes"], lambda *of: nullcontext(watching)) as tracking:
        hetsched.simulate(hetsched.load_scenario("demo"), "fusion+hrfs", folder=tmp_path, watch=tracking.watch)
    assert notes.all[-1].heard[-1] == ("finish", False)
    said = hetsched.simulate(hetsched.load_scenario("demo"), "fusion+hrfs").assumptions
    values = notes.all[-1].points[-1].values
    assert values["assumptions"] == "\n".join(said), "a service had its figures without a word on them"
    assert values["warnings"] == "fusion+hrfs: 1 of 1 run did not end: figures cover only what was trained"


def test_the_command_says_where(notes: type[Notes], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["simulate", "demo", "--strategy", "fusion+hrfs", "--track", "notes", "--out", str(tmp_path / "run")]
    assert main(command) == 0
    assert "hetsched: notes: in memory" in capsys.readouterr().err
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--track", "mlfow"], "unknown tracker 'mlfow': did you mean 'mlflow'?"),
        (["--track", "notes", "--ablate"], "--track: not with --ablate"),
    ],
)
def test_what_cannot_be_tracked_is_said_before_anything_runs(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["simulate", "demo", "--strategy", "fusion+hrfs", "--out", str(tmp_path / "run"), *arguments]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
