"""Whether the periods of policies, such as the length of a round, fit a run as short as this one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from inspect import signature

from hetsched import scheduling
from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult

ROOM = 1.25
"""By so much more often than it must a period fits that is suggested."""


def fitted(setup: Setup, strategies: Iterable[Strategy]) -> tuple[Setup, dict[str, str]]:
    """The scenario with periods that fit the run, and what was set, in words by scheduling policy.

    A period is set where the scenario does not set it and the policy's own is too long for the least bound of the
    policy's strategies: to what the warning would suggest. Raises InputError as `too_long` does, and where the profile
    lacks a step time.
    """
    bounds_s: defaultdict[str, dict[Strategy, float]] = defaultdict(dict)
    for strategy in strategies:
        if _periods(strategy):
            devices = worker_devices(setup.workers(strategy))
            bounds_s[strategy.scheduling][strategy] = makespan_bound(full_jobs(setup.workload), devices, setup.times)
    options, said = dict(setup.scenario.scheduling), {}
    for policy, of_policy in bounds_s.items():
        strategy = min(of_policy, key=of_policy.__getitem__)
        own = options.get(policy, {})
        wanted = {name: s for name, s in _too_long(setup, strategy, of_policy[strategy]) if name not in own}
        if wanted:
            options[policy] = {**own, **{name: float(seconds) for name, seconds in wanted.items()}}
            said[policy] = _set_in_words(setup, strategy, of_policy[strategy], wanted)
    return (setup.replace(scheduling=options) if said else setup), said


def _set_in_words(setup: Setup, strategy: Strategy, bound_s: float, wanted: Mapping[str, str]) -> str:
    are = " and ".join(f"{name} = {seconds}" for name, seconds in wanted.items())
    own = " and ".join(f"{_seconds_of(setup, strategy, name):g}" for name in wanted)
    return f"{are}; its own {own} would be too long for a run whose bound is {_rounded(bound_s)} s"


def too_long(setup: Setup, bounds_s: Mapping[Strategy, float | None]) -> dict[str, str]:
    """A warning for each strategy whose scheduling policy has a period that is too long for the run, in words.

    `bounds_s` are lower bounds on the makespans, in seconds. A policy says in its class attribute `periods` how often
    each of its options that are periods must at least fit into a run. Raises InputError for a name there that is no
    option.
    """
    found = {}
    for strategy, bound_s in bounds_s.items():
        if bound_s and (long := dict(_too_long(setup, strategy, bound_s))):
            are = " and ".join(f"{name} = {_seconds_of(setup, strategy, name):g}" for name in long)
            found[str(strategy)] = (
                f"decides too seldom for a run whose bound is {_rounded(bound_s)} s, and its figures suffer: {are}; in "
                f"[scheduling.{strategy.scheduling}] set {', '.join(f'{name} = {fits}' for name, fits in long.items())}"
            )
    return found


def too_long_for(setup: Setup, runs: Mapping[Strategy, Iterable[RunResult]]) -> dict[str, str]:
    """The same for the runs of each strategy, by the least of their bounds."""
    bounds = {strategy: [run.metrics.workers_bound_s for run in of_one] for strategy, of_one in runs.items()}
    least = {strategy: min((s for s in of_one if s is not None), default=None) for strategy, of_one in bounds.items()}
    return too_long(setup, least)


def _too_long(setup: Setup, strategy: Strategy, bound_s: float) -> Iterator[tuple[str, str]]:
    """The periods that are too long, and what would fit."""
    for name, times in _periods(strategy).items():
        seconds = _seconds_of(setup, strategy, name)
        if seconds is not None and seconds * times > bound_s:
            yield name, _rounded(bound_s / times / ROOM)


def _periods(strategy: Strategy) -> Mapping[str, float]:
    found: Mapping[str, float] = getattr(scheduling.policies.factory(strategy.scheduling), "periods", {})
    return found


def _seconds_of(setup: Setup, strategy: Strategy, name: str) -> float | None:
    """The length of a period: the scenario's or the policy's own; None where the policy finds it itself."""
    options = signature(scheduling.policies.factory(strategy.scheduling)).parameters
    if name not in options:
        raise InputError(f"scheduling policy {strategy.scheduling!r}: periods: {name!r} is none of its options")
    seconds = setup.scenario.scheduling.get(strategy.scheduling, {}).get(name, options[name].default)
    return seconds if isinstance(seconds, (int, float)) else None


def _rounded(seconds: float) -> str:
    """To two digits.

    >>> _rounded(523.4), _rounded(8.72), _rounded(0.0321)
    ('520', '8.7', '0.032')
    """
    return f"{float(f'{seconds:.2g}'):g}"
