"""Going on with a run whose driver died or stopped. The log alone says where everything was.

A log has one part per driver that carried the run out. Every part except the first begins with
`RunResumed`.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hetsched.core.asked_again import UNTOLD, AskedAgain, parts_by_driver, policy_calls, tells_when_asked
from hetsched.core.decisions import SchedulingPolicy
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    COMPLETED,
    FAILED,
    LOG_VERSION,
    AnyEvent,
    CheckpointLost,
    Event,
    ExperimentArrived,
    ResourcesSampled,
    RunEnded,
    RunResumed,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import read_log
from hetsched.core.log_check import check_log
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import Worker
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError, Terminated
from hetsched.scenario.scenario import Setup
from hetsched.studies.beginning import set_up

logger = logging.getLogger(__name__)

DIED = "the driver died"
DECIDED_BEFORE = "decided before, and not written down: "
"""The beginning of the reason with which a trial is completed that an earlier driver's policy
stopped."""


def failed(error: BaseException) -> str:
    """The reason with which a run ends that failed with this error, or that Ctrl-C or SIGTERM
    stopped."""
    if isinstance(error, KeyboardInterrupt):
        return "terminated" if isinstance(error, Terminated) else "interrupted"
    return f"{FAILED}{type(error).__name__}: {error}"


def take_log(path: Path, strategy: Strategy, seed: int, experiment: Experiment) -> list[AnyEvent]:
    """The events in the log of a run that is to go on. Empty: there is no log, or the run had not
    begun.

    A half-written line at the end is cut off. The log of a run that had not begun is emptied. Both
    give a warning. Only the process that goes on with the run may call this function. Raises
    InputError, with the path, for a log that `check_resumable` refuses or that was altered. Such a
    log stays as it is.
    """
    if not path.exists():
        return []
    events = list(read_log(path))
    begun = _has_begun(events)
    if begun:
        try:
            check_log(events)
        except AssertionError as error:
            raise InputError(f"{path}: its events do not follow from each other ({error}): was it altered?") from error
    check_resumable(path, events, strategy, seed, experiment)
    if not begun:
        if ended := next((event.reason for event in reversed(events) if isinstance(event, RunEnded)), None):
            logger.warning("%s: this run had not begun (%s); started over", path, ended)
        path.write_bytes(b"")
        return []
    _drop_half_line(path)
    return events


def _drop_half_line(path: Path) -> None:
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            logger.warning("%s: the last line was cut off after %d bytes; dropped", path, len(content) - whole)
            file.truncate(whole)


def _has_begun(events: Iterable[Event]) -> bool:
    """Whether the log has the whole population, or a segment. The population is written at once, but
    the log may have been cut off."""
    expected = added = 0
    for event in events:
        if isinstance(event, SegmentStarted):
            return True
        expected += event.experiment.population if isinstance(event, ExperimentArrived) else 0
        added += isinstance(event, TrialAdded)
    return expected > 0 and added == expected


def check_resumable(
    path: Path, events: Iterable[AnyEvent], strategy: Strategy, seed: int, experiment: Experiment
) -> None:
    """Raise InputError, with the path, if the log is of another strategy, seed or experiment, or if
    its run is complete."""
    for event in events:
        if isinstance(event, RunStarted) and (event.strategy, event.seed) != (str(strategy), seed):
            raise InputError(
                f"{path}: is the log of {event.strategy} with seed {event.seed}, not of {strategy} with seed {seed}; "
                "go on with a run in its own folder"
            )
        if isinstance(event, ExperimentArrived) and event.experiment != experiment:
            raise InputError(
                f"{path}: its experiment {event.experiment.id!r} is not that of scenario.toml beside it: a run goes "
                "on with the scenario that it was started with; put that back"
            )
        if isinstance(event, RunEnded) and event.reason == COMPLETED:
            raise InputError(f"{path}: this run is complete; start another in a new folder")


def take_up(
    dispatcher: Dispatcher, workers: Iterable[Worker], forgot: str | None, stops: Iterable[TrialCompleted] = ()
) -> None:
    """Record that this process goes on with the run: running segments are lost, and all workers
    join anew.

    The dispatcher already knows what happened before. The log may end just before the
    `trial-completed` event of a trial's last segment. In that case this function adds the event. It
    also adds one for each of `stops`: trials that the policy has stopped, and will not stop again.
    """
    state = dispatcher.state
    now, reason = state.now, DIED if state.ended is None else f"the run stopped: {state.ended}"
    dispatcher.record(RunResumed(now, reason, forgot, log_version=LOG_VERSION))
    for segment in list(state.running.values()):
        dispatcher.record(SegmentLost(now, segment.trial, segment.worker, reason, segment.segment))
    for worker in list(state.workers):
        dispatcher.record(WorkerLeft(now, worker, reason))
    for trial in list(state.ready):
        if (met := state.stop_reason(trial)) is not None:
            dispatcher.record(TrialCompleted(now, trial.id, met))
    for stop in stops:
        if state.trials[stop.trial].completed is None:
            dispatcher.record(TrialCompleted(now, stop.trial, f"{DECIDED_BEFORE}{stop.reason}"))
    for joining in workers:
        dispatcher.record(WorkerJoined(now, joining))
    dispatcher.commit()


def workers_of(events: Iterable[Event]) -> list[Worker]:
    """The workers of the run, in the order in which they first joined."""
    return list({event.worker.id: event.worker for event in events if isinstance(event, WorkerJoined)}.values())


# What PBT received.


class Report(NamedTuple):
    """What PBT received at the end of a segment: the trial at that time, and the exploit that
    followed. `last`: the log ends here, so an exploit may be missing."""

    trial: Trial
    exploit: TrialExploited | None
    last: bool


def pbt_course(events: Sequence[AnyEvent]) -> Iterator[Report | TrialCompleted | CheckpointLost]:
    """Everything that PBT received in a run, in order."""
    state = State()
    exploits = _exploits(events)
    left_by_death = RunEnded | RunResumed | SegmentLost | WorkerLeft | WorkerJoined
    aside = left_by_death | ResourcesSampled
    last = max((number for number, event in enumerate(events) if not isinstance(event, aside)), default=-1)
    for number, event in enumerate(events):
        state.apply(event)
        if isinstance(event, TrialCompleted | CheckpointLost):
            yield event
        elif isinstance(event, SegmentEnded) and state.stop_reason(state.trials[event.trial]) is None:
            yield Report(state.trials[event.trial], exploits.get(number), number == last)


def _exploits(events: Iterable[Event]) -> dict[int, TrialExploited]:
    """Every exploit, by the number of the event that ended the trial's segment before it."""
    ends: dict[str, int] = {}
    found = {}
    for number, event in enumerate(events):
        if isinstance(event, SegmentEnded):
            ends[event.trial] = number
        elif isinstance(event, TrialExploited):
            found[ends[event.trial]] = event
    return found


