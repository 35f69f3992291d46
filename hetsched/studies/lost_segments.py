"""Which segments of real runs were lost, and why."""

from collections.abc import Iterable

from hetsched.core.events import RunStarted, SegmentLost
from hetsched.core.log import read_log
from hetsched.errors import counted
from hetsched.studies.one_run import RunResult

NAMED = 3
"""So many lost segments of one reason are named. The others are counted."""


def lost_segments(runs: Iterable[RunResult]) -> list[str]:
    """A line per reason: its first line, how many segments were lost to it, and trial and worker of
    the first ones.

    Empty: nothing was lost. Simulated runs are left out, because their scenario asks for the
    losses.
    """
    lost: dict[str, list[str]] = {}
    for run in runs:
        for event in _losses(run):
            reason = (event.reason.splitlines() or [""])[0]
            lost.setdefault(reason, []).append(f"{event.trial} on {event.worker}")
    return [
        f"{counted(len(places), 'segment')} lost and trained again: {reason} ({_listed(places)})"
        for reason, places in lost.items()
    ]


def _losses(run: RunResult) -> list[SegmentLost]:
    """The lost segments of a real run, in the order of its log."""
    if not run.metrics.lost_segments:
        return []
    found = []
    for event in read_log(run.log):
        if isinstance(event, RunStarted) and event.backend == "sim":
            return []
        if isinstance(event, SegmentLost):
            found.append(event)
    return found


def _listed(places: list[str]) -> str:
    """The first places.

    >>> _listed(["a-0 on n/cpu0"] * 5)
    'a-0 on n/cpu0, a-0 on n/cpu0, a-0 on n/cpu0 and 2 more'
    """
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(places[:NAMED]) + more
