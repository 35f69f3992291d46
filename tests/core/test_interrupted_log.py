"""Ctrl-C between any two steps of writing a log leaves whole lines, each once."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from hetsched.core import log
from hetsched.core.events import AnyEvent, RunEnded
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from tests.conftest import Simulate, make_setup


def interrupted_at(step: int, code: Callable[[], object]) -> bool:
    """Run the code. At this step of Python's in the module of logs, Ctrl-C comes. Returns whether it
    came."""
    steps = 0

    def trace(frame: FrameType, event: str, _value: object) -> Any:
        nonlocal steps
        if frame.f_code.co_filename != log.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps += 1
            if steps == step:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        code()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("durable", [False, True])
def test_wherever_it_comes(durable: bool, simulate_log: Simulate, tmp_path: Path) -> None:
    """Lines stood twice, or the end of the run in the same line as the event before."""
    events: list[AnyEvent] = simulate_log(make_setup(population=1, stop_iterations=10))[:-1]
    end = RunEnded(events[-1].time, "interrupted")
    step, came = 0, True
    while came:
        step += 1
        path = tmp_path / f"{step}-{LOG_NAME}"
        with LogWriter(path, durable=durable) as writer:

            def write(writer: LogWriter = writer) -> None:
                for event in events:
                    writer.write(event)
                    writer.commit()
                writer.flush()

            came = interrupted_at(step, write)
            writer.write(end)
        found = list(read_log(path))
        *begun, last = found or [end]
        assert begun == events[: len(begun)] and last == end
        assert begun or not found, "a run that has not begun does not end"
        assert came or len(begun) == len(events)
    assert step > 100
