"""Perfetto itself reads the traces that hetsched exports."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from hetsched.report.export.chrome_trace import write_trace
from tests.analysis.tidy.eventful import simulated
from tests.browser.trace_processor import TraceProcessor
from tests.report.export.trace_viewer import Viewed, view


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("trace")
    return write_trace(simulated(home / "run"), home / "trace.json")


@pytest.fixture(scope="module")
def perfetto(browser: Browser, trace: Path) -> Iterator[TraceProcessor]:
    with TraceProcessor(browser, trace) as processor:
        yield processor


@pytest.fixture(scope="module")
def viewed(trace: Path) -> Viewed:
    """What tests/report/export/test_chrome_trace.py holds against the log."""
    return view(trace)


def test_nothing_is_refused_or_dropped(perfetto: TraceProcessor) -> None:
    assert perfetto.query("select name, value from stats where value > 0 and severity != 'info'") == []


def test_lanes(perfetto: TraceProcessor, viewed: Viewed) -> None:
    lanes = perfetto.query(
        "select distinct thread.name as worker, process.name as node from slice join thread_track on track_id = "
        "thread_track.id join thread using (utid) join process using (upid)"
    )
    shown = {(slice.thread, slice.process) for slice in viewed.slices}
    assert {(lane["worker"], lane["node"]) for lane in lanes} == shown
    assert {row["name"] for row in perfetto.query("select name from process where name is not null")} == {
        *viewed.processes.values()
    }


def test_slices(perfetto: TraceProcessor, viewed: Viewed) -> None:
    slices = perfetto.query(
        "select slice.name, thread.name as thread, slice.ts / 1000 as begin, dur / 1000 as took, (select name from "
        "slice as parent where parent.id = slice.parent_id) as parent from slice join thread_track on track_id = "
        "thread_track.id join thread using (utid) where category in ('segment', 'part')"
    )
    found = Counter((s["name"], s["thread"], s["begin"], s["begin"] + s["took"], s["parent"]) for s in slices)
    assert found == Counter((s.name, s.thread, s.begin, s.end, s.parent) for s in viewed.slices)


def test_what_a_slice_tells(perfetto: TraceProcessor, viewed: Viewed) -> None:
    rows = perfetto.query(
        "select extract_arg(arg_set_id, 'args.segment') as segment, extract_arg(arg_set_id, 'args.score') as score, "
        "extract_arg(arg_set_id, 'args.hyperparameters.lr') as lr from slice where category = 'segment'"
    )
    shown = {slice.args["segment"]: slice.args for slice in viewed.slices if slice.parent is None}
    assert {row["segment"]: row["lr"] for row in rows} == pytest.approx(
        {segment: args["hyperparameters"]["lr"] for segment, args in shown.items()}
    )
    assert {row["segment"]: row["score"] for row in rows if row["score"] is not None} == pytest.approx(
        {segment: args["score"] for segment, args in shown.items() if "score" in args}
    )


def test_flows(perfetto: TraceProcessor, viewed: Viewed) -> None:
    flows = perfetto.query(
        "select source.name as source, source.ts / 1000 as begin, target.name as target, target.ts / 1000 as end from "
        "flow join slice as source on slice_out = source.id join slice as target on slice_in = target.id"
    )
    found = Counter(tuple(flow.values()) for flow in flows)
    assert found == Counter((a.name, a.begin, b.name, b.begin) for a, b in viewed.flows) and len(flows) > 3


def test_counters(perfetto: TraceProcessor, viewed: Viewed) -> None:
    rows = perfetto.query(
        "select name, ts / 1000 as ts, value from counter join process_counter_track as track on track_id = track.id"
    )
    found = Counter((row["name"], row["ts"], row["value"]) for row in rows)
    assert found == Counter((name, ts, value) for name, values in viewed.counters.items() for ts, value in values)


def test_instants(perfetto: TraceProcessor, viewed: Viewed) -> None:
    rows = perfetto.query("select name, ts / 1000 as ts from slice where category = 'event'")
    assert Counter((row["name"], row["ts"]) for row in rows) == Counter((name, ts) for name, ts, _ in viewed.instants)
