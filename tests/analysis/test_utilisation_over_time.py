"""Utilisation over time: small logs worked out by hand, and what holds of any log."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.figures import utilisation
from hetsched.analysis.share_over_time import MOST_PARTS
from hetsched.analysis.utilisation_over_time import Stay, Utilisation, WorkerTimes, utilisation_over_time
from hetsched.analysis.worker_time import Occupancy
from hetsched.core.events import (
    Event,
    Parts,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.domain.cluster import Node, NodeId, Worker, WorkerId, cpu_worker, gpu_worker
from hetsched.domain.workload import TrialId

NOTHING = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
A = Node(NodeId("a"), 8, 1, "v100")
B = Node(NodeId("b"), 4)
ONE, FOUR = cpu_worker(A, 0, 1), cpu_worker(B, 0, 4)
HALF, QUARTER = gpu_worker(A, 0, 1, 0.5, 0), gpu_worker(A, 0, 1, 0.25, 1)


def joined(*workers: Worker, at: float = 0.0) -> list[Event]:
    return [WorkerJoined(at, worker) for worker in workers]


def segment(trial: str, start: float, end: float, *workers: Worker) -> list[Event]:
    ids = [worker.id for worker in workers]
    return [
        SegmentStarted(start, TrialId(trial), ids[0], 10, tuple(ids[1:])),
        SegmentEnded(end, TrialId(trial), ids[0], 10, 0.5, NOTHING),
    ]


def in_order(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.time)


def followed(events: list[Event]) -> WorkerTimes:
    times = WorkerTimes()
    for event in events:
        times(event)
    return times


def over_time(events: list[Event], end_s: float) -> list[Utilisation]:
    return utilisation_over_time(followed(events), end_s)


def of(series: list[Utilisation], name: str, group: str) -> list[tuple[float, float | None]]:
    [found] = [one for one in series if (one.group, one.name) == (group, name)]
    return list(zip(found.time_s, found.value, strict=True))


def test_workers_of_a_node_count_alike_and_devices_by_their_size() -> None:
    events = joined(ONE, FOUR, HALF, QUARTER) + in_order(
        segment("t-0", 0, 10, FOUR) + segment("t-1", 5, 20, HALF) + segment("t-2", 10, 20, ONE)
    )
    series = over_time(events, 20.0)
    assert [(one.group, one.name) for one in series] == [
        ("all", "all workers"),
        ("node", "a"),
        ("node", "b"),
        ("device", "cpu"),
        ("device", "v100"),
    ]
    assert of(series, "all workers", "all") == [(0, 1 / 4), (5, 2 / 4), (10, 2 / 4)]
    assert of(series, "a", "node") == [(0, 0.0), (5, 0.3333), (10, 0.6667)]
    assert of(series, "b", "node") == [(0, 1.0), (10, 0.0)]
    assert of(series, "cpu", "device") == [(0, 4 / 5), (10, 1 / 5)]
    assert of(series, "v100", "device") == [(0, 0.0), (5, 0.6667)], "half of three quarters of a GPU"


def test_a_worker_that_is_not_there_does_not_count_and_none_is_a_gap() -> None:
    events = [
        *joined(FOUR),
        *segment("t-0", 0, 10, FOUR),
        WorkerLeft(10, FOUR.id, "a test"),
        *joined(ONE, at=15),
        *segment("t-1", 15, 20, ONE),
        *joined(FOUR, at=20),
        *segment("t-1", 20, 40, FOUR),
    ]
    series = over_time(events, 40.0)
    assert of(series, "all workers", "all") == [(0, 1.0), (10, None), (15, 1.0), (20, 0.5)]
    assert of(series, "b", "node") == [(0, 1.0), (10, None), (20, 1.0)]
    assert of(series, "a", "node") == [(0, None), (15, 1.0), (20, 0.0)]


def test_a_gang_keeps_each_of_its_workers_busy() -> None:
    events = joined(ONE, FOUR) + segment("t-0", 0, 10, ONE, FOUR)
    series = over_time(events, 20.0)
    assert of(series, "all workers", "all") == [(0, 1.0), (10, 0.0)]
    assert of(series, "a", "node") == of(series, "b", "node") == [(0, 1.0), (10, 0.0)]


def test_a_lost_segment_counts_and_one_that_runs_goes_on_to_the_end() -> None:
    events: list[Event] = [
        *joined(ONE, FOUR),
        SegmentStarted(0, TrialId("t-0"), ONE.id, 10),
        SegmentStarted(0, TrialId("t-1"), FOUR.id, 10),
        SegmentLost(5, TrialId("t-0"), ONE.id, "a test"),
    ]
    series = over_time(events, 20.0)
    assert of(series, "all workers", "all") == [(0, 1.0), (5, 0.5)]


def test_segments_without_a_number_that_run_at_the_end_are_several() -> None:
    starts = [SegmentStarted(0, TrialId("t-0"), ONE.id, 10), SegmentStarted(0, TrialId("t-1"), FOUR.id, 10)]
    assert of(over_time([*joined(ONE, FOUR), *starts], 20.0), "all workers", "all") == [(0, 1.0)]


def test_many_changes_are_means_over_equal_parts() -> None:
    events = joined(FOUR)
    for number in range(5_000):  # busy for 1 of 4 s in the first half, 3 of 4 s in the second
        events += segment("t-0", 4 * number, 4 * number + (1 if number < 2_500 else 3), FOUR)
    values = of(over_time(events, 20_000.0), "all workers", "all")
    assert len(values) == MOST_PARTS
    assert values[0] == (0, 0.26), "of 50 s, 12 s and then 1 s of two"
    assert values[-1] == (19_950, 0.74), "of 50 s, 1 s of two and then 36 s"


def test_of_a_thousand_nodes_the_series_are_short() -> None:
    workers = [cpu_worker(Node(NodeId(f"n{number:03}"), 1), 0, 1) for number in range(1000)]
    events = joined(*workers)
    for number in range(100):
        events += in_order([event for w in workers for event in segment(w.id, 9 * number, 9 * number + 5, w)])
    nodes = [one for one in over_time(events, 900.0) if one.group == "node"]
    assert len(nodes) == 1000
    assert {len(one.value) for one in nodes} == {20}


def test_nothing_happened() -> None:
    assert over_time([], 0.0) == []
    assert of(over_time(joined(ONE), 0.0), "all workers", "all") == [(0.0, None)]


WORKERS = [
    Worker(WorkerId(f"w{number}"), NodeId("ab"[number % 2]), "cpu", 1 + number)
    if number < 3
    else Worker(WorkerId(f"w{number}"), NodeId("b"), "v100", 1, 0.5)
    for number in range(5)
]


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Workers join and leave, segments of one to three workers start, end and get lost."""
    events: list[Event] = []
    idle: list[Worker] = []
    gone = [*WORKERS]
    running: dict[str, list[Worker]] = {}
    now = 0.0
    for number in range(draw(st.integers(1, 40))):
        now += draw(st.integers(0, 5)) / 4
        act = draw(st.sampled_from(["join", "leave", "start", "end", "lose"]))
        if act == "join" and gone:
            idle.append(gone.pop(draw(st.integers(0, len(gone) - 1))))
            events.append(WorkerJoined(now, idle[-1]))
        elif act == "leave" and idle:
            gone.append(idle.pop(0))
            events.append(WorkerLeft(now, gone[-1].id, "a test"))
        elif act == "start" and idle:
            gang = [idle.pop() for _ in range(draw(st.integers(1, min(3, len(idle)))))]
            running[f"t-{number}"] = gang
            first, *others = [worker.id for worker in gang]
            events.append(SegmentStarted(now, TrialId(f"t-{number}"), first, 1, tuple(others)))
        elif running and act in ("end", "lose"):
            trial = draw(st.sampled_from(sorted(running)))
            gang = running.pop(trial)
            idle += gang
            over: Any = SegmentEnded(now, TrialId(trial), gang[0].id, 1, None, NOTHING)
            events.append(over if act == "end" else SegmentLost(now, TrialId(trial), gang[0].id, "a test"))
    return events


