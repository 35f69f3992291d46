"""Puts a scheduling policy through a situation and writes down what it did, and what it did to its
inputs."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from hetsched.core.decisions import Decision, SchedulingPolicy, SetUp, no_decisions
from hetsched.core.events import Event
from hetsched.core.state import State
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload
from hetsched.errors import PolicyError
from hetsched.testing.driver import Driver, StalledError
from hetsched.testing.limit import time_limit
from hetsched.testing.situations import Situation

LIMIT_S = 10.0
"""Seconds of computing after which a call counts as endless."""

WATCHED_CALLS, THEN_EVERY = 30, 10
"""The whole state is compared around the first calls of a course, then around every tenth call: a
comparison is slow."""

MakePolicy = Callable[[], SchedulingPolicy]


class Call(NamedTuple):
    """The policy was asked at `time` (seconds) and answered."""

    time: float
    decisions: tuple[object, ...]


class Course(NamedTuple):
    """The course of a run.

    `refused`, `raised` and `stalled` say why it did not end as it should. `changed` says which
    input the policy changed.
    """

    events: list[Event]
    state: State
    calls: list[Call]
    refused: str | None
    raised: str | None
    stalled: str | None
    changed: str | None
    ended: bool


def drive(make: MakePolicy, name: str, situation: Situation) -> Course:
    """Put a new policy through a situation."""
    watched = Watched(Limited(make()))
    driver = Driver(watched, name, situation)
    cluster, workload = ClusterSpec(situation.nodes), Workload(situation.experiments)
    shown = msgspec.json.encode((cluster, workload))
    refused = raised = stalled = None
    ended = False
    try:
        driver.begin(cluster, workload)
        while driver.step():
            pass
        ended = True
    except StalledError as error:
        stalled = str(error)
    except PolicyError as error:
        if error.__cause__ is not None:
            raised = str(error)
        else:
            refused = str(error)
    except Exception:
        if watched.changed is None:
            raise
        # A change by the policy broke the state. That fails this check, and ends this run.
    changed = watched.changed
    if changed is None and msgspec.json.encode((cluster, workload)) != shown:
        changed = "it changed the cluster or the workload that it was set up with"
    if changed is None and not _same_times(driver.profile, situation):
        changed = "it changed the profile"
    return Course(driver.events, driver.state, watched.calls, refused, raised, stalled, changed, ended)


def _same_times(times: StepTimes, situation: Situation) -> bool:
    untouched = situation.profile()
    return times.rows == untouched.rows and all(
        times.seconds_per_iteration(kind, worker.type) == untouched.seconds_per_iteration(kind, worker.type)
        and times.costs(kind, worker.type) == untouched.costs(kind, worker.type)
        for experiment in situation.experiments
        for kind in experiment.kinds
        for worker in situation.workers
    )


class Limited:
    """The policy under test, each call of which must come back within LIMIT_S."""

    def __init__(self, policy: SchedulingPolicy) -> None:
        self._policy = policy

    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None:
        if isinstance(self._policy, SetUp):
            with time_limit(LIMIT_S):
                self._policy.setup(cluster, workload, times, rng)

    def dispatch(self, view: StateView) -> Iterator[Decision]:
        with time_limit(LIMIT_S):
            decisions = self._policy.dispatch(view)
            if not isinstance(decisions, Iterable):
                raise TypeError(no_decisions(decisions))
            yield from decisions


class Watched:
    """A policy. The whole state is compared before and after its calls."""

    def __init__(self, policy: Limited) -> None:
        self.calls: list[Call] = []
        self.changed: str | None = None
        self._policy = policy

    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None:
        self._policy.setup(cluster, workload, times, rng)

    def dispatch(self, view: StateView) -> Iterator[Decision]:
        call = len(self.calls)
        watched = call < WATCHED_CALLS or call % THEN_EVERY == 0
        now, attributes, before = view.now, dict(vars(view)), _as_text(view) if watched else {}
        decisions: list[Decision] = []
        try:
            for decision in self._policy.dispatch(view):
                decisions.append(decision)
                yield decision
        finally:  # also when the dispatcher has heard enough
            self.calls.append(Call(now, tuple(decisions)))
            replaced = [name for name, value in attributes.items() if vars(view).get(name) is not value]
            after = _as_text(view) if watched and not replaced else {}
            different = [name for name, text in after.items() if before.get(name) != text]
            if replaced and self.changed is None:
                self.changed = f"the call at {now:g} s replaced {replaced[0]!r} of the view"
            elif different and self.changed is None:
                name = different[0]
                self.changed = f"the call at {now:g} s changed {name!r} from {before.get(name)} to {after[name]}"


def _as_text(view: StateView) -> dict[str, str]:
    """The whole state, with the order of everything: one entry per attribute."""
    return {name: repr(value) for name, value in vars(view._state).items()}
