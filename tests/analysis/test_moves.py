"""Preemptions, also of trials that run in packages."""

from hetsched.analysis.moves import Moves
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId

A, B, C = map(TrialId, "abc")
W = (WorkerId("w"),)


def package_of_two() -> Moves:
    """A package of a and b has run, and both wait."""
    moves = Moves()
    for trial in (A, B):
        moves.start(0.0, trial, W, package=1)
    for trial in (A, B):
        moves.end(trial)
    return moves


def test_every_trial_of_a_package_is_preempted_by_who_takes_the_worker() -> None:
    moves = package_of_two()
    moves.start(9.0, C, W)
    assert (moves.preemptions, moves.migrations) == (2, 0)


def test_a_package_does_not_preempt_its_own_trials() -> None:
    moves = package_of_two()
    for trial in (B, A):
        moves.start(9.0, trial, W, package=3)
    assert moves.preemptions == 0


def test_a_trial_that_the_next_package_leaves_out_is_preempted() -> None:
    moves = package_of_two()
    for trial in (C, A):
        moves.start(9.0, trial, W, package=3)
    assert moves.preemptions == 1


def test_a_trial_that_is_stopped_as_its_worker_goes_to_another_is_not_preempted() -> None:
    moves = Moves()
    moves.start(0.0, A, W)
    moves.end(A)
    moves.start(9.0, B, W)
    moves.complete(9.0, A)
    assert moves.preemptions == 0
