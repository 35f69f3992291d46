"""Whose time in a package it was: that of lost segments belongs to their own trials."""

import pytest

from hetsched.analysis.worker_time import Occupancy
from hetsched.core.events import SegmentEnded, SegmentLost, SegmentStarted
from hetsched.domain.workload import TrialId
from tests.analysis.test_metrics import NOTHING, W

LOST = None
"""In place of when a segment was under way."""


@pytest.mark.parametrize(
    ("reports", "seconds"),
    [
        # b crashed at 15, and the worker went on with c.
        ([(15, "b", LOST), (25, "a", (0, 10)), (25, "c", (15, 25))], {"a": 10, "b": 5, "c": 10}),
        # b and c crashed one after the other; d was not under way when it was given up.
        (
            [(12, "b", LOST), (13, "d", LOST), (15, "c", LOST), (15, "a", (0, 10))],
            {"a": 10, "b": 2, "c": 3, "d": 0},
        ),
        # a was done at 4 and lost at 9, while b was under way.
        ([(9, "a", LOST), (12, "b", (4, 12))], {"a": 4, "b": 8}),
        # The worker left at 12: of which segments its time was is unknown.
        ([(12, "a", LOST), (12, "b", LOST), (12, "c", LOST)], {"a": 4, "b": 4, "c": 4}),
        # c, the last one, crashed.
        ([(20, "c", LOST), (20, "a", (0, 5)), (20, "b", (5, 12))], {"a": 5, "b": 7, "c": 8}),
    ],
)
def test_the_time_of_a_lost_segment_is_its_own_trials(
    reports: list[tuple[float, str, tuple[float, float] | None]], seconds: dict[str, float]
) -> None:
    occupancy = Occupancy()
    for number, trial in enumerate(seconds, start=1):
        occupancy.start(SegmentStarted(0.0, TrialId(trial), W, 10, segment=number, package=1))
    for time, trial, worked in reports:
        if worked is LOST:
            occupancy.end(SegmentLost(time, TrialId(trial), W, "a test"))
        else:
            occupancy.end(SegmentEnded(time, TrialId(trial), W, 10, None, NOTHING, worked=worked))
    assert {trial: occupancy.trial_s[TrialId(trial)] for trial in seconds} == pytest.approx(seconds)
    assert sum(seconds.values()) == pytest.approx(occupancy.busy_s[W]) == pytest.approx(reports[-1][0])
