"""Whose fault failures are held to be."""

from types import SimpleNamespace
from typing import Any

import pytest

from hetsched.core.events import SegmentStarted
from hetsched.core.lost_work import BROKEN_IN_A_ROW
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError
from real.tune.failure_counts import MAX_FAILURES, STRIKES, FailureCounts
from real.tune.failures import Failures
from real.tune.messages import Failure, What


def fail(counts: FailureCounts, *failures: tuple[str, str]) -> None:
    pairs: Any = failures
    for trial, node in pairs:
        counts.failed(trial, node)


def test_a_node_on_which_several_trials_fail_is_to_blame() -> None:
    counts: Any = FailureCounts()
    fail(counts, ("x", "bad"), ("y", "bad"), ("x", "bad"))
    assert counts.strikes("bad") == STRIKES
    assert counts.failures("x") == 1  # only before another had failed there
    assert counts.failures("y") == 0


def test_a_success_clears_its_node_and_what_counts_against_its_trial() -> None:
    counts: Any = FailureCounts()
    fail(counts, ("x", "a"), ("x", "a"), ("y", "b"))
    counts.succeeded("z", "a", 3)
    assert (counts.strikes("a"), counts.strikes("b")) == (0, 1)
    assert counts.failures("x") == 2
    counts.succeeded("x", "b", 3)
    assert counts.strikes("b") == 0
    assert counts.failures("x") == 0


def test_a_trial_that_gets_no_further_goes_on_failing() -> None:
    """Its checkpoint is lost again and again: that it trains the same segment once more is no
    progress."""
    counts: Any = FailureCounts()
    for _ in range(MAX_FAILURES + 1):
        counts.succeeded("x", "a", 3)
        counts.lost_checkpoint("x")
    assert counts.failures("x") == MAX_FAILURES + 1
    assert counts.strikes("a") == 0


def test_a_trial_that_took_over_a_lower_count_may_fail_as_often_as_one_that_began_there() -> None:
    counts: Any = FailureCounts()
    counts.succeeded("x", "a", 90)
    counts.recounted("x", 30)
    for iterations in range(40, 90, 10):
        fail(counts, ("x", "a"))
        counts.succeeded("x", "a", iterations)
    assert counts.failures("x") == 0


def test_a_trial_that_fails_everywhere_takes_down_one_node_at_most() -> None:
    """On nodes that have nothing else to do; where others succeed in between, it takes down
    none."""
    counts: Any = FailureCounts()
    nodes = ["a", "b", "c"]
    gone = []
    while counts.failures("x") <= MAX_FAILURES:
        node = nodes[0]
        counts.failed("x", node)
        if counts.strikes(node) >= STRIKES:
            counts.forgive(node)
            gone.append(nodes.pop(0))
    assert gone == ["a"]
    while counts.failures("y") <= MAX_FAILURES:
        counts.failed("y", "b")
        counts.succeeded("z", "b", 3)
        assert counts.strikes("b") == 0


def test_a_trial_whose_nodes_die_under_it_again_and_again_ends_the_run() -> None:
    """No node or trial is to blame, but the run would never end."""
    worker = Worker(WorkerId("n/cpu"), NodeId("n"), "cpu", 1)
    nobody: Any = SimpleNamespace(there={}, watch=lambda at_once: None, is_for=lambda cause: False)
    nobody.checkpoints = SimpleNamespace(latest=lambda trial: None)
    failures = Failures({worker.id: worker}, nobody, nobody, nobody, nobody)
    segment = SegmentStarted(0.0, TrialId("t"), worker.id, 10)
    failure = Failure(What.ACTOR, RuntimeError(), "node n died")
    for _ in range(BROKEN_IN_A_ROW - 1):
        failures.failed(segment, failure)
    with pytest.raises(HetschedError, match="trial t lost its segment 100 times in a row, .* node n died"):
        failures.failed(segment, failure)
