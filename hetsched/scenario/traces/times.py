"""Reads the times of a trace, which are seconds or dates, and checks that they can be seconds."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import isfinite, nan
from pathlib import Path
from statistics import median

from hetsched.errors import InputError
from hetsched.scenario.traces.cluster_job import ClusterJob

DAY_S = 86_400.0
LATEST_S = 1e11
"""Seconds since 1970 up to the year 5138. Greater numbers are taken to be milliseconds or smaller
units."""

LONGEST_SPAN_S = 20 * 365 * DAY_S
LONGEST_MEDIAN_S = 30 * DAY_S
ENOUGH = 20
"""The least number of jobs whose times are checked."""

OTHER_UNITS = (
    ("milliseconds", 1000.0, "divide them by 1000"),
    ("minutes", 1 / 60, "multiply them by 60"),
    ("hours", 1 / 3600, "multiply them by 3600"),
)
"""Units that a log may have in the place of seconds: the ratio of durations to spans of dates, and
the advice."""

LONGEST_TEXT = 60
"""The most characters of a time that a message repeats."""

UNITS = "times must be in seconds: divide milliseconds by 1000"


class Times:
    """Reads the times of one line of a log.

    `unread` is the first time that cannot be read, with the reason (empty: all can be read).
    """

    def __init__(self) -> None:
        self.unread = ""

    def moment(self, column: str, text: str | None) -> float | None:
        """A time in seconds, from seconds or a date. None: the time is missing, or cannot be
        read."""
        return self._read(column, text, seconds_of)

    def duration(self, column: str, text: str | None) -> float | None:
        """A duration in seconds. None: the duration is missing, or cannot be read."""
        return self._read(column, text, _number)

    def _read(self, column: str, text: str | None, read: Callable[[str], float]) -> float | None:
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as error:
            self.unread = self.unread or f"{column}: {error}"
            return None


def _number(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not isfinite(seconds):
        raise ValueError(f"{text[:LONGEST_TEXT]!r} is no number of seconds")
    return seconds


def seconds_of(time: str) -> float:
    """A time in seconds. A number is seconds. A date without a time zone is in UTC.

    Raises ValueError, with the reason, if the time is neither a number nor a date.
    """
    try:
        seconds = float(time)
    except ValueError:
        try:
            date = datetime.fromisoformat(time)
        except ValueError:
            message = f"{time[:LONGEST_TEXT]!r} is neither seconds nor a date such as 2017-10-07 01:11:39"
            raise ValueError(message) from None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if not isfinite(seconds):
        raise ValueError(f"{time!r} is not a time")
    if abs(seconds) > LATEST_S:
        raise ValueError(f"{time[:LONGEST_TEXT]!r} s would be after the year 5000: {UNITS}")
    return seconds


def span_s(start: str | None, end: str | None) -> float | None:
    """The seconds from start to end. None: one of them is missing, or cannot be read."""
    times = Times()
    start_s, end_s = times.moment("start", start), times.moment("end", end)
    return None if start_s is None or end_s is None else end_s - start_s


def check_units(path: Path, jobs: Sequence[ClusterJob]) -> None:
    """Raise InputError, naming the file and the evidence, if the times cannot be seconds."""
    submitted = [job.submitted_s for job in jobs if job.submitted_s is not None]
    durations = [job.seconds for job in jobs if job.seconds]
    if not submitted:
        return
    span, typical = max(submitted) - min(submitted), median(durations or [0.0])
    own = [job.seconds / job.span_s for job in jobs if job.seconds and job.span_s and job.span_s > 0]
    for unit, factor, remedy in OTHER_UNITS if own else ():
        if factor / 2 <= median(own) <= factor * 2:
            raise InputError(f"{path}: durations are in {unit}, by the dates of the jobs' start and end: {remedy}")
    if span > LONGEST_SPAN_S:
        raise InputError(f"{path}: jobs arrive over {round(span / DAY_S / 365):.4g} years: {UNITS}")
    if typical > LONGEST_MEDIAN_S:
        raise InputError(f"{path}: half of the jobs take {round(typical / DAY_S):.4g} days or more: {UNITS}")
    if len(durations) >= ENOUGH and span and typical > 10 * span:
        raise InputError(
            f"{path}: half of the jobs take {typical:g} s or more, and all of them arrive within {span:g} s: {UNITS}"
        )
