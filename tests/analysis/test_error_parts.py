"""The parts of the error of a predicted makespan."""

from typing import Any

import pytest
from msgspec.structs import asdict, replace

from hetsched.analysis.error_parts import RunSeconds, error_parts, weighted
from hetsched.domain.cluster import WorkerId

FAST, SLOW = WorkerId("fast"), WorkerId("slow")

RUN = RunSeconds(
    makespan_s=100.0,
    workers=frozenset({FAST, SLOW}),
    completed_s={},
    iterations={FAST: 80, SLOW: 40},
    train_s={FAST: 80.0, SLOW: 80.0},
    start_up_s=10.0,
    evaluate_s=4.0,
    restore_s=3.0,
    checkpoint_s=2.0,
    messages_s=1.0,
    segment_s=5.0,
)


@pytest.mark.parametrize(
    ("part", "changed", "percent"),
    [
        ("steps", {"train_s": {FAST: 88.0, SLOW: 80.0}}, 4.0),
        ("decisions", {"iterations": {FAST: 78, SLOW: 41}, "train_s": {FAST: 78.0, SLOW: 82.0}}, 0.0),
        ("decisions", {"iterations": {FAST: 79, SLOW: 41}, "train_s": {FAST: 79.0, SLOW: 82.0}}, 0.5),
        ("decisions", {"iterations": {FAST: 120}, "train_s": {FAST: 120.0}}, -20.0),  # nothing on the slow one
        ("start_up", {"start_up_s": 14.0}, 2.0),
        ("evaluation", {"evaluate_s": 2.0}, -1.0),
        ("restore", {"restore_s": 5.0}, 1.0),
        ("checkpoint", {"checkpoint_s": 3.0}, 0.5),
        ("messages", {"messages_s": 2.0}, 0.5),
    ],
)
def test_what_differs_is_the_part(part: str, changed: dict[str, Any], percent: float) -> None:
    found = asdict(error_parts(replace(RUN, **changed), RUN))
    waiting = found.pop("waiting")
    assert found.pop(part) == pytest.approx(percent)
    assert found == pytest.approx(dict.fromkeys(found, 0.0))
    assert waiting == pytest.approx(-percent)  # the makespan is the same


def test_the_parts_are_the_error_of_the_makespan() -> None:
    predicted = replace(RUN, makespan_s=93.0, train_s={FAST: 70.0, SLOW: 81.0}, restore_s=1.0)
    assert sum(asdict(error_parts(predicted, RUN)).values()) == pytest.approx(-7.0)


def test_the_parts_of_several_runs_are_those_of_the_mean_makespan() -> None:
    runs = [(replace(RUN, makespan_s=90.0), RUN), (replace(RUN, makespan_s=330.0), replace(RUN, makespan_s=300.0))]
    found = weighted([(error_parts(foretold, seen), seen.makespan_s) for foretold, seen in runs])
    assert sum(asdict(found).values()) == pytest.approx(100 * (420.0 - 400.0) / 400.0)


def test_a_run_without_a_segment_has_no_seconds() -> None:
    assert RunSeconds.of([]) is None
