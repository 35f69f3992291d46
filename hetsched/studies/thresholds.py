"""Whether the thresholds of a policy tell the trials of a run apart."""

from collections.abc import Iterator, Sequence
from inspect import signature
from typing import NamedTuple

from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.domain.rounding import two_digits
from hetsched.scenario.scenario import Setup

ATTRIBUTE = "service_thresholds"
THRESHOLDS = str, int, float
"""The types of an option with thresholds: a number, or numbers with commas between them."""

MOST = 0.9
"""Thresholds are too low if this share of the trials reaches all of them in the first segment."""


class _Service(NamedTuple):
    """The worker-seconds of a trial on one type of worker: after its first segment, before its last
    one, and of the whole trial."""

    first_s: float
    before_last_s: float
    whole_s: float


def unfit_thresholds(setup: Setup, strategy: Strategy) -> str | None:
    """A warning that the thresholds of the strategy's policy tell no trials apart. None: they do, or
    all trials are alike.

    The class attribute `service_thresholds` of a policy names its option with thresholds of the
    worker-seconds that a trial has had. Thresholds are too high if no trial reaches the lowest one
    before its last segment. They are too low if nearly all trials reach the highest one in their
    first segment, and go on. The profile's means say how long segments take.
    """
    policy = scheduling.policies.factory(strategy.scheduling)
    name = getattr(policy, ATTRIBUTE, None)
    option = signature(policy).parameters.get(name) if isinstance(name, str) else None
    if option is None or _are_alike(setup) or not (services := [*_services(setup, strategy)]):
        return None
    value = setup.scenario.scheduling.get(strategy.scheduling, {}).get(option.name, option.default)
    said = _unfit(services, [float(part) for part in str(value).split(",")]) if isinstance(value, THRESHOLDS) else None
    if said is None:
        return None
    least_s, most_s = (two_digits(choose(service.whole_s for service in services)) for choose in (min, max))
    takes = f"a trial takes {least_s:g} to {most_s:g} worker-seconds"
    return f"{said}: {option.name} = {value}, where {takes}; set it in [scheduling.{strategy.scheduling}]"


def _are_alike(setup: Setup) -> bool:
    """Whether all trials are of one kind and length. Then there is nothing to tell apart."""
    experiments = setup.workload.experiments
    kinds = {kind for experiment in experiments for kind in experiment.kinds}
    shapes = {(one.gang, one.stop_iterations, one.interval, one.evaluation_images) for one in experiments}
    return len(kinds) == len(shapes) == 1


def _unfit(services: Sequence[_Service], thresholds_s: Sequence[float]) -> str | None:
    if all(service.before_last_s < min(thresholds_s) for service in services):
        return "tells no trials apart, as by the profile none reaches a threshold before its last segment"
    beyond = sum(max(thresholds_s) <= service.first_s < service.whole_s for service in services)
    if beyond >= MOST * len(services):
        return "hardly tells trials apart, as by the profile nearly all pass every threshold in their first segment"
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
