"""The result of a check, and the search for the smallest situation in which one fails."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import process_time
from typing import Generic, NamedTuple, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Flaky

from hetsched.domain.registry import Registry
from hetsched.testing.check_error import CheckError
from hetsched.testing.generation import situations
from hetsched.testing.situations import CORNER_CASES, Situation

E = TypeVar("E")
P = TypeVar("P")

EXAMPLES = 30
"""How many generated situations a policy meets unless its author asks for more."""

SHRINK_S = 10.0
"""The most seconds of computing for finding a smaller example of a failure."""


class ConformanceError(CheckError):
    """A policy fails a check. `example` is the smallest situation found in which it does, in
    words."""

    KIND, CASE = "policy", "example"

    @property
    def policy(self) -> str:
        return self.subject

    @property
    def example(self) -> str:
        return self.smallest


class Check(NamedTuple, Generic[E]):
    """A check. `happened` returns what happened in a run instead of what is expected, or None."""

    name: str
    expected: str
    happened: Callable[[E], str | None]


class DecisionTime(NamedTuple):
    """Milliseconds of a policy's calls. Policies that work in rounds do most of their work in a few
    of them."""

    median_ms: float
    longest_ms: float

    def __str__(self) -> str:
        return f"median {_figure(self.median_ms)} ms, longest {_figure(self.longest_ms)} ms"


def _figure(value: float) -> str:
    """Three digits, or all before the point.

    >>> _figure(0.01234), _figure(1234.5)
    ('0.0123', '1,234')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Verdict(NamedTuple):
    """The result of one check of one policy: a failure or none, and what it measured, if it
    measures anything.

    It was not `made` if it makes no sense for a policy that fails other checks.
    """

    check: str
    failure: ConformanceError | None = None
    measured: DecisionTime | None = None
    made: bool = True

    @property
    def result(self) -> str:
        if not self.made:
            return "not made"
        return "pass" if self.failure is None else "fail"

    def document(self) -> dict[str, object]:
        """The verdict as plain data."""
        document: dict[str, object] = {"result": self.result}
        if self.measured is not None:
            document |= self.measured._asdict()
        if self.failure is not None:
            document |= self.failure.document()
        return document


def named(policy: str | Callable[[], P], registry: Registry[P]) -> tuple[str, Callable[[], P]]:
    """The name of a policy, and a function that makes it. The policy may be given as either."""
    if isinstance(policy, str):
        registry.create(policy)  # an error in its name or in making it is not one of conformance
        return policy, partial(registry.create, policy)
    made_by = policy.func if isinstance(policy, partial) else policy
    return getattr(made_by, "__name__", repr(made_by)), policy


def verdicts(policy: str, checks: Sequence[Check[E]], run: Callable[[Situation], E], examples: int) -> list[Verdict]:
    """The verdict of each check, in `examples` generated situations and all corner cases.

    A check that failed is not made again. If analysing a failure takes too long, the other checks
    are not made.
    """
    failures: dict[str, ConformanceError] = {}
    pending, gave_up = list(checks), False
    while pending and not gave_up:
        failure, gave_up = _in_generated(policy, pending, run, examples)
        failure = failure or _in_corner_cases(policy, pending, run)
        if failure is None:
            break
        failures[failure.check] = failure
        pending = [check for check in checks if check.name not in failures]
    return [
        Verdict(check.name, failures.get(check.name), made=check.name in failures or not gave_up) for check in checks
    ]


def raise_first(verdicts: Iterable[Verdict]) -> None:
    for verdict in verdicts:
        if verdict.failure is not None:
            raise verdict.failure


class _SearchedLongEnough(BaseException):
    """Ends the search for smaller examples. It is no Exception: Hypothesis would count that as
    another failure."""


class _Found(NamedTuple):
    """A failure in the smallest situation that was found, and whether the search was given up."""

    failure: ConformanceError | None
    gave_up: bool


def _in_generated(policy: str, checks: Sequence[Check[E]], run: Callable[[Situation], E], examples: int) -> _Found:
    """The failure that generated situations show."""
    gave_up = False
    last: ConformanceError | None = None
    since = 0.0

    # No database and no random seed: the same policy meets the same situations, and no folder is left behind.
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(situation=situations())
    def conforms(situation: Situation) -> None:
        nonlocal last, since
        if last is None:
            since = process_time()
        failure = _failure(policy, checks, run, situation, str(situation))
        if failure is not None:
            last = failure
        if last is not None and process_time() - since > SHRINK_S:
            raise _SearchedLongEnough
        if failure is not None:
            raise failure

    try:
        conforms()
    except ConformanceError:
        pass  # it is `last`: Hypothesis ends with the smallest example
    except _SearchedLongEnough:
        gave_up = True  # `last` is the smallest so far, as Hypothesis goes on from example to smaller example
    except Flaky:
        assert last is not None, "only a failure can fail to come again"
        last.happened += " (in one run; not when the run was repeated)"
    return _Found(last and last.with_traceback(None), gave_up)


def _in_corner_cases(policy: str, checks: Sequence[Check[E]], run: Callable[[Situation], E]) -> ConformanceError | None:
    for title, situation in CORNER_CASES.items():
        failure = _failure(policy, checks, run, situation, f"{situation}\n({title})")
        if failure is not None:
            return failure
    return None


def _failure(
    policy: str, checks: Sequence[Check[E]], run: Callable[[Situation], E], situation: Situation, words: str
) -> ConformanceError | None:
    example = run(situation)
    for check in checks:
        happened = check.happened(example)
        if happened is not None:
            return ConformanceError(policy, check.name, check.expected, happened, words)
    return None
