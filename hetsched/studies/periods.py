"""Whether the periods of policies, such as the length of a round, fit a run as short as this one."""

from collections.abc import Iterator, Mapping
from inspect import signature

from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup

MOST_OF_A_RUN = 1 / 20
"""A policy that decides only once in a longer part of a run has too few decisions to be judged by."""

FITTING = 1 / 60
"""The part of a run that is suggested instead."""


def too_long(setup: Setup, bounds_s: Mapping[Strategy, float | None]) -> dict[str, str]:
    """A warning for each strategy whose scheduling policy has a period that is too long for the run, in words.

    `bounds_s` are lower bounds on the makespans, in seconds. A policy names its options that are periods in its class
    attribute `periods`. Raises InputError for a name there that is no option.
    """
    found = {}
    for strategy, bound_s in bounds_s.items():
        periods = dict(_periods(setup, strategy))
        if not bound_s or not any(seconds > bound_s * MOST_OF_A_RUN for seconds in periods.values()):
            continue
        is_now = ", ".join(f"{name} = {seconds:g}" for name, seconds in periods.items())
        fits = ", ".join(f"{name} = {_rounded(bound_s * FITTING)}" for name in periods)
        found[str(strategy)] = (
            f"{is_now} is long for a run of {_rounded(bound_s)} s or more, so this figure is of the mismatch; "
            f"set {fits} in [scheduling.{strategy.scheduling}]"
        )
    return found


def _periods(setup: Setup, strategy: Strategy) -> Iterator[tuple[str, float]]:
    factory = scheduling.policies.factory(strategy.scheduling)
    given = setup.scenario.scheduling.get(strategy.scheduling, {})
    options = signature(factory).parameters
    for name in getattr(factory, "periods", ()):
        if name not in options:
            raise InputError(f"scheduling policy {strategy.scheduling!r}: periods: {name!r} is none of its options")
        seconds = given.get(name, options[name].default)
        if isinstance(seconds, (int, float)):
            yield name, seconds


def _rounded(seconds: float) -> str:
    """To two digits.

    >>> _rounded(523.4), _rounded(8.72), _rounded(0.0321)
    ('520', '8.7', '0.032')
    """
    return f"{float(f'{seconds:.2g}'):g}"
