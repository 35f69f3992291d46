"""Whoever reads a log learns of an end of a segment that is not as the segment's start."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hetsched.cli.main import main
from hetsched.core.events import LOG_VERSION
from hetsched.core.following import FollowedLog
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.running_segments import RAY_TUNE
from hetsched.errors import InputError
from tests.conftest import Simulate, make_setup

Alter = Callable[[list[dict[str, Any]]], None]


@pytest.fixture
def log(simulate_log: Simulate, tmp_path: Path) -> Path:
    simulate_log(make_setup(population=6), "fusion+least-progress", 1)
    return tmp_path / "run-1" / LOG_NAME


def altered(log: Path, alter: Alter) -> int:
    """Alter the log's events. Returns the line of the last segment-ended."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    alter(events)
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    return max(line for line, event in enumerate(events, 1) if event["event"] in ("segment-ended", "segment-lost"))


def last_end(**fields: object) -> Alter:
    def alter(events: list[dict[str, Any]]) -> None:
        [*_, last] = [event for event in events if event["event"] == "segment-ended"]
        last |= fields

    return alter


def last_parts(**seconds: float) -> Alter:
    """Add these seconds to the parts of the last segment."""

    def alter(events: list[dict[str, Any]]) -> None:
        [*_, last] = [event for event in events if event["event"] == "segment-ended"]
        last["parts"] |= {name: last["parts"].get(name, 0.0) + added for name, added in seconds.items()}

    return alter


def last_loss(events: list[dict[str, Any]]) -> None:
    """The last segment is lost, on another worker."""
    [*_, at] = [number for number, event in enumerate(events) if event["event"] == "segment-ended"]
    lost = {name: events[at][name] for name in ("time", "trial", "segment")}
    events[at:] = [lost | {"event": "segment-lost", "worker": "x/cpu9", "reason": "it broke"}]


@pytest.mark.parametrize(
    ("alter", "found"),
    [
        (last_end(iterations=40), "has the iterations 40, and its SegmentStarted has 10"),
        (last_end(worker="x/cpu9"), "has the worker 'x/cpu9', and its SegmentStarted has '[ab]/cpu0'"),
        (last_end(segment=99), r"has the segment 99, and its SegmentStarted has \d+"),
        (last_parts(train_s=-99.0, restore_s=99.0), r"has -[\d.]+ s of train_s"),
        (last_parts(evaluate_s=-5.0, restore_s=5.0), r"has -[\d.]+ s of evaluate_s"),
        (last_parts(train_s=50.0), r"has parts of [\d.]+ s in all, and takes [\d.]+ s"),
        (last_parts(start_up_s=-0.01, restore_s=0.01), r"has -0.01 s of start_up_s"),
        (last_parts(train_s=-0.01), r"has parts of [\d.]+ s in all, and takes [\d.]+ s"),
        (last_end(late_s=1e99), r"is 1e\+99 s late in [\d.]+ s of training"),
        (last_end(late_s=-5.0), r"is -5 s late in [\d.]+ s of training"),
        (last_end(worked=[1e6, 2e6]), r"has worked from 1e\+06 to 2e\+06 s, and lasts from [\d.]+ to [\d.]+ s"),
        (last_loss, "SegmentLost of 'e-.' has the worker 'x/cpu9', and its SegmentStarted has '[ab]/cpu0'"),
    ],
)
def test_an_end_that_is_not_as_its_start_is_named_with_its_line(log: Path, alter: Alter, found: str) -> None:
    """`hetsched replay` said that all decisions were taken again, and `hetsched report` reported
    the log."""
    line = altered(log, alter)
    for read in (lambda: list(read_log(log)), FollowedLog(log).look):
        with pytest.raises(InputError, match=rf"{LOG_NAME}:{line}: .*{found}: was it altered"):
            read()


def test_a_part_of_an_unknown_name_is_refused(log: Path) -> None:
    line = altered(log, last_parts(pause_s=0.0))
    with pytest.raises(InputError, match=rf"{LOG_NAME}:{line}: .*unknown field `pause_s`"):
        list(read_log(log))


def test_parts_that_differ_by_rounding_are_read(log: Path) -> None:
    altered(log, last_parts(train_s=1e-10, start_up_s=-1e-12))
    assert list(read_log(log))


def test_parts_of_a_real_run_need_not_add_up(log: Path) -> None:
    """The start-up of a lost segment was counted in a later one."""

    def alter(events: list[dict[str, Any]]) -> None:
        events[0]["backend"] = "ray"
        last_parts(start_up_s=50.0)(events)

    altered(log, alter)
    assert list(read_log(log))
    altered(log, last_parts(train_s=-99.0))
    with pytest.raises(InputError, match="s of train_s"):
        list(read_log(log))


def test_commands_that_read_a_log_refuse_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "demo", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    [log] = tmp_path.rglob(LOG_NAME)
    line = altered(log, last_end(iterations=77))
    for command in ("replay", "report"):
        assert main([command, "out"]) == 2
        assert f"{LOG_NAME}:{line}: SegmentEnded of " in capsys.readouterr().err


def test_a_training_of_ray_tunes_ends_with_iterations_of_its_own(log: Path) -> None:
    def alter(events: list[dict[str, Any]]) -> None:
        events[0]["backend"] = RAY_TUNE
        last_end(iterations=12)(events)
        last_parts(train_s=50.0)(events)

    altered(log, alter)
    assert list(read_log(log))
    altered(log, last_end(segment=99))
    with pytest.raises(InputError, match="has the segment 99"):
        list(read_log(log))


@pytest.mark.parametrize("version", range(1, LOG_VERSION))
def test_logs_of_older_formats_are_compared_too(log: Path, version: int) -> None:
    def alter(events: list[dict[str, Any]]) -> None:
        events[0]["log_version"] = version
        for event in events if version < 4 else ():
            event.pop("segment", None)

    altered(log, alter)
    assert list(read_log(log))
    altered(log, last_end(iterations=40))
    with pytest.raises(InputError, match="has the iterations 40"):
        list(read_log(log))


def test_a_worker_that_leaves_while_it_trains_is_named_with_its_line(log: Path) -> None:
    events = [json.loads(line) for line in log.read_text().splitlines()]
    at = next(number for number, event in enumerate(events) if event["event"] == "segment-started")
    left = {"event": "worker-left", "worker": events[at]["worker"], "time": events[at]["time"], "reason": "a test"}
    events.insert(at + 1, left)
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    with pytest.raises(InputError, match=rf":{at + 2}: {left['worker']} leaves, and trains e-\d"):
        list(read_log(log))
