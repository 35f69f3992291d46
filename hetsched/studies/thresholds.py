"""Whether the thresholds of a policy tell the trials of a run apart."""

from collections.abc import Iterator, Sequence
from inspect import signature
from typing import NamedTuple

from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.domain.rounding import two_digits
from hetsched.scenario.scenario import Setup
from hetsched.studies.policy_limits import all_run_at_once

ATTRIBUTE = "service_thresholds"
TOO_HIGH = "tells no trials apart, as by the profile none reaches a threshold before its last segment"
TOO_LOW = "hardly tells trials apart, as by the profile nearly all pass every threshold in their first segment"

MOST = 0.9
"""Thresholds are too low if this share of the trials reaches all of them in the first segment."""


class _Service(NamedTuple):
    """The worker-seconds of a trial on one type of worker: after its first segment, before its last
    one, and of the whole trial."""

    first_s: float
    before_last_s: float
    whole_s: float


def unfit_thresholds(setup: Setup, strategy: Strategy) -> str | None:
    """A warning that the thresholds of the strategy's policy tell no trials apart. None: there is
    nothing to warn of. No thresholds matter if trials are alike, are one segment each, or all run
    at once.

    The class attribute `service_thresholds` of a policy names its option with thresholds of the
    worker-seconds that a trial has had. Thresholds are too high if no trial reaches the lowest one
    before its last segment. They are too low if nearly all trials reach the highest one in their
    first segment, and go on. The profile's means say how long segments take.
    """
    policy = scheduling.policies.factory(strategy.scheduling)
    name = getattr(policy, ATTRIBUTE, None)
    option = signature(policy).parameters.get(name) if isinstance(name, str) else None
    if option is None or _none_matter(setup, strategy):
        return None
    value = setup.scenario.scheduling.get(strategy.scheduling, {}).get(option.name, option.default)
    services, thresholds_s = [*_services(setup, strategy)], _numbers(value)
    if not thresholds_s or not any(service.before_last_s for service in services):
        return None
    said = _unfit(services, thresholds_s)
    if said is None:
        return None
    least_s, most_s = (two_digits(choose(service.whole_s for service in services)) for choose in (min, max))
    takes = f"a trial takes {least_s:g} to {most_s:g} worker-seconds"
    change = "lower" if said == TOO_HIGH else "raise"
    return f"{said}: {option.name} = {value}, where {takes}; {change} it in [scheduling.{strategy.scheduling}]"


def _none_matter(setup: Setup, strategy: Strategy) -> bool:
    """Whether all trials are of one kind and length, or all have workers at once. Then there is
    nothing to tell apart."""
    experiments = setup.workload.experiments
    kinds = {kind for experiment in experiments for kind in experiment.kinds}
    shapes = {(one.gang, one.stop_iterations, one.interval, one.evaluation_images) for one in experiments}
    return len(kinds) == len(shapes) == 1 or all_run_at_once(setup, strategy)


def _numbers(value: object) -> list[float]:
    """The thresholds in the value of an option: a number, or numbers with commas between them.
    Empty: it is something else."""
    try:
        return [float(part) for part in str(value).split(",")] if isinstance(value, str | int | float) else []
    except ValueError:
        return []


def _unfit(services: Sequence[_Service], thresholds_s: Sequence[float]) -> str | None:
    if all(service.before_last_s < min(thresholds_s) for service in services):
        return TOO_HIGH
    beyond = sum(max(thresholds_s) <= service.first_s < service.whole_s for service in services)
    if beyond >= MOST * len(services):
        return TOO_LOW
    return None


def _services(setup: Setup, strategy: Strategy) -> Iterator[_Service]:
    """The service of each trial on each type of the strategy's workers."""
    types = dict.fromkeys(worker.type for worker in setup.workers(strategy))
    for experiment in setup.workload.experiments:
        sizes = _segments(experiment.stop_iterations, experiment.interval)
        for kind, trials in experiment.kinds.items():
            for worker in types:
                gang = worker.gang(experiment.gang)
                step_s = setup.times.seconds_per_iteration(kind, gang)
                if step_s is None or not experiment.may_use(worker.device):
                    continue
                cost_s = setup.costs.segment_s(kind, gang, experiment.evaluation_images) if setup.costs else 0.0
                service = (experiment.gang * (step_s * iterations + cost_s * many) for iterations, many in sizes)
                yield from [_Service(*service)] * max(1, trials)


def _segments(whole: int, interval: int) -> tuple[tuple[int, int], ...]:
    """The iterations and the number of segments after the first one, before the last one, and in
    all.

    >>> _segments(100, 30), _segments(20, 30)
    (((30, 1), (90, 3), (100, 4)), ((20, 1), (0, 0), (20, 1)))
    """
    number = -(-whole // interval)
    return (min(whole, interval), 1), (interval * (number - 1), number - 1), (whole, number)
