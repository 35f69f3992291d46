"""Numbers of segments, as they are written, as they are read from older logs, and as they go on."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hetsched.analysis.metrics import measure
from hetsched.core.asked_again import is_decision
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    LOG_VERSION,
    AnyEvent,
    Event,
    GpuUse,
    Parts,
    PolicyAsked,
    ResourcesSampled,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
)
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId
from hetsched.domain.registry import Strategy
from hetsched.studies.beginning import begin
from hetsched.studies.resume import Report, pbt_course, remember, take_up, workers_of
from hetsched.testing import check_log
from sim.replay import replay
from tests.conftest import Simulate, make_setup

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
FIFO = Strategy("fusion", "fifo")
NODES = [{"name": "a", "cores": 1}, {"name": "b", "cores": 2}]


def numbers(events: list[Any], kind: type[Any]) -> list[int]:
    return [event.segment for event in events if type(event) is kind]


def test_segments_are_numbered_in_the_order_of_their_starts(simulate_log: Simulate) -> None:
    log = simulate_log(make_setup(NODES, population=4))
    starts, ends = numbers(log, SegmentStarted), numbers(log, SegmentEnded)
    assert starts == list(range(1, len(starts) + 1))
    assert sorted(ends) == starts and ends != starts
    of_start = {event.segment: (event.trial, event.worker) for event in log if isinstance(event, SegmentStarted)}
    ended = [event for event in log if isinstance(event, SegmentEnded)]
    assert [(event.trial, event.worker) for event in ended] == [of_start[event.segment] for event in ended]


def as_format(version: int, log: Path) -> None:
    """Take the numbers out of a log of today."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    for event in events:
        event.pop("segment", None)
    events[0]["log_version"] = version
    log.write_text("".join(json.dumps(event) + "\n" for event in events))


def test_logs_of_format_3_get_their_numbers_when_they_are_read(simulate_log: Simulate, tmp_path: Path) -> None:
    log = simulate_log(make_setup(NODES, population=4))
    path = tmp_path / "run-1" / LOG_NAME
    as_format(3, path)
    assert b'"segment":' not in path.read_bytes()
    assert list(read_log(path))[1:] == log[1:]


def test_the_oldest_logs_are_numbered_and_check() -> None:
    """One segment of this log is lost."""
    events = list(read_log(GOLDEN / "two-trials.jsonl"))
    assert numbers(events, SegmentStarted) == [1, 2, 3, 4, 5]
    assert (numbers(events, SegmentEnded), numbers(events, SegmentLost)) == ([1, 3, 4, 5], [2])
    assert check_log(events).started == 5


@pytest.mark.parametrize("version", [3, 4])
def test_a_run_that_goes_on_counts_on(version: int, simulate_log: Simulate, tmp_path: Path) -> None:
    """Its log, begun in an older format perhaps, adds up."""
    setup = make_setup(NODES, population=4)
    cut = 1 + max(n for n, event in enumerate(simulate_log(setup)) if isinstance(event, SegmentStarted))
    path = tmp_path / "run-1" / LOG_NAME
    if version == 3:
        as_format(version, path)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:cut]))
    past = list(read_log(path))
    with LogWriter(path, appends=True) as log:
        resumed = Dispatcher(State(), setup.scenario.scheduling_policy(FIFO), "fifo", setup.times, log)
        resumed.remember(past)
        take_up(resumed, workers_of(past), None)
        resumed.dispatch(resumed.state.now)
    events = list(read_log(path))
    starts = numbers(events, SegmentStarted)
    assert starts == list(range(1, len(starts) + 1)) and len(starts) > len(numbers(past, SegmentStarted))
    assert set(numbers(events, SegmentLost)) == set(numbers(past, SegmentStarted)) - set(numbers(past, SegmentEnded))
    assert check_log(events).started == len(starts)


def test_the_dispatcher_numbers_an_end_that_has_no_number() -> None:
    """So that a backend of one's own need not know of numbers."""
    setup = make_setup(NODES, population=4)
    told: list[Event] = []
    policy = setup.scenario.scheduling_policy(FIFO)
    dispatcher = Dispatcher(State(), policy, "fifo", setup.times, listeners=[lambda _, event: told.append(event)])
    begin(dispatcher, "sim", setup, FIFO, 0, setup.workers(FIFO))
    dispatcher.arrive(0.0, setup.workload.experiments[0], 0)
    second = dispatcher.dispatch(0.0).starts[1]
    parts = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    dispatcher.end_segment(
        SegmentEnded(1.0, second.trial, second.worker, second.iterations, 0.5, parts), lambda trial: None
    )
    assert numbers(told, SegmentEnded) == [2]


# What nodes use, in the log.


SAMPLE = ResourcesSampled(1.0, NodeId("a"), 0.25, 2**30, 2**33, (GpuUse("0: NVIDIA H100", 0.5, 2**34, 2**36),))


def test_samples_are_read_as_they_were_written_and_change_only_the_time(tmp_path: Path) -> None:
    with LogWriter(tmp_path / LOG_NAME) as log:
        for event in (begun := RunStarted(0.0, "s", "fusion+fifo", "ray", 0, False, False, LOG_VERSION), SAMPLE):
            log.write(event)
    events = list(read_log(tmp_path / LOG_NAME))
    assert events == [begun, SAMPLE]
    state = State()
    state.apply(begun)
    before = state.snapshot()
    state.apply(SAMPLE)
    assert state.snapshot() == before | {"now": 1.0}


def sampled(log: list[Any]) -> list[AnyEvent]:
    """The log with a sample wherever a driver may record one: never inside of an answer of the
    policy."""
    events: list[AnyEvent] = []
    for event, after in pairwise(log):
        events.append(event)
        if isinstance(event, RunStarted | SegmentStarted | PolicyAsked) and not is_decision(after):
            events.append(replace(SAMPLE, time=event.time))
    return [*events, log[-1]]


@pytest.mark.parametrize("name", ["fifo", "las", "pbt-sync", "gavel-fifo"])
def test_replay_and_resume_pass_over_samples(name: str, simulate_log: Simulate) -> None:
    setup, strategy = make_setup(NODES, population=4, pbt={"perturbation_interval": 10}), Strategy("fusion", name)
    log = simulate_log(setup, strategy)
    with_samples = sampled(log)
    assert len(with_samples) > len(log)
    check_log(with_samples)
    assert replay(setup, with_samples) == replay(setup, log)
    remembered = remember(setup, strategy, 0, with_samples)
    assert (remembered.forgot, remembered.decisions) == (None, remember(setup, strategy, 0, log).decisions)
    assert measure(with_samples, setup) == measure(log, setup)


def test_the_last_report_of_a_driver_that_died_is_known_behind_a_sample(simulate_log: Simulate) -> None:
    """PBT's answer to it may be missing in the log: then it is taken up, and is no other decision
    than the log says."""
    log = simulate_log(make_setup(NODES, population=4, pbt={"perturbation_interval": 10}))
    cut = 1 + next(number for number, event in enumerate(log) if isinstance(event, SegmentEnded))
    for end in ([], [SAMPLE]):
        *_, report = pbt_course([*log[:cut], *end])
        assert isinstance(report, Report) and report.last
