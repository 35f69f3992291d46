"""Counts the calls and the steps of a piece of code. Unlike its seconds, they are the same on every
machine."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls_of(code: Callable[[], object]) -> int:
    """How many functions start and return while the code runs."""
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    sys.setprofile(count)
    try:
        code()
    finally:
        sys.setprofile(None)
    return counted


def steps_of(code: Callable[[], object]) -> int:
    """How many instructions of Python's run while the code runs. Each step of a loop counts."""
    counted = 0

    def count(frame: FrameType, event: str, _value: object) -> Any:
        nonlocal counted
        frame.f_trace_opcodes = True
        counted += event == "opcode"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        code()
    finally:
        sys.settrace(before)
    return counted
