"""The workers that train a trial together: one worker, or the workers of a gang."""

from collections.abc import Sequence
from math import floor, inf

from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.rounding import ROUNDING

Team = Sequence[Worker]
"""The first worker is the one that a decision names as the trial's worker."""


def others(team: Team) -> tuple[WorkerId, ...]:
    """All workers of the team but the first."""
    return tuple(worker.id for worker in team[1:])


def iterations_within(state: StateView, trial: Trial, team: Team, seconds_left: float) -> int:
    """The iterations of an interval, or as many of them as the team ends in `seconds_left`, costs
    included. If a time is unknown, it is the interval."""
    interval = state.interval(trial)
    seconds = state.seconds_per_iteration(trial, team[0])
    beside_s = state.segment_seconds(trial, team[0], 0, others(team))
    if seconds is None or beside_s is None or seconds_left == inf:
        return interval
    return max(0, min(interval, floor((seconds_left - beside_s) / seconds + ROUNDING)))
