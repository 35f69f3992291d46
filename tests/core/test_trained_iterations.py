"""Whoever reads a log learns of iterations that do not add up."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    RunStarted,
    SegmentStarted,
    TrialAdded,
    TrialExploited,
)
from hetsched.core.following import FollowedLog
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.core.running_segments import RAY_TUNE
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.studies.resume import take_log
from tests.conftest import NO_OVERHEADS, Simulate, make_setup
from tests.core.test_batch_sizes import searching

Damage = Callable[[list[Event]], int]
"""Damages a log, and returns the line (from 1) where a reader must notice."""


@pytest.fixture
def events(simulate_log: Simulate) -> list[Event]:
    """Four trials on two workers, which copy counts of iterations and batch sizes."""
    pbt = {"perturbation_interval": 5, "iterations": "lineage"}
    setup = make_setup(overheads=NO_OVERHEADS, batch_size=32, stop_iterations=40, pbt=pbt)
    return simulate_log(setup, "fusion+least-progress", 1)


def first(events: list[Event], kind: type[Event]) -> int:
    return next(number for number, event in enumerate(events) if isinstance(event, kind))


def a_trial_is_missing(events: list[Event]) -> int:
    del events[first(events, TrialAdded) + 3]
    return first(events, SegmentStarted) + 1


def a_trial_is_one_too_many(events: list[Event]) -> int:
    at = first(events, TrialAdded)
    events.insert(at, replace(events[at], trial=TrialId("e-9")))
    return at + 5


def two_starts_change_places(events: list[Event]) -> int:
    at = first(events, SegmentStarted)
    events[at], events[at + 1] = events[at + 1], events[at]
    return at + 1


def a_segment_is_too_long(events: list[Event]) -> int:
    at = first(events, SegmentStarted)
    events[at] = replace(events[at], iterations=41)
    return at + 1


def a_lost_checkpoint_gives_iterations(events: list[Event]) -> int:
    at = first(events, SegmentStarted)
    events.insert(at, CheckpointLost(0.0, TrialId("e-1"), 7, 0.5, "a test"))
    return at + 1


def a_copy_of_nobody(events: list[Event]) -> int:
    at = first(events, SegmentStarted)
    events.insert(at, TrialExploited(0.0, TrialId("e-1"), TrialId("e-7"), {}))
    return at + 1


DAMAGES: dict[str, tuple[Damage, str]] = {
    "a trial is missing": (a_trial_is_missing, "e-0 starts, and e has 3 of 4 trials"),
    "a trial is one too many": (a_trial_is_one_too_many, "e-3 is added, and e has all its 4 trials"),
    "two starts change places": (two_starts_change_places, "e-1 starts segment 2, expected 1"),
    "a segment is too long": (a_segment_is_too_long, "e-0 starts 41 iterations, 40 remain"),
    "a lost checkpoint gives iterations": (a_lost_checkpoint_gives_iterations, "e-1 falls back to 7 iterations, of 0"),
    "a copy of nobody": (a_copy_of_nobody, "e-1 exploits e-7, no such trial"),
}


def written(events: list[Event], folder: Path) -> Path:
    with LogWriter(folder / LOG_NAME) as writer:
        for event in events:
            writer.write(event)
    return folder / LOG_NAME


@pytest.mark.parametrize("name", DAMAGES)
def test_what_does_not_add_up_is_named_with_its_line(name: str, events: list[Event], tmp_path: Path) -> None:
    damage, found = DAMAGES[name]
    line = damage(events)
    log = written(events, tmp_path)
    for read in (lambda: list(read_log(log)), FollowedLog(log).look):
        with pytest.raises(InputError, match=f"{LOG_NAME}:{line}: {found}: was it altered"):
            read()


def test_a_log_with_a_segment_is_never_started_over(events: list[Event], tmp_path: Path) -> None:
    """A line was added by hand after the start of the run, and resuming the run emptied the log."""
    at = first(events, SegmentStarted)
    log = written([*events[: at + 2], replace(events[first(events, TrialAdded)], trial=TrialId("e-9"))], tmp_path)
    content = log.read_bytes()
    [home] = [event.experiment for event in events if isinstance(event, ExperimentArrived)]
    with pytest.raises(InputError, match="was it altered"):
        take_log(log, Strategy("fusion", "least-progress"), 1, home)
    assert log.read_bytes() == content


def test_a_copied_batch_size_is_one_of_the_experiment(simulate_log: Simulate, tmp_path: Path) -> None:
    """The look-up of its step time divided by zero."""
    events = simulate_log(searching({"choices": [32, 64]}, population=6), "fusion+least-progress", 1)
    at = first(events, TrialExploited)
    events[at] = replace(events[at], hyperparameters=events[at].hyperparameters | {"batch_size": 0})
    with pytest.raises(InputError, match=f"{LOG_NAME}:{at + 1}: e-. has a batch size of 0, expected one of 32, 64"):
        list(read_log(written(events, tmp_path)))


def test_a_log_as_it_was_written_adds_up(events: list[Event], tmp_path: Path) -> None:
    assert any(isinstance(event, TrialExploited) for event in events)
    assert list(read_log(written(events, tmp_path))) == events


def test_ray_tune_adds_trials_when_it_wants(events: list[Event], tmp_path: Path) -> None:
    at = first(events, RunStarted)
    events[at] = replace(events[at], backend=RAY_TUNE)
    late = events.pop(first(events, TrialAdded) + 3)
    at = first(events, SegmentStarted)
    assert "'e-0'" in str(events[at]) and "'e-3'" in str(late)
    events.insert(at + 1, late)
    assert list(read_log(written(events, tmp_path))) == events
