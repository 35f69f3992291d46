"""What the policies of strategies cannot do in a scenario: preempt where there is no checkpoint, stop
trials where there is no rung or no score, or act by some rule of their own."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from hetsched import scheduling
from hetsched.core.decisions import NamesIdleRules, StopsTrials
from hetsched.domain.cluster import ClusterSpec
from hetsched.domain.registry import Strategy
from hetsched.errors import RAISED, PolicyError, counted, where
from hetsched.scenario.scenario import Setup
from hetsched.studies.pairs import some

PREEMPTS = "preempts_at_checkpoints"
TAKES_TURNS = "takes_turns"


def policy_limits(setup: Setup, strategies: Iterable[Strategy]) -> dict[str, str]:
    """A warning for each strategy whose policy cannot do what it is for in some experiments."""
    found = {}
    for one in strategies:
        if lines := [*_no_checkpoints(setup, one), *_no_stops(setup, one), *_idle_rules(setup, one)]:
            found[str(one)] = "; ".join(lines)
    return found


def _no_checkpoints(setup: Setup, strategy: Strategy) -> Iterator[str]:
    """A line if the policy preempts at checkpoints although some of its jobs have none.

    The class attribute `preempts_at_checkpoints` of a policy says that it takes a worker from a
    trial only at the end of a usual segment. A trial without PBT and without a checkpoint interval
    is one segment. A policy preempts for a trial that arrives. If its class attribute `takes_turns`
    is true, the policy also preempts for a trial that waits from the start.
    """
    policy = scheduling.policies.factory(strategy.scheduling)
    experiments = setup.workload.experiments
    whole = [e.id for e in experiments if e.pbt is None and e.checkpoint_interval is None]
    if not (whole and getattr(policy, PREEMPTS, False)):
        return
    if not (setup.workload.arriving or (getattr(policy, TAKES_TURNS, False) and not all_run_at_once(setup, strategy))):
        return
    which = f"{counted(len(whole), 'job')} of {len(experiments)} (such as {whole[0]})"
    yield (
        f"{strategy.scheduling!r} takes a worker from a trial only at a checkpoint, and before the end there is none "
        f"for {which}: set checkpoint_steps in the trace, checkpoint_interval of the experiment, or "
        "workload.trace_models.checkpoint_s"
    )


def _no_stops(setup: Setup, strategy: Strategy) -> Iterator[str]:
    """Lines about the experiments in which the policy stops no trial, or does not know which ones are
    better. Nothing is said of an experiment of one trial."""
    if (policy := _policy_with(setup, strategy, StopsTrials)) is None:
        return
    used = {worker.node for worker in setup.workers(strategy)}
    cluster = ClusterSpec(tuple(node for node in setup.cluster if node.id in used))
    none, unseen = defaultdict[str, list[str]](list), []
    for experiment in setup.workload.experiments:
        if experiment.population == 1:
            continue
        why = _asked(strategy, StopsTrials.never_stops, partial(policy.never_stops, experiment, cluster))
        if why is not None:
            none[why].append(experiment.id)
        elif not experiment.evaluation_images:
            unseen.append(experiment.id)
    for why, names in none.items():
        yield f"{strategy.scheduling!r} stops no trial of {some(names)} by its score, as {why}"
    if unseen:
        yield f"{strategy.scheduling!r} stops trials of {some(unseen)} by their order, as nobody evaluates them"


def _idle_rules(setup: Setup, strategy: Strategy) -> Iterator[str]:
    """Lines about the experiments in which a rule of the policy does nothing."""
    if (policy := _policy_with(setup, strategy, NamesIdleRules)) is None:
        return
    idle = defaultdict[str, list[str]](list)
    for experiment in setup.workload.experiments:
        rule = _asked(strategy, NamesIdleRules.idle_rule, partial(policy.idle_rule, experiment))
        if rule is not None:
            idle[rule].append(experiment.id)
    for rule, names in idle.items():
        yield f"{strategy.scheduling!r} in {some(names)}: {rule}"


def _policy_with(setup: Setup, strategy: Strategy, protocol: type[Any]) -> Any:
    """The strategy's policy, if its class has the method of the protocol. None: it has not, and the
    policy is not made."""
    if not isinstance(scheduling.policies.factory(strategy.scheduling), protocol):
        return None
    policy = setup.scenario.scheduling_policy(strategy)
    return policy if isinstance(policy, protocol) else None


def _asked(strategy: Strategy, method: Callable[..., str | None], ask: Callable[[], str | None]) -> str | None:
    """The answer of a policy's method. Raises PolicyError, naming the policy, if the method fails or
    returns something else."""
    name = f"policy {strategy.scheduling!r}: {method.__name__}"
    try:
        why = ask()
    except RAISED as error:
        raise PolicyError(f"{name} raised {type(error).__name__}{where(error)}: {error}") from error
    if why is not None and not isinstance(why, str):
        raise PolicyError(f"{name} returned {why!r}: expected a text, or None")
    return why


def all_run_at_once(setup: Setup, strategy: Strategy) -> bool:
    """Whether all trials can have workers at the same time."""
    taken = sum(one.population * one.gang for one in setup.workload.experiments)
    return taken <= len(setup.workers(strategy))
