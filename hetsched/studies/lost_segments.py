"""Which segments of real runs were lost, and why."""

from collections.abc import Iterable

from hetsched.core.events import SIMULATED, SegmentLost, TrialCompleted
from hetsched.core.log import read_log
from hetsched.errors import counted
from hetsched.studies.named_folder import start_of
from hetsched.studies.one_run import RunResult

NAMED = 3
"""So many lost segments of one reason are named. The others are counted."""


def lost_segments(runs: Iterable[RunResult]) -> list[str]:
    """A line per reason: its first line, how many segments were lost to it, and trial and worker of
    the first ones. Also a line about trials that were given up (by Ray Tune, under the drop-in).

    Empty: nothing was lost. Simulated runs are left out, because their scenario asks for the
    losses.
    """
    lost: dict[str, list[str]] = {}
    given_up: list[str] = []
    for run in runs:
        for event in _losses(run):
            if isinstance(event, TrialCompleted):
                given_up.append(str(event.trial))
            else:
                reason = (event.reason.splitlines() or [""])[0]
                lost.setdefault(reason, []).append(f"{event.trial} on {event.worker}")
    again = "" if given_up else " and trained again"
    lines = [f"{counted(len(at), 'segment')} lost{again}: {reason} ({_listed(at)})" for reason, at in lost.items()]
    if given_up:
        trials = counted(len(given_up), "trial")
        lines.append(f"{trials} given up after failures ({_listed(given_up)}): every figure counts them as completed")
    return lines


def _losses(run: RunResult) -> list[SegmentLost | TrialCompleted]:
    """The lost segments of a real run, and its trials that were given up, in the order of its log."""
    if not run.metrics.lost_segments or ((start := start_of(run.log)) is not None and start.backend == SIMULATED):
        return []
    return [
        event
        for event in read_log(run.log)
        if isinstance(event, SegmentLost) or (isinstance(event, TrialCompleted) and event.is_failure)
    ]


def _listed(places: list[str]) -> str:
    """The first places.

    >>> _listed(["a-0 on n/cpu0"] * 5)
    'a-0 on n/cpu0, a-0 on n/cpu0, a-0 on n/cpu0 and 2 more'
    """
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(places[:NAMED]) + more
