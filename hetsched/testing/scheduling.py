"""The rules for every scheduling policy."""

from functools import cached_property, partial
from itertools import zip_longest
from statistics import median

from hetsched import scheduling
from hetsched.core.events import SegmentStarted, TrialCompleted
from hetsched.core.log_check import check_log
from hetsched.domain.cluster import CPU, ClusterSpec
from hetsched.domain.workload import Workload
from hetsched.errors import PolicyError
from hetsched.testing.course import Call, Course, Limited, MakePolicy, drive
from hetsched.testing.driver import REMOVED, Driver, StalledError
from hetsched.testing.situations import SAME_NAMES, Names, Situation, cut, make_experiment, make_node
from hetsched.testing.verdict import (
    EXAMPLES,
    Check,
    ConformanceError,
    DecisionTime,
    Verdict,
    named,
    raise_first,
    verdicts,
)


class SchedulingExample:
    """A policy in a situation: driven once, again, and under other names, as far as a check asks
    for it."""

    def __init__(self, make: MakePolicy, policy: str, situation: Situation) -> None:
        self.situation = situation
        self._drive = partial(drive, make, policy)

    @cached_property
    def first(self) -> Course:
        return self._drive(self.situation)

    @cached_property
    def again(self) -> Course:
        return self._drive(self.situation)

    @cached_property
    def renamed(self) -> tuple[Course, Names]:
        situation, names = self.situation.renamed()
        return self._drive(situation), names


# The checks. Each returns what happened instead of what CHECKS expects, or None.


def capacity(example: SchedulingExample) -> str | None:
    """A decision that the dispatcher refuses is a failure of the policy. The log is checked once
    more."""
    course = example.first
    if course.refused is not None:
        return course.refused
    try:
        check_log(course.events)
    except AssertionError as error:
        return str(error)
    devices = {worker.id: worker.device for worker in example.situation.workers}
    for event in course.events:
        if isinstance(event, SegmentStarted):
            experiment = course.state.experiments[course.state.trials[event.trial].experiment]
            put = f"at {event.time:g} s {event.trial} was put on {event.worker}"
            if not experiment.may_use(devices[event.worker]):
                return f"{put}, which it cannot use"
            if event.iterations > experiment.longest_segment:
                return f"{put} for {event.iterations} iterations"
    return None


def work(example: SchedulingExample) -> str | None:
    """Every trial is completed: it is trained, or the policy has a reason, or somebody else has
    removed it. `capacity` checks the sums."""
    course = example.first
    completed = {event.trial: event for event in course.events if isinstance(event, TrialCompleted)}
    for identifier, trial in course.state.trials.items():
        experiment = course.state.experiments[trial.experiment]
        stop, target = experiment.stop_iterations, experiment.stop_score
        trained, end = f"{identifier} trained {trial.iterations} of {stop} iterations", completed.get(identifier)
        if end is None:
            if course.ended:
                return f"{trained} and was lost: it was never completed"
        elif end.is_by_policy:
            if not end.reason.partition(": ")[2].strip():
                return f"{trained} and was stopped without a reason"
        elif (
            trial.iterations != stop
            and end.reason != REMOVED
            and (target is None or end.reason != experiment.metric.rule(target))
        ):
            return f"{trained} and was then completed"
    return None


def inputs(example: SchedulingExample) -> str | None:
    """The policy only reads state, cluster, workload and profile."""
    return example.first.changed


def ends(example: SchedulingExample) -> str | None:
    """The policy neither raises, nor leaves all workers idle, nor is woken for nothing again and
    again."""
    return example.first.raised or example.first.stalled


def same_seed(example: SchedulingExample) -> str | None:
    """Two fresh policies that see the same views take the same decisions."""
    return _difference(example.first, example.again, SAME_NAMES, "the second time")


def renaming(example: SchedulingExample) -> str | None:
    """Decisions do not depend on names. So they do not depend on how Python hashes a name."""
    if same_seed(example) is not None:
        return None  # what does not repeat itself says nothing of names
    return _difference(example.first, *example.renamed, "with other names (here translated back)")


CHECKS: tuple[Check[SchedulingExample], ...] = (
    Check(
        "capacity",
        "a worker and a trial in one segment at a time, on a device that the trial may use, of an allowed length",
        capacity,
    ),
    Check("work", "every trial trains up to its stop rule, or is stopped by the policy with a reason", work),
    Check("inputs", "what a policy is shown is the same after a call as before it", inputs),
    Check("always ends", "the run comes to its end", ends),
    Check("same seed", "a second fresh policy that is shown the same takes the same decisions, one by one", same_seed),
    Check("renaming", "other names for nodes, workers, experiments and GPU types change no decision", renaming),
)


