"""The rules for every allocation policy."""

from collections.abc import Callable, Iterable
from functools import cached_property, partial

from hetsched import allocation
from hetsched.allocation.fits import check_allocation, no_workers
from hetsched.allocation.policy import AllocationPolicy
from hetsched.domain.cluster import ClusterSpec, Worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload
from hetsched.errors import RAISED, InputError, PolicyError, where
from hetsched.testing.course import LIMIT_S
from hetsched.testing.limit import time_limit
from hetsched.testing.situations import SAME_NAMES, Names, Situation
from hetsched.testing.verdict import EXAMPLES, Check, Verdict, named, raise_first, verdicts

MakePolicy = Callable[[], AllocationPolicy]


class Answer:
    """A policy's answer for a situation's nodes: `workers`, a refusal (InputError, PolicyError), or
    an error."""

    def __init__(self, policy: AllocationPolicy, situation: Situation) -> None:
        self.workers: list[Worker] | None = None
        self.refused: str | None = None
        self.raised: str | None = None
        cluster, workload, times = (
            ClusterSpec(situation.nodes),
            Workload(situation.experiments),
            situation.profile(),
        )
        before = _as_text(cluster, workload, times)
        try:
            with time_limit(LIMIT_S):
                returned = policy.workers(cluster, workload, times)
                if not isinstance(returned, Iterable):
                    raise TypeError(no_workers(returned))
                self.workers = list(returned)
        except (InputError, PolicyError) as error:
            self.refused = str(error)
        except RAISED as error:
            self.raised = f"it raised {type(error).__name__}{where(error)}: {error}"
        self.changed = _as_text(cluster, workload, times) != before

    def __str__(self) -> str:
        if self.workers is None:
            return self.raised or f"it refused: {self.refused}"
        return f"it made {', '.join(f'{w.id} ({w.type}, {w.cores} cores) on {w.node}' for w in self.workers)}"


def _as_text(cluster: ClusterSpec, workload: Workload, times: StepTimes) -> str:
    return repr((cluster, workload, times.rows, times.extrapolate))


class AllocationExample:
    """A policy in a situation: asked once, again, and under other names, as far as a check asks for
    it."""

    def __init__(self, make: MakePolicy, policy: str, situation: Situation) -> None:
        self.policy = policy
        self.situation = situation
        self._make = make

    @cached_property
    def first(self) -> Answer:
        return Answer(self._make(), self.situation)

    @cached_property
    def again(self) -> tuple[Answer, Answer]:
        """A second policy, asked twice."""
        policy = self._make()
        return Answer(policy, self.situation), Answer(policy, self.situation)

    @cached_property
    def renamed(self) -> tuple[Answer, Names]:
        situation, names = self.situation.renamed()
        return Answer(self._make(), situation), names


# The checks. Each returns what happened instead of what CHECKS expects, or None.


def capacity(example: AllocationExample) -> str | None:
    """Workers are distinct slices of their nodes, and there is at least one."""
    if example.first.workers is None:
        return None
    try:
        check_allocation(example.policy, ClusterSpec(example.situation.nodes), example.first.workers)
    except PolicyError as error:
        return str(error)
    return None


def answers(example: AllocationExample) -> str | None:
    """A policy that cannot use a cluster says so."""
    if example.first.refused is not None and not example.first.refused.strip():
        return "it refused the cluster without a word"
    return example.first.raised


def inputs(example: AllocationExample) -> str | None:
    """The policy only reads cluster, workload and profile."""
    return "it changed the cluster, the workload or the profile" if example.first.changed else None


def same_result(example: AllocationExample) -> str | None:
    """An earlier call does not change a later one."""
    for other in example.again:
        if (example.first.workers, example.first.refused) != (other.workers, other.refused):
            return f"{example.first}; asked again, {other}"
    return None


def renaming(example: AllocationExample) -> str | None:
    """A policy may name its workers freely."""
    answer, names = example.renamed
    if example.first.workers is None or answer.workers is None:
        same = example.first.workers is answer.workers
    else:
        here, there = map(SAME_NAMES.original_worker, example.first.workers), map(names.original_worker, answer.workers)
        same = list(here) == list(there)
    return None if same else f"{example.first}; with other names {answer}"


CHECKS: tuple[Check[AllocationExample], ...] = (
    Check("capacity", "different workers that fit their nodes together, at least one of them", capacity),
    Check("answers", "workers, or an InputError or PolicyError that says what the cluster lacks", answers),
    Check("inputs", "what a policy is shown is the same after a call as before it", inputs),
    Check("same result", "the same workers, in the same order, whenever it is asked", same_result),
    Check("renaming", "other names for nodes, experiments and GPU types change nothing but names", renaming),
)


def allocation_verdicts(policy: str | MakePolicy, examples: int = EXAMPLES) -> list[Verdict]:
    """The verdict of every check of an allocation policy: its registered name, or a function that
    makes a new one.

    Raises InputError for a name that is not registered, and PolicyError if the policy cannot be
    made.
    """
    name, make = named(policy, allocation.policies)
    return verdicts(name, CHECKS, partial(AllocationExample, make, name), examples)


def check_allocation_policy(policy: str | MakePolicy, examples: int = EXAMPLES) -> None:
    """Put an allocation policy (its registered name, or a function that makes a new one) through
    every check.

    Raises ConformanceError, with the smallest example found, for the first that it fails.
    """
    raise_first(allocation_verdicts(policy, examples))
