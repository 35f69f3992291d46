"""Traces: a viewer shows what is in the log. tests/browser/test_perfetto.py has Perfetto itself
read one."""

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from hetsched.core.events import (
    AnyEvent,
    GpuUse,
    ResourcesSampled,
    SegmentEnded,
    SegmentLost,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId
from hetsched.report.export.chrome_trace import NAMES, write_trace
from tests.analysis.tidy.eventful import simulated
from tests.conftest import make_setup
from tests.report.export.trace_viewer import Slice, Viewed, view


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated(tmp_path_factory.mktemp("eventful") / "run")


@pytest.fixture(scope="module")
def events(log: Path) -> list[AnyEvent]:
    return list(read_log(log))


@pytest.fixture(scope="module")
def trace(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_trace(log, tmp_path_factory.mktemp("trace") / "deep" / "trace.json")


@pytest.fixture(scope="module")
def viewed(trace: Path) -> Viewed:
    return view(trace)


def segments(viewed: Viewed) -> list[Slice]:
    return [slice for slice in viewed.slices if slice.parent is None]


def us(seconds: float) -> int:
    return round(seconds * 1e6)


def test_nodes_are_processes_and_workers_their_threads(events: list[AnyEvent], viewed: Viewed) -> None:
    workers = {event.worker.id: event.worker for event in events if isinstance(event, WorkerJoined)}
    expected = {(f"{worker.id} ({worker.type})", f"node {worker.node}") for worker in workers.values()}
    assert set(viewed.threads.values()) == expected | {("run", "fusion+hrfs, seed 1")}
    assert set(viewed.processes.values()) == {home for _, home in viewed.threads.values()}


def test_segments_are_slices_and_their_parts_are_within(events: list[AnyEvent], viewed: Viewed) -> None:
    ended = [event for event in events if isinstance(event, SegmentEnded)]
    lost = [event for event in events if isinstance(event, SegmentLost)]
    assert ended and lost
    shown = Counter((slice.name, slice.end) for slice in segments(viewed))
    named = Counter({(event.trial, us(event.time)): 1 for event in ended})
    assert shown == named + Counter({(f"{event.trial} (lost)", us(event.time)): 1 for event in lost})
    for field, name in NAMES.items():
        of_part = [slice for slice in viewed.slices if slice.parent and slice.name == name]
        seconds = sum(getattr(event.parts, field) for event in ended)
        assert sum(slice.end - slice.begin for slice in of_part) == pytest.approx(seconds * 1e6, abs=len(ended))
    assert all(slice.args["lost"] for slice in segments(viewed) if slice.name.endswith("(lost)"))


def test_an_exploit_is_a_flow_from_the_source_to_the_trials_next_segment(
    events: list[AnyEvent], viewed: Viewed
) -> None:
    """A trial that copies twice before it runs has one flow, from what it copied last."""
    waiting: dict[str, str] = {}
    expected = []
    for event in events:
        if isinstance(event, TrialExploited):
            waiting[event.trial] = event.source
        elif isinstance(event, SegmentEnded | SegmentLost) and event.trial in waiting:
            expected.append((waiting.pop(event.trial), event.trial))
    found = [(trial_of(begin, viewed), trial_of(end, viewed)) for begin, end in viewed.flows]
    assert Counter(found) == Counter(expected) and len(found) > 3
    assert all(begin.end <= end.begin for begin, end in viewed.flows), "weights go forward in time"
    assert all(end in viewed.slices for flow in viewed.flows for end in flow), "no arrow to an instant"


def trial_of(part: Slice, viewed: Viewed) -> str:
    """The trial of the segment that the slice is in, or is."""
    [home] = [
        s for s in segments(viewed) if s.thread == part.thread and s.begin <= part.begin < s.end and part.end <= s.end
    ]
    return home.name.removesuffix(" (lost)")


def test_counters_follow_the_state(events: list[AnyEvent], viewed: Viewed) -> None:
    state = State()
    expected: dict[str, dict[int, float]] = {"ready trials trials": {}, "running segments segments": {}}
    utilisation: dict[int, float] = {}
    for event in events:
        state.apply(event)
        at = us(event.time)
        expected["ready trials trials"][at] = len(state.ready)
        expected["running segments segments"][at] = len(state.running)
        utilisation[at] = 100 * len(state.running) / len(state.workers) if state.workers else 0.0
    expected["utilisation percent"] = utilisation
    assert viewed.counters.keys() == expected.keys()
    for name, values in expected.items():
        shown = dict(viewed.counters[name])
        value = 0.0
        for at, wanted in values.items():
            value = shown.get(at, value)
            assert value == pytest.approx(wanted), (name, at)
        assert len(shown) > 5


def test_losses_joins_and_leaves_are_instants(events: list[AnyEvent], viewed: Viewed) -> None:
    shown = Counter(name for name, _, _ in viewed.instants)
    for kind, name in ((WorkerJoined, "joined"), (WorkerLeft, "left"), (SegmentLost, "segment lost")):
        assert shown[name] == sum(isinstance(event, kind) for event in events) > 0
    assert shown["draining"] and shown["slowed"] and shown["checkpoint lost"] and shown["ended"] == 1
    assert {args["reason"] for name, _, args in viewed.instants if name == "left"} == {
        event.reason for event in events if isinstance(event, WorkerLeft)
    }


def test_what_is_used_of_a_node_is_counted(log: Path, tmp_path: Path) -> None:
    sample = ResourcesSampled(1.0, NodeId("server"), 0.25, 7, 8, (GpuUse("K80", 0.5, 10, 100),))
    elsewhere = ResourcesSampled(2.0, NodeId("without workers"), 0.5, 7, 8)
    lines = log.read_bytes().splitlines()
    later = next(number for number, line in enumerate(lines) if msgspec.json.decode(line)["time"] > 2.0)
    sampled = tmp_path / "events.jsonl"
    written = [*lines[:later], *map(msgspec.json.encode, (sample, elsewhere)), *lines[later:]]
    sampled.write_bytes(b"\n".join(written) + b"\n")
    shown = view(write_trace(sampled, tmp_path / "trace.json"))
    assert ("resources", "node without workers") in shown.threads.values()
    assert {name: values for name, values in shown.counters.items() if values[0][0] == 1_000_000} == {
        "cpu percent": [(1_000_000, 25.0), (2_000_000, 50.0)],
        "memory bytes": [(1_000_000, 7), (2_000_000, 7)],
        "gpu 0 percent": [(1_000_000, 50.0)],
        "gpu 0 memory bytes": [(1_000_000, 10)],
    }


def test_every_worker_of_a_gang_has_the_slice(tmp_path: Path) -> None:
    setup = make_setup([{"name": "a", "cores": 2, "count": 2}], gang=2, pbt={"enabled": False}, population=2)
    log = simulated(tmp_path / "run", setup, "fusion+fifo", 0)
    ended = [event for event in read_log(log) if isinstance(event, SegmentEnded)]
    shown = segments(view(write_trace(log, tmp_path / "trace.json")))
    assert Counter((s.name, s.end) for s in shown) == Counter({(e.trial, us(e.time)): 2 for e in ended})
    assert len({slice.thread for slice in shown}) == 2
    utilisation = view(tmp_path / "trace.json").counters["utilisation percent"]
    assert max(value for _, value in utilisation) == 100 and utilisation[-1][1] == 0


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "events.jsonl"
    cut.write_bytes(b"".join(lines[: len(lines) // 2]) + lines[-1][:20])
    shown = view(write_trace(cut, tmp_path / "trace.json"))
    running = [slice for slice in segments(shown) if slice.args.get("running")]
    assert running and all(slice.end == max(s.end for s in shown.slices) for slice in running)


def test_hostile_names_are_text(tmp_path: Path, log: Path) -> None:
    name = '"}]},\\u0000</script><!--\\n\\ud83d\\ude00'
    hostile = tmp_path / "events.jsonl"
    hostile.write_bytes(log.read_bytes().replace(b'"e-3"', ('"' + name.replace('"', '\\"') + '"').encode()))
    assert hostile.read_bytes() != log.read_bytes()
    shown = view(write_trace(hostile, tmp_path / "trace.json"))
    assert '"}]},\x00</script><!--\n\U0001f600' in {slice.name for slice in segments(shown)}


def test_a_trace_is_replaced_as_a_whole(log: Path, tmp_path: Path) -> None:
    path = write_trace(log, tmp_path / "trace.json")
    before = path.read_bytes()
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(log.read_bytes()[:2000] + b"\nnonsense\n")
    with pytest.raises(Exception, match=r"damaged\.jsonl:\d+: not an event"):
        write_trace(damaged, path)
    assert path.read_bytes() == before and sorted(tmp_path.iterdir()) == [damaged, path]
