"""Trials that take over the count of iterations of the trial that they copy (`pbt.iterations =
"lineage"`)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.metrics import measure
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    CheckpointLost,
    Event,
    Parts,
    SegmentEnded,
    SegmentStarted,
    TrialCompleted,
    WorkerJoined,
)
from hetsched.core.lost_work import FRUITLESS_LOSSES
from hetsched.core.state import State, state_of
from hetsched.core.trial import Trial
from hetsched.domain.cluster import Node, NodeId, cpu_worker
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.errors import HetschedError
from hetsched.scheduling.queueing.fifo import Fifo
from hetsched.testing import check_log
from tests.conftest import NO_OVERHEADS, make_setup

W = cpu_worker(Node(NodeId("a"), 1), 0, 1)
NOTHING = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class Course:
    """A run of trials e-0, e-1 ... on one worker, of which a test decides everything. A segment
    takes 10 s."""

    def __init__(self, population: int = 3, stop_iterations: int = 100, iterations: str = "lineage") -> None:
        pbt = {"perturbation_interval": 10, "iterations": iterations}
        self.setup = make_setup(overheads=NO_OVERHEADS, population=population, stop_iterations=stop_iterations, pbt=pbt)
        self.events: list[Event] = []
        self.dispatcher = Dispatcher(State(), Fifo(), "fifo", self.setup.times, listeners=[self._listen])
        self.dispatcher.record(WorkerJoined(0.0, W))
        self.dispatcher.arrive(0.0, self.setup.workload.experiments[0], seed=0)

    def _listen(self, state: State, event: Event) -> None:
        self.events.append(event)

    @property
    def state(self) -> State:
        return self.dispatcher.state

    @property
    def ready(self) -> list[str]:
        return [trial.id for trial in self.state.ready]

    def train(self, name: str, copies: str | None = None, iterations: int = 10, score: float = 0.5) -> Trial:
        """A segment of the trial, at whose end it may copy another."""
        trial, now = TrialId(name), self.state.now
        self.dispatcher.record(SegmentStarted(now, trial, W.id, iterations, segment=self.state.started + 1))
        ended = SegmentEnded(now + 10.0, trial, W.id, iterations, score, NOTHING)
        return self.dispatcher.end_segment(ended, lambda _: (TrialId(copies), {}) if copies else None)

    def lose(self, name: str, iterations: int, score: float | None = 0.5) -> Trial:
        self.dispatcher.record(CheckpointLost(self.state.now, TrialId(name), iterations, score, "a test"))
        return self.state.trials[TrialId(name)]


def test_a_trial_counts_on_from_its_source_and_keeps_what_it_trained_itself() -> None:
    course = Course()
    for _ in range(4):
        course.train("e-0", score=0.8)
    up = course.train("e-1", copies="e-0")
    assert (up.iterations, up.trained, up.score, up.exploits) == (40, 10, 0.8, 1)
    assert course.ready == ["e-2", "e-0", "e-1"]
    course.train("e-2", score=0.9)
    down = course.train("e-1", copies="e-2")
    assert (down.iterations, down.trained, down.score) == (10, 20, 0.9)
    assert course.ready == ["e-1", "e-2", "e-0"]
    assert course.state.lead == {"e": 40}
    back = course.train("e-0", copies="e-2")
    assert (back.iterations, back.trained) == (10, 50)
    assert course.state.lead == {"e": 10}, "e-0 was at 50, and nobody is any more"


def test_the_count_of_its_own_stays_by_default() -> None:
    course = Course(iterations="own")
    for _ in range(4):
        course.train("e-0", score=0.8)
    copy = course.train("e-1", copies="e-0")
    assert (copy.iterations, copy.trained, copy.taken_over) == (10, 10, 0)


@pytest.mark.parametrize(("iterations", "completes"), [("lineage", True), ("own", False)])
def test_who_copies_a_trial_at_its_end_is_at_its_end(iterations: str, completes: bool) -> None:
    course = Course(stop_iterations=20, iterations=iterations)
    course.train("e-0")
    assert course.train("e-0").completed is not None
    assert (course.train("e-1", copies="e-0").completed is not None) == completes
    assert (course.events[-1] == TrialCompleted(30.0, TrialId("e-1"), "20 iterations")) == completes


def test_the_log_adds_up_and_is_checked() -> None:
    course = Course(stop_iterations=30)
    course.train("e-0")
    course.train("e-0")
    course.train("e-1", copies="e-0")
    course.lose("e-1", 10)  # its source's state before
    course.train("e-1")
    assert check_log(course.events).snapshot() == course.state.snapshot() == state_of(course.events).snapshot()
    with pytest.raises(AssertionError, match="starts 20 iterations, 10 remain"):
        check_log([*course.events, SegmentStarted(60.0, TrialId("e-1"), W.id, 20, segment=course.state.started + 1)])
    with pytest.raises(AssertionError, match="falls back to 21 iterations, of 20"):
        check_log([*course.events, CheckpointLost(60.0, TrialId("e-1"), 21, 0.5, "a test")])


def test_what_is_lost_is_what_was_trained_since_the_copy() -> None:
    course = Course()
    for _ in range(3):
        course.train("e-0")
    course.train("e-1", copies="e-0")
    course.train("e-1")
    assert (course.state.trials[TrialId("e-1")].iterations, course.state.trials[TrialId("e-1")].trained) == (40, 20)
    kept = course.lose("e-1", 30)
    assert (kept.iterations, kept.trained) == (30, 10), "the segment since the copy is lost"
    older = course.lose("e-1", 10)
    assert (older.iterations, older.trained) == (10, 10), "what it had before it copied: nothing more is lost"
    course.train("e-1")
    gone = course.lose("e-1", 0, None)
    assert (gone.iterations, gone.trained) == (0, 10), "what PBT threw away was trained all the same"


def test_a_state_from_before_a_copy_may_count_more() -> None:
    course = Course()
    course.train("e-0")
    for _ in range(3):
        course.train("e-1")
    course.train("e-1", copies="e-0")
    assert (course.train("e-1").iterations, course.state.trials[TrialId("e-1")].trained) == (20, 50)
    before = course.lose("e-1", 40)
    assert (before.iterations, before.trained) == (40, 40)
    course.train("e-1")
    assert course.lose("e-1", 40).trained == 40
    assert course.state.lead == {"e": 40}


def test_figures_count_what_was_trained() -> None:
    """Two trials on a worker that takes 4 s an iteration by the profile."""
    course = Course(population=2, stop_iterations=50)
    for _ in range(3):
        course.train("e-0")
    course.train("e-1", copies="e-0")
    course.train("e-1")
    course.lose("e-1", 30)
    for name in ("e-1", "e-1", "e-0", "e-0"):
        course.train(name)
    found = measure(course.events, course.setup)
    assert found.iterations == 50 + 10 + 20
    assert found.wasted_s == 10.0
    assert (found.makespan_s, found.completed) == (90.0, 2)
    assert found.workers_bound_s == 4.0 * 80
    # e-1 is 1, 2, 3 intervals behind from 10 to 40 s, when it copies; they are level up to 60 s, then e-0 is 1, 2
    # and 1 behind. e-1 is complete at 70 s, e-0 at 90 s.
    assert found.staleness == pytest.approx(10 * (1 + 2 + 3 + 1 + 2 + 1) / (70 + 90))


def test_a_trial_that_is_taken_back_for_ever_ends_the_run() -> None:
    course = Course(population=2)
    course.train("e-1")
    course.train("e-0")
    for _ in range(FRUITLESS_LOSSES - 1):
        course.train("e-0", copies="e-1")
    with pytest.raises(HetschedError, match=r"e-0 copied trials with fewer iterations 1000 times .* beyond 20"):
        course.train("e-0", copies="e-1")


steps = st.lists(
    st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 2)), st.integers(1, 10), st.integers(0, 3)),
    max_size=40,
)


@given(steps, st.sampled_from(["own", "lineage"]))
def test_whatever_is_copied_and_lost_the_sums_agree(
    course_of: list[tuple[int, int | None, int, int]], iterations: str
) -> None:
    """What a trial trained is what its segments came to, less what was lost; the lead is the most
    advanced count."""
    course = Course(stop_iterations=40, iterations=iterations)
    done: dict[Any, int] = dict.fromkeys(course.state.trials, 0)
    for index, source, length, losses in course_of:
        name = TrialId(f"e-{index}")
        trial = course.state.trials[name]
        if trial.completed is not None:
            continue
        length = min(length, 40 - trial.iterations)
        course.train(name, None if source in (None, index) else f"e-{source}", length)
        done[name] += length
        trial = course.state.trials[name]
        if not losses and trial.completed is None:
            since = trial.iterations - trial.base
            course.lose(name, trial.base + since // 2)
            done[name] -= since - since // 2
        trials = course.state.trials.values()
        assert {trial.id: trial.trained for trial in trials} == done
        assert course.state.lead[ExperimentId("e")] == max(trial.iterations for trial in trials)
        ready = [(trial.iterations, trial.index) for trial in course.state.ready]
        assert ready == sorted(ready)
    assert check_log(course.events).snapshot() == course.state.snapshot()
    assert measure(course.events, course.setup).iterations == sum(done.values())