def during(found: list[Stay], moment: float) -> list[Worker]:
    return [stay.worker for stay in found if stay.from_s <= moment < stay.to_s]


@given(logs(), st.floats(0, 0.999))
def test_at_any_moment_it_is_who_works_of_who_is_there(events: list[Event], part: float) -> None:
    end_s = (events[-1].time if events else 0.0) + 1.0
    present, busy = followed(events).present(end_s), followed(events).busy(end_s)
    moment = end_s * part
    there, working = during(present, moment), during(busy, moment)
    assert {worker.id for worker in working} <= {worker.id for worker in there}
    for series in over_time(events, end_s):
        after = sum(time <= moment for time in series.time_s)
        shown = series.value[after - 1]
        if min(abs(moment - time) for time in series.time_s) < 0.01:
            continue  # times are rounded
        if series.group == "device":
            weights = {w.id: w.cores if w.device == "cpu" else w.gpu_share for w in WORKERS if w.device == series.name}
        else:
            weights = {w.id: 1 for w in WORKERS if series.group == "all" or w.node == series.name}
        of_there = sum(weights.get(worker.id, 0) for worker in there)
        of_working = sum(weights.get(worker.id, 0) for worker in working)
        assert shown == (pytest.approx(of_working / of_there, abs=1e-4) if of_there else None)


@given(logs(), st.booleans())
def test_the_mean_is_the_figure_of_the_run(events: list[Event], coarse: bool) -> None:
    """The mean over time, by the workers there, is what `metrics` says of the whole run."""
    if coarse:  # more changes than a series has parts
        last = events[-1].time if events else 0.0
        extra = cpu_worker(Node(NodeId("x"), 1), 0, 1)
        events = [*events, *joined(extra, at=last)]
        for number in range(500):
            events += segment("x", last + number / 8, last + number / 8 + 1 / 16, extra)
    end_s = (events[-1].time if events else 0.0) + 1.0
    occupancy = Occupancy()
    running: dict[TrialId, SegmentStarted] = {}
    for event in events:
        match event:
            case WorkerJoined():
                occupancy.join(event)
            case WorkerLeft():
                occupancy.leave(event)
            case SegmentStarted():
                occupancy.start(event)
                running[event.trial] = event
            case SegmentEnded() | SegmentLost():
                occupancy.end(event)
                del running[event.trial]
    for start in running.values():
        occupancy.end(SegmentLost(end_s, start.trial, start.worker, "the end"))
    there_s = [occupancy.present_s(worker, end_s) for worker in occupancy.workers]
    expected = utilisation(occupancy.busy_s.values(), there_s)
    present = followed(events).present(end_s)
    total = busy = 0.0
    for series in over_time(events, end_s):
        if series.group == "all":
            for start_s, stop_s, value in zip(series.time_s, [*series.time_s[1:], end_s], series.value, strict=True):
                there = sum(max(0.0, min(stop_s, stay.to_s) - max(start_s, stay.from_s)) for stay in present)
                total += there
                busy += (value or 0.0) * there
    assert total == pytest.approx(sum(there_s))
    assert (busy / total if total else 0.0) == pytest.approx(expected, abs=2e-3)
