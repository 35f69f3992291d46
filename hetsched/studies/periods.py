"""Whether the periods of policies, such as the length of a round, fit the run and its costs. Also
whether their thresholds fit."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from inspect import Parameter, signature
from itertools import chain, product
from operator import itemgetter
from typing import NamedTuple, Protocol

from msgspec import Struct

from hetsched import scheduling
from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.domain.cluster import Worker
from hetsched.domain.registry import Strategy
from hetsched.domain.rounding import two_digits
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult
from hetsched.studies.thresholds import unfit_thresholds

ROOM = 1.25
"""A suggested period fits into the run this many times as often as it must."""

COSTS = 0.05
"""A round is made shorter while its costs beside training are at most this share of it."""

MORE = 4.0
"""A round is made at most this many times shorter than the policy demands. docs/writing-policies.md
has the measurements."""


NEAR = 1.02
"""A makespan and a mean JCT of at most so many bounds do not suffer from rounds that are too long."""


WEIGHS_COSTS = "weighs_costs"
"""The class attribute of a policy that moves no trial if a move costs too much."""


class Fit(Struct, frozen=True):
    """The periods of a scheduling policy that were set to fit a run, and a sentence that says
    so."""

    options: dict[str, int | float]
    words: str


def fit(setup: Setup, strategy: Strategy) -> Fit | None:
    """The periods that fit the run, by the strategy's own bound. None: nothing is to be set.

    A period is set if the scenario does not set it and the policy's own one is too long. It is set
    to what the warning would suggest. Raises InputError as `unfit` does, and if the profile
    lacks a step time.
    """
    return _fit(setup, strategy, _bound_s(setup, strategy)) if _periods(strategy) else None


def _fit(setup: Setup, strategy: Strategy, bound_s: float, sharing: Collection[Strategy] = ()) -> Fit | None:
    too_long, kept = _misfits(setup, strategy, bound_s, sharing).too_long, _set_options(setup, strategy)
    wanted = {name: s for name, s in too_long.items() if name not in kept}
    return Fit(dict(wanted), _set_in_words(setup, strategy, bound_s, wanted)) if wanted else None


def kept_unfit(setup: Setup, strategies: Iterable[Strategy]) -> dict[str, str]:
    """A warning for each strategy with a period that `fit` leaves as it is, though it does not fit,
    or with thresholds that do not. Raises InputError as `fit` does."""
    found: dict[str, str] = {}
    for strategy in strategies:
        bound_s = _bound_s(setup, strategy) if _periods(strategy) else None
        wanted = None if bound_s is None else _fit(setup, strategy, bound_s)
        fits = {} if wanted is None else {strategy.scheduling: wanted}
        found |= unfit(with_periods(setup, fits), {strategy: bound_s})
    return found


def with_periods(setup: Setup, fits: Mapping[str, Fit]) -> Setup:
    """The scenario with these periods, by scheduling policy, beside the options that the scenario
    itself sets."""
    options = dict(setup.scenario.scheduling)
    for policy, of_policy in fits.items():
        options[policy] = {**options.get(policy, {}), **of_policy.options}
    return setup.replace(scheduling=options) if fits else setup


def fitted(setup: Setup, strategies: Iterable[Strategy]) -> tuple[Setup, dict[str, str]]:
    """The scenario with periods that fit the run, and by scheduling policy a sentence about what
    was set.

    Strategies with the same scheduling policy share its periods. These fit the least of their
    bounds, and the costs on the workers of all of them. Raises InputError as `fit` does.
    """
    sharing = defaultdict[str, list[Strategy]](list)
    for strategy in filter(_periods, strategies):
        sharing[strategy.scheduling].append(strategy)
    fits = {}
    for policy, of_one in sharing.items():
        bound_s, strategy = min(((_bound_s(setup, one), one) for one in of_one), key=itemgetter(0))
        if (wanted := _fit(setup, strategy, bound_s, of_one)) is not None:
            fits[policy] = wanted
    return with_periods(setup, fits), {policy: of_one.words for policy, of_one in fits.items()}


def _bound_s(setup: Setup, strategy: Strategy) -> float:
    devices = worker_devices(setup.workers(strategy))
    return makespan_bound(full_jobs(setup.workload), devices, setup.times, setup.costs)


def _set_in_words(setup: Setup, strategy: Strategy, bound_s: float, wanted: Mapping[str, float]) -> str:
    are = " and ".join(f"{name} = {seconds:g}" for name, seconds in wanted.items())
    own = " and ".join(f"{_seconds_of(setup, strategy, name):g}" for name in wanted)
    return f"{are}; its own {own} would be too long for a run whose bound is {two_digits(bound_s):g} s"


class _Misfits(NamedTuple):
    """The periods that do not fit, each with a length that would. `costs_s` is what a round of the
    strategy costs beside training."""

    too_long: dict[str, float]
    too_short: dict[str, float]
    costs_s: float


def unfit(setup: Setup, bounds_s: Mapping[Strategy, float | None], beside: Iterable[Strategy] = ()) -> dict[str, str]:
    """A warning for each strategy whose scheduling policy has a period that is too long for the
    run, or a round that is shorter than what it costs beside training, in words.
    Thresholds that tell no trials apart belong to the warning, too (`unfit_thresholds`).

    `bounds_s` are lower bounds on the makespans, in seconds. The class attribute `periods` of a
    policy names its options that are periods. It says how often each must at least fit into a run.
    If a change costs little, the period must fit in more often (docs/writing-policies.md).
    Strategies with one scheduling policy share its periods, as in `fitted`, also with those of
    `beside`, about which nothing is said. Raises InputError if `periods` has a name that is no
    option.
    """
    found, every = {}, dict.fromkeys([*bounds_s, *beside])
    for strategy, bound_s in bounds_s.items():
        sharing = [other for other in every if other.scheduling == strategy.scheduling]
        rounds = _in_words(setup, strategy, bound_s, _misfits(setup, strategy, bound_s, sharing)) if bound_s else ""
        if warnings := [*filter(None, (rounds, unfit_thresholds(setup, strategy)))]:
            found[str(strategy)] = "; ".join(warnings)
    return found


def _in_words(setup: Setup, strategy: Strategy, bound_s: float, found: _Misfits) -> str:
    """The warning about these periods. Empty: all fit."""
    why = []
    if found.too_long:
        why.append(f"too seldom for a run whose bound is {two_digits(bound_s):g} s")
    if found.too_short:
        why.append(f"too often for costs of up to {two_digits(found.costs_s):g} s per round")
    advice = found.too_long | found.too_short
    are = " and ".join(f"{name} = {_seconds_of(setup, strategy, name):g}" for name in advice)
    if not why:
        return ""
    return (
        f"decides {' and '.join(why)}, and its figures may suffer: {are}; in [scheduling.{strategy.scheduling}] try "
        f"{', '.join(f'{name} = {fits:g}' for name, fits in advice.items())}"
    )


def unfit_for(
    setup: Setup, runs: Mapping[Strategy, Iterable[RunResult]], beside: Iterable[Strategy] = ()
) -> dict[str, str]:
    """`unfit` for the runs of each strategy, by the least of the runs' bounds. Nothing is said of a
    strategy all of whose runs end near their bounds: its figures do not suffer. The others share
    its periods all the same."""
    found = {strategy: [run.metrics for run in of_one] for strategy, of_one in runs.items()}
    far = {strategy: of_one for strategy, of_one in found.items() if are_far(of_one)}
    bounds = {strategy: [one.workers_bound_s for one in of_one] for strategy, of_one in far.items()}
    least = {strategy: min((s for s in of_one if s is not None), default=None) for strategy, of_one in bounds.items()}
    return unfit(setup, least, [*runs, *beside])


class Ratios(Protocol):
    """What says whether a run ends near its bounds."""

    @property
    def workers_bound_ratio(self) -> float | None: ...

    @property
    def jct_bound_ratio(self) -> float | None: ...


def are_far(runs: Iterable[Ratios]) -> bool:
    """Whether any run ends far from a bound, so that its figures may suffer from its periods."""
    ratios = [ratio for run in runs for ratio in (run.workers_bound_ratio, run.jct_bound_ratio)]
    return any(ratio is None or ratio > NEAR for ratio in ratios)


def _misfits(setup: Setup, strategy: Strategy, bound_s: float, sharing: Collection[Strategy] = ()) -> _Misfits:
    """The periods that are too long for the run, and the rounds that are shorter than their costs. A
    policy's own short round stays unsaid if its class attribute `weighs_costs` is true.

    The suggested lengths fit the costs on the workers of all strategies that share the periods.
    Without `sharing`, this strategy is alone. Only the costs on its own workers make a round too
    short. However short it is, a round lasts as long as an iteration.
    """
    found = _Misfits({}, {}, 0.0)
    if not (periods := _periods(strategy)):
        return found
    longest_s = {name: bound_s / times / ROOM for name, times in periods.items()}
    round_s = min(longest_s.values())
    workers = chain(*(setup.workers(one) for one in sharing or [strategy]))
    iteration_s, costs_s = _iteration_and_costs(setup, workers)
    more = min(_times_shorter(round_s, max(iteration_s, costs_s / COSTS)), round_s / costs_s if costs_s else MORE)
    own_iteration_s, own_costs_s = _iteration_and_costs(setup, setup.workers(strategy))
    found = found._replace(costs_s=own_costs_s)
    weighs_costs = getattr(scheduling.policies.factory(strategy.scheduling), WEIGHS_COSTS, False)
    for name, times in periods.items():
        if (seconds := _seconds_of(setup, strategy, name)) is None:
            continue
        fits = _settable(strategy, name, longest_s[name] / more)
        if seconds * times * more > bound_s and fits < seconds:
            found.too_long[name] = fits
        is_round = longest_s[name] == round_s and (name in _set_options(setup, strategy) or not weighs_costs)
        if is_round and own_iteration_s < own_costs_s and seconds < _settable(strategy, name, own_costs_s):
            found.too_short[name] = fits
    return found


def _times_shorter(longest_s: float, shortest_s: float) -> float:
    """The factor by which a period is made shorter than the policy demands, if a round is to last
    `shortest_s` at least.

    >>> _times_shorter(100.0, 0.0), _times_shorter(100.0, 50.0), _times_shorter(100.0, 500.0)
    (4.0, 2.0, 1.0)
    """
    return min(MORE, max(1.0, longest_s / shortest_s)) if shortest_s else MORE


def _iteration_and_costs(setup: Setup, workers: Iterable[Worker]) -> tuple[float, float]:
    """The seconds of the longest iteration, and of the longest restore, evaluation and checkpoint, of
    any trial on any worker. All trials wait for the last one to end its round."""
    types = {worker.type for worker in workers}
    iteration_s = costs_s = 0.0
    for experiment in setup.workload.experiments:
        usable = [worker for worker in types if experiment.may_use(worker.device)]
        for kind, worker in product(experiment.kinds, usable):
            gang = worker.gang(experiment.gang)
            iteration_s = max(iteration_s, setup.times.seconds_per_iteration(kind, gang) or 0.0)
            costs = setup.charged_times.costs(kind, gang)
            evaluation_s = experiment.evaluation_images * costs.evaluation_s_per_image
            costs_s = max(costs_s, costs.restore_s + evaluation_s + costs.checkpoint_s)
    return iteration_s, costs_s


def _periods(strategy: Strategy) -> Mapping[str, float]:
    found: Mapping[str, float] = getattr(scheduling.policies.factory(strategy.scheduling), "periods", {})
    return found


def _option(strategy: Strategy, name: str) -> Parameter:
    options = signature(scheduling.policies.factory(strategy.scheduling)).parameters
    if name not in options:
        raise InputError(f"scheduling policy {strategy.scheduling!r}: periods: {name!r} is none of its options")
    return options[name]


def _whole(strategy: Strategy, name: str) -> bool:
    """Whether the option takes only whole numbers, by its annotation. Without an annotation its
    default decides."""
    option = _option(strategy, name)
    if option.annotation is Parameter.empty:
        return type(option.default) is int
    return option.annotation in (int, "int", int | None, "int | None")


def _settable(strategy: Strategy, name: str, seconds: float) -> float:
    """A value that the option takes, of about so many seconds."""
    return max(1, int(two_digits(seconds))) if _whole(strategy, name) else two_digits(seconds)


def _set_options(setup: Setup, strategy: Strategy) -> Mapping[str, object]:
    """The options of the scheduling policy that the scenario sets."""
    return setup.scenario.scheduling.get(strategy.scheduling, {})


def _seconds_of(setup: Setup, strategy: Strategy, name: str) -> float | None:
    """The length of a period: the scenario's or the policy's own. None: the policy finds it
    itself."""
    default = _option(strategy, name).default
    seconds = _set_options(setup, strategy).get(name, default)
    return seconds if isinstance(seconds, (int, float)) else None
