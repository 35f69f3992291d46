"""The values of command-line arguments, checked."""

import argparse
from math import inf, nan
from pathlib import Path

from hetsched.errors import brief

AUTO = "auto"
"""What --seeds says instead of a number."""


MOST = 10**6
"""The largest number of runs, processes or the like."""

MOST_ITERATIONS = 10**9
"""The largest number of iterations, as in a scenario."""

MOST_SEED = 10**18
"""The largest seed. It and the seeds that follow it fit into 64 bits, which every reader of a log
knows."""


def count(text: str) -> int:
    """A whole number from 1 to a million."""
    return _whole(text, 1, MOST)


def iterations(text: str) -> int:
    """A whole number from 1 to a billion."""
    return _whole(text, 1, MOST_ITERATIONS)


def count_or_auto(text: str) -> int | str:
    return text if text == AUTO else _whole(text, 1, MOST, " or 'auto'")


def part(text: str) -> float:
    """A number from 0 to below 1."""
    if not 0 <= (number := _number(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to below 1, found {brief(text)}")
    return number


def port(text: str) -> int:
    """A TCP port, or 0 for a free one."""
    if not 0 <= (number := _whole(text, 0, inf)) < 2**16:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {2**16 - 1}, found {brief(text)}")
    return number


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    if not 0 < (number := _number(text)) < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and below a million, found {brief(text)}")
    return number


def seed(text: str) -> int:
    """A whole number from 0."""
    return _whole(text, 0, MOST_SEED)


def _number(text: str) -> float:
    """Nan for what is no number."""
    try:
        return float(text)
    except ValueError:
        return nan


def _whole(text: str, least: int, most: float, alternative: str = "") -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        expected = f"from {least}" if number < least else f"from {least} to {most:,}"
        raise argparse.ArgumentTypeError(f"expected a whole number {expected}{alternative}, found {brief(text)}")
    return number


def a_path(text: str) -> Path:
    """A path. An empty text, as of an unset variable of a shell, would be the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found ''")
    return Path(text)