# What a policy remembers.


class Remembered(NamedTuple):
    """A policy that has seen the run so far, or a new one without memory.

    - `forgot`: why the policy has no memory. None: it has.
    - `decisions`, `decision_s`: the number of calls, and the seconds that the calls and `setup`
      took
    - `stops`: trials that the policy has stopped although the log lacks the stop
    """

    policy: SchedulingPolicy
    forgot: str | None
    decisions: int
    decision_s: float
    stops: tuple[TrialCompleted, ...] = ()


def remember(setup: Setup, strategy: Strategy, seed: int, events: Sequence[AnyEvent]) -> Remembered:
    """The policy as it was at the end of the log. It is asked again wherever the run asked it.

    A policy may decide something that the log lacks. Then it was changed, or its decisions do not
    follow from what it sees. In that case the result is a new policy without memory, with a
    warning. The same holds if the log is too old to say when the policy was asked.
    """
    begin = max((n for n, e in enumerate(events) if isinstance(e, RunResumed) and e.forgot is not None), default=0)
    (policy, decision_s), decisions = _set_up(setup, strategy, seed), 0
    untold: list[Event] = []
    for first, end in pairwise(parts_by_driver(events, begin)):
        again, part = AskedAgain(policy, strategy.scheduling, setup.times, events[:first]), events[first:end]
        differences = (again.difference(call) for call in policy_calls(part, first))
        forgot = next(filter(None, differences), None) if tells_when_asked(part) else UNTOLD
        untold = again.untold
        decisions, decision_s = decisions + again.dispatcher.decisions, decision_s + again.dispatcher.decision_s
        if forgot is not None:
            logger.warning("%s; it goes on from here without memory of the run so far", forgot)
            fresh, set_up_s = _set_up(setup, strategy, seed)
            return Remembered(fresh, forgot, decisions, decision_s + set_up_s)
    stops = tuple(event for event in untold if isinstance(event, TrialCompleted))
    return Remembered(policy, None, decisions, decision_s, stops)


def _set_up(setup: Setup, strategy: Strategy, seed: int) -> tuple[SchedulingPolicy, float]:
    """A policy after its `setup` for the run, and the seconds that `setup` took."""
    policy = setup.scenario.scheduling_policy(strategy)
    dispatcher = Dispatcher(State(), policy, strategy.scheduling, setup.times)
    set_up(dispatcher, setup, strategy, seed)
    return policy, dispatcher.decision_s
