"""Which workers an allocation policy chose, and why, where it had a choice."""

from collections import Counter
from collections.abc import Iterable

from hetsched.domain.registry import Strategy
from hetsched.errors import RAISED, counted
from hetsched.scenario.scenario import Setup

REASON = "reason"
"""The method by which an allocation policy says why: with the arguments of `workers`, it returns a
text."""


def chosen_workers(setup: Setup, strategies: Iterable[Strategy | str]) -> list[str]:
    """A line for each allocation policy that chooses among options: its workers, and why.

    Policies without a method `reason` follow a fixed rule, and have no line. A policy that is not
    known here, or that fails, has none either.
    """
    parsed = (Strategy(*str(strategy).split("+", 1)) for strategy in strategies)
    lines = {}
    for strategy in parsed:
        if strategy.allocation not in lines:
            lines[strategy.allocation] = _line(setup, strategy)
    return [line for line in lines.values() if line]


def _line(setup: Setup, strategy: Strategy) -> str:
    try:
        policy = setup.scenario.allocation_policy(strategy)
        reason = getattr(policy, REASON, None)
        if not callable(reason):
            return ""
        workers = setup.workers(strategy)
        why = reason(setup.cluster, setup.workload, setup.times)
    except RAISED:  # a policy of one's own may have a `reason` that means something else
        return ""
    if not isinstance(why, str):
        return ""
    kinds = Counter(str(worker.type) for worker in workers)
    made = ", ".join(f"{counted(number, 'worker')} of {kind}" for kind, number in kinds.items())
    return f"{strategy.allocation}: {made} ({why})"
