"""The values of command-line arguments, checked."""

import argparse
from math import nan

AUTO = "auto"
"""What --seeds says instead of a number."""


def count(text: str) -> int:
    """A whole number of at least 1."""
    return _whole(text, 1)


def count_or_auto(text: str) -> int | str:
    return text if text == AUTO else _whole(text, 1, " or 'auto'")


def part(text: str) -> float:
    """A number from 0 to below 1."""
    if not 0 <= (number := _number(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to below 1, found {text!r}")
    return number


def port(text: str) -> int:
    """A TCP port, or 0 for a free one."""
    if not 0 <= (number := _whole(text, 0)) < 2**16:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to {2**16 - 1}, found {text!r}")
    return number


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    if not 0 < (number := _number(text)) < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and below a million, found {text!r}")
    return number


def seed(text: str) -> int:
    """A whole number of at least 0."""
    return _whole(text, 0)


def _number(text: str) -> float:
    """Nan for what is no number."""
    try:
        return float(text)
    except ValueError:
        return nan


def _whole(text: str, least: int, alternative: str = "") -> int:
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least}{alternative}, found {text!r}")
    return number
