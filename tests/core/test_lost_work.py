"""When so much work is lost that a run cannot end."""

import pytest

from hetsched.core.lost_work import BROKEN_IN_A_ROW, FRUITLESS_LOSSES, LostWork
from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError

A, B = TrialId("a"), TrialId("b")


def lose(work: LostWork, trial: TrialId, times: int) -> None:
    for _ in range(times):
        work.lost(trial, "node n failed")


def test_a_trial_that_finishes_no_segment_cannot_end() -> None:
    work = LostWork()
    for _ in range(3):
        lose(work, A, BROKEN_IN_A_ROW - 1)
        lose(work, B, BROKEN_IN_A_ROW // 4)
        work.trained(A, 10)
    lose(work, B, BROKEN_IN_A_ROW // 4 - 1)
    with pytest.raises(HetschedError, match="trial b lost its segment 100 times in a row, .* node n failed"):
        lose(work, B, 1)


def test_a_trial_that_always_falls_back_cannot_end() -> None:
    work = LostWork()
    work.trained(A, 20)
    for _ in range(FRUITLESS_LOSSES - 1):
        work.trained(A, 10)  # from the beginning again
        lose(work, A, 1)
        work.trained(A, 20)
    with pytest.raises(HetschedError, match="a lost its work 1000 times and never got beyond 20 .* node n failed"):
        lose(work, A, 1)


def test_a_trial_that_gets_further_than_ever_now_and_then_goes_on() -> None:
    work = LostWork()
    for iterations in range(1, 5 * FRUITLESS_LOSSES):
        lose(work, A, 1)
        work.trained(A, iterations // (FRUITLESS_LOSSES // 2))


def test_a_trial_that_took_over_a_lower_count_gets_further_from_there() -> None:
    work = LostWork()
    work.trained(A, 10 * FRUITLESS_LOSSES)
    work.recounted(A, 0)
    for iterations in range(1, 5 * FRUITLESS_LOSSES):
        lose(work, A, 1)
        work.trained(A, iterations // (FRUITLESS_LOSSES // 2))
