"""Times of a trace: seconds or dates, and whether they can be seconds at all."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from statistics import median

from hetsched.errors import InputError
from hetsched.scenario.traces.cluster_job import ClusterJob

DAY_S = 86_400.0
LATEST_S = 1e11
"""Seconds since 1970 that are the year 5138: what is beyond them is in milliseconds (or less)."""

LONGEST_SPAN_S = 20 * 365 * DAY_S
LONGEST_MEDIAN_S = 30 * DAY_S
ENOUGH = 20
"""So many jobs say something about the range of their dates."""

OTHER_UNITS = (
    ("milliseconds", 1000.0, "divide them by 1000"),
    ("minutes", 1 / 60, "multiply them by 60"),
    ("hours", 1 / 3600, "multiply them by 3600"),
)
"""Units that are taken for seconds: how many times as long durations are as the dates say, and what to do."""

UNITS = "times must be in seconds: divide milliseconds by 1000"


def seconds_of(time: str, here: str) -> float:
    """A time in seconds: a number as it is, a date in UTC unless it says otherwise. Raises InputError for neither."""
    try:
        seconds = float(time)
    except ValueError:
        try:
            date = datetime.fromisoformat(time)
        except ValueError:
            message = f"{here}: {time!r} is neither seconds nor a date such as 2017-10-07 01:11:39"
            raise InputError(message) from None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    if not isfinite(seconds):
        raise InputError(f"{here}: {time!r} is not a time")
    if abs(seconds) > LATEST_S:
        raise InputError(f"{here}: {time!r} s would be after the year 5000: {UNITS}")
    return seconds


def maybe_seconds(time: str | None, here: str) -> float | None:
    """The same, None for a time that is not there."""
    return None if time is None else seconds_of(time, here)


def span_s(start: str | None, end: str | None, here: str) -> float | None:
    """How long it is from start to end, None unless both are there."""
    if start is None or end is None:
        return None
    return seconds_of(end, f"{here}: end") - seconds_of(start, f"{here}: start")


def check_units(path: Path, jobs: Sequence[ClusterJob]) -> None:
    """Raise InputError, naming the file and what gives it away, for times that cannot be seconds."""
    submitted = [job.submitted_s for job in jobs if job.submitted_s is not None]
    durations = [job.seconds for job in jobs if job.seconds]
    if not submitted or not durations:
        return
    span, typical = max(submitted) - min(submitted), median(durations)
    own = [job.seconds / job.span_s for job in jobs if job.seconds and job.span_s and job.span_s > 0]
    for unit, factor, remedy in OTHER_UNITS if own else ():
        if factor / 2 <= median(own) <= factor * 2:
            raise InputError(f"{path}: durations are in {unit}, by the dates of the jobs' start and end: {remedy}")
    if span > LONGEST_SPAN_S:
        raise InputError(f"{path}: jobs arrive over {span / DAY_S / 365:.0f} years: {UNITS}")
    if typical > LONGEST_MEDIAN_S:
        raise InputError(f"{path}: half of the jobs take {typical / DAY_S:.0f} days or more: {UNITS}")
    if len(durations) >= ENOUGH and span and typical > 10 * span:
        raise InputError(
            f"{path}: half of the jobs take {typical:g} s or more, and all of them arrive within {span:g} s: {UNITS}"
        )
