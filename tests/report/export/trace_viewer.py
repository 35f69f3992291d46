"""Reads a trace of the Trace Event Format as Perfetto's importer of JSON does, and refuses what
that drops or bends.

After `json_trace_parser_impl.cc`, `slice_tracker.cc` and `flow_tracker.cc` of Perfetto's trace
processor: events are sorted by time, the longer slice first; every thread has a stack of open
slices, of which those that are over go when another begins; an instant of a thread is a slice that
takes no time; a flow begins and ends in the slice on the top of its thread's stack; threads are
known by `tid` alone.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

SOURCE = {"s": "begin", "f": "end"}


class Slice(NamedTuple):
    name: str
    thread: str
    process: str
    begin: int
    end: int
    parent: str | None
    args: dict[str, Any]


class Viewed(NamedTuple):
    """`threads` have the names of their processes; `flows` go from slice to slice; `counters` are
    values over time."""

    processes: dict[int, str]
    threads: dict[int, tuple[str, str]]
    slices: list[Slice]
    flows: list[tuple[Slice, Slice]]
    counters: dict[str, list[tuple[int, float]]]
    instants: list[tuple[str, int, dict[str, Any]]]


def view(path: Path) -> Viewed:
    """Raises AssertionError for what a viewer would not show as it is meant."""
    document = json.loads(path.read_bytes(), parse_constant=no_number)
    events = document["traceEvents"]
    for event in events:
        check(event)
    processes, threads = names(events)
    timed = sorted((e for e in events if e["ph"] != "M"), key=lambda e: (e["ts"], -e.get("dur", 0)))
    found = Viewed(processes, threads, [], [], defaultdict(list), [])
    open_slices: dict[int, list[Slice]] = defaultdict(list)
    begun: dict[int, Slice] = {}
    for event in timed:
        stack, phase = open_slices[event["tid"]], event["ph"]
        if phase == "X" or event.get("s") == "t":
            while stack and stack[-1].end <= event["ts"]:
                stack.pop()
            stack.append(slice_of(event, threads, stack))
        if phase == "X":
            found.slices.append(stack[-1])
        elif phase == "C":
            for key, value in event["args"].items():
                found.counters[f"{event['name']} {key}"].append((event["ts"], value))
        elif phase == "i":
            found.instants.append((event["name"], event["ts"], event["args"]))
        else:
            assert stack, f"no slice is open where the flow {event} has its {SOURCE[phase]}"
            if phase == "s":
                assert event["id"] not in begun, f"two flows of one id: {event}"
                begun[event["id"]] = stack[-1]
            else:
                found.flows.append((begun.pop(event["id"]), stack[-1]))
    assert not begun, f"flows without an end: {begun}"
    return found


def no_number(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def check(event: dict[str, Any]) -> None:
    """What every event has, and what those of its phase have."""
    assert {"ph", "name", "pid", "tid"} <= event.keys(), event
    assert isinstance(event["name"], str) and event["name"], event
    assert all(type(event[key]) is int and 0 < event[key] < 2**32 for key in ("pid", "tid")), event
    phase = event["ph"]
    assert phase in {"M", "X", "C", "i", "s", "f"}, event
    if phase == "M":
        return
    assert type(event["ts"]) is int and event["ts"] >= 0, event
    if phase == "X":
        assert type(event["dur"]) is int and event["dur"] >= 0, event
    elif phase == "C":
        assert event["args"] and all(type(value) in (int, float) for value in event["args"].values()), event
    elif phase == "i":
        assert event["s"] in {"g", "p", "t"}, event
    else:
        assert type(event["id"]) is int and event["id"] > 0 and event["cat"], event
        assert phase == "s" or event["bp"] == "e", event


def names(events: list[dict[str, Any]]) -> tuple[dict[int, str], dict[int, tuple[str, str]]]:
    """Processes by pid, and threads by tid, with their processes'. Every process and thread that
    has events has one."""
    named = [event for event in events if event["ph"] == "M" and event["name"] in ("process_name", "thread_name")]
    processes = {event["pid"]: event["args"]["name"] for event in named if event["name"] == "process_name"}
    of_threads = [event for event in named if event["name"] == "thread_name"]
    threads = {event["tid"]: (event["args"]["name"], processes[event["pid"]]) for event in of_threads}
    assert len(threads) == len(of_threads), "two threads of one number"
    homes: dict[int, set[int]] = defaultdict(set)
    for event in events:
        homes[event["tid"]].add(event["pid"])
        assert event["pid"] in processes, event
        assert event["ph"] == "M" or event["tid"] in threads, event
    assert all(len(of_one) == 1 for of_one in homes.values()), "a thread in two processes"
    return processes, threads


def slice_of(event: dict[str, Any], threads: dict[int, tuple[str, str]], stack: list[Slice]) -> Slice:
    begin, end = event["ts"], event["ts"] + event.get("dur", 0)
    parent = stack[-1] if stack else None
    assert parent is None or end <= parent.end, f"{event} goes beyond {parent}, in which it begins"
    thread, process = threads[event["tid"]]
    return Slice(event["name"], thread, process, begin, end, parent and parent.name, event["args"])
