"""A run on the page against its log."""

from pathlib import Path

import pytest

import hetsched
from hetsched.analysis.metrics import measure_log
from hetsched.core.applied_events import followed
from hetsched.core.events import SegmentEnded, SegmentLost, SegmentStarted, TrialAdded, TrialExploited
from hetsched.core.log import LOG_NAME, read_log
from hetsched.errors import InputError
from hetsched.report.page.page import page
from hetsched.report.page.run import RunOnPage
from hetsched.scenario.scenario import Setup
from hetsched.studies.folder import PROBES
from tests.conftest import make_setup
from tests.report.page.runs import faulty, simulated


def test_all_segments_of_the_log_are_on_the_page(tmp_path: Path) -> None:
    folder = simulated(faulty(), tmp_path)
    events = list(read_log(folder / LOG_NAME))
    [run] = page(folder).runs
    starts = [event for event in events if isinstance(event, SegmentStarted)]
    assert run.segments.number == [*range(1, len(starts) + 1)]
    assert run.segments.start_s == [start.time for start in starts]
    assert [run.trials[trial].id for trial in run.segments.trial] == [start.trial for start in starts]
    assert [run.lanes[lane].worker for lane in run.segments.lane] == [start.worker for start in starts]
    ends = {event.segment: event for event in events if isinstance(event, SegmentEnded | SegmentLost)}
    assert run.segments.end_s == [ends[number].time for number in run.segments.number]
    lost = {number for number, event in ends.items() if isinstance(event, SegmentLost)}
    assert lost
    assert [number for number, state in zip(run.segments.number, run.segments.state, strict=True) if state == 1] == [
        *sorted(lost)
    ]
    for number, score in zip(run.segments.number, run.segments.score, strict=True):
        end = ends[number]
        assert score == (end.score if isinstance(end, SegmentEnded) else None)


def test_trials_begin_with_what_they_were_given_and_exploits_change_it(tmp_path: Path) -> None:
    folder = simulated(faulty(), tmp_path)
    events = list(read_log(folder / LOG_NAME))
    [run] = page(folder).runs
    added = [event for event in events if isinstance(event, TrialAdded)]
    assert [trial.hyperparameters for trial in run.trials] == [event.hyperparameters for event in added]
    exploited = [event for event in events if isinstance(event, TrialExploited)]
    assert exploited
    assert [(e.time_s, run.trials[e.trial].id, run.trials[e.source].id, e.hyperparameters) for e in run.exploits] == [
        (event.time, event.trial, event.source, event.hyperparameters) for event in exploited
    ]


def test_the_bound_and_the_end_are_those_of_the_metrics(tmp_path: Path) -> None:
    setup = faulty()
    folder = simulated(setup, tmp_path)
    [run] = page(folder).runs
    measured = measure_log(folder / LOG_NAME, setup)
    assert run.bound_s == measured.bound_s and run.ended == "completed"
    assert run.end_s >= measured.makespan_s


def test_a_run_can_be_looked_at_at_any_moment(tmp_path: Path) -> None:
    setup = faulty()
    folder = simulated(setup, tmp_path)
    follow = RunOnPage(setup)
    for seen, event in enumerate(followed(read_log(folder / LOG_NAME), follow.state), start=1):
        follow(event)
        if seen % 25 == 0:
            run = follow.page()
            running = [s for s in run.segments.state if s == 2]
            assert len(running) == len(follow.state.running) and run.ended is None
            assert all(end <= run.end_s for end in run.segments.end_s)


def test_while_a_run_goes_on_its_bound_is_that_of_all_its_work(tmp_path: Path) -> None:
    setup: Setup = make_setup(population=2, stop_iterations=40)
    folder = simulated(setup, tmp_path)
    log = folder / LOG_NAME
    whole = page(folder).runs[0].bound_s
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-4]))
    [run] = page(folder).runs
    assert run.ended is None and run.bound_s == hetsched.bound(setup).overall.makespan_s == whole


def test_an_altered_log_is_refused_by_line_whoever_reads_it(tmp_path: Path) -> None:
    """Also where the page has the logs of a study without a result, which nobody has read
    before."""
    folder = simulated(make_setup(population=2, stop_iterations=40), tmp_path)
    probe = folder / PROBES / "a" / LOG_NAME
    probe.parent.mkdir(parents=True)
    lines = (folder / LOG_NAME).read_bytes().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if b'"segment-started"' in line)
    (folder / LOG_NAME).unlink()
    probe.write_bytes(b"".join([*lines[:start], *lines[start + 1 :]]))
    with pytest.raises(InputError, match=rf"a/{LOG_NAME}:\d+: .*was it altered"):
        page(folder)