def _difference(first: Course, second: Course, names: Names, when: str) -> str | None:
    """The first call that the second run, with other names, answered differently."""
    for call, other in zip_longest(_plain(first, SAME_NAMES), _plain(second, names)):
        if call != other:
            return f"{_words(call)}; {when}, {_words(other)}"
    return None


def _plain(course: Course, names: Names) -> list[Call]:
    return [Call(call.time, tuple(map(names.original, call.decisions))) for call in course.calls]


def _words(call: Call | None) -> str:
    if call is None:
        return "it was asked no more"
    decisions = ", ".join(map(str, call.decisions))
    return f"asked at {call.time:g} s it decided {decisions or 'nothing'}"


# How long a decision takes.

DECISION_TIME = "decision time"

LIMIT_MS = 1000.0
"""A generous limit: it finds policies that do not scale."""

BELOW = f"a median below {LIMIT_MS:,.0f} ms a decision"

LARGE = "1,000 trials and 100 workers of 3 types"

TIMED = f"{BELOW}, at {LARGE}"
"""What is expected of the time of a decision."""

ENOUGH_CALLS = 20
ENOUGH_MS = 2000.0
"""`ENOUGH_CALLS` calls are timed. Fewer are enough, but at least three, if they take this many
milliseconds together."""


def decision_time(make: MakePolicy, policy: str) -> Verdict:
    """The median time of a decision at 1,000 trials and 100 workers, of which one has just become
    idle.

    The longest call is mostly the very first one, for 100 idle workers. The median leaves it out.
    """
    situation = large_situation()
    driver = Driver(Limited(make()), policy, situation)
    failure = partial(
        ConformanceError,
        policy,
        DECISION_TIME,
        BELOW,
        smallest=LARGE,
    )
    spent: list[float] = []
    try:
        driver.begin(ClusterSpec(situation.nodes), Workload(situation.experiments))
        first = _call_ms(driver)
        while len(spent) < ENOUGH_CALLS and (len(spent) < 3 or sum(spent) < ENOUGH_MS):
            milliseconds = _call_ms(driver)
            if milliseconds is None:
                break
            spent.append(milliseconds)
    except (PolicyError, StalledError) as error:
        return Verdict(DECISION_TIME, failure(happened=str(error)))
    assert first is not None, "there is a first call: trials and workers are there"
    measured = DecisionTime(median(spent or [first]), max([first, *spent]))
    return Verdict(DECISION_TIME, failure(happened=str(measured)) if measured.median_ms > LIMIT_MS else None, measured)


def _call_ms(driver: Driver) -> float | None:
    """Milliseconds in the next call of the policy, None if the run ends without one."""
    calls, seconds = driver.dispatcher.decisions, driver.dispatcher.decision_s
    while driver.dispatcher.decisions == calls:
        if not driver.step():
            return None
    return 1000 * (driver.dispatcher.decision_s - seconds)


def large_situation() -> Situation:
    """1,000 trials and 100 workers of three types, with every step time profiled and no two
    segments alike."""
    nodes = [make_node(place, 1, 1, ("k80", "v100")[place % 2]) for place in range(50)]
    return Situation(
        tuple(nodes),
        tuple(worker for node in nodes for worker in cut(node)),
        (make_experiment(population=1000, stop_iterations=100),),
        {CPU: 4.0, "k80": 1.0, "v100": 0.25},
        noise=True,
    )


# All of it.


def scheduling_verdicts(policy: str | MakePolicy, examples: int = EXAMPLES) -> list[Verdict]:
    """The verdict of every check of a scheduling policy: its registered name, or a function that
    makes a new one.

    Raises InputError for a name that is not registered, and PolicyError if the policy cannot be
    made.
    """
    name, make = named(policy, scheduling.policies)
    checked = verdicts(name, CHECKS, partial(SchedulingExample, make, name), examples)
    sound = not any(verdict.failure for verdict in checked)  # else it may not last long enough to be timed
    return [*checked, decision_time(make, name) if sound else Verdict(DECISION_TIME, made=False)]


def check_scheduling_policy(policy: str | MakePolicy, examples: int = EXAMPLES) -> None:
    """Put a scheduling policy (its registered name, or a function that makes a new one) through
    every check.

    Raises ConformanceError, with the smallest example found, for the first that it fails.
    """
    raise_first(scheduling_verdicts(policy, examples))
