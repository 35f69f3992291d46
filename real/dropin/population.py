"""The trials of a Tune experiment in the terms of a scenario: hyperparameters, domains, resources,
ends."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import floor, isfinite
from typing import Any

from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search.sample import Categorical, Domain, Float, Integer, LogUniform, Quantized

from hetsched.domain import hyperparameters
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.metric import Metric, finite
from hetsched.domain.workload import BATCH_SIZE
from hetsched.errors import InputError
from hetsched.scenario.search_space import MOST
from real.result_keys import TUNES_OWN

UNIT, SECONDS = "training_iteration", "time_this_iter_s"
"""The count of iterations: Tune's reports of a trial. And the seconds of training before this
report."""

OF_DOMAINS = ("low", "high", "choices")
"""The keys by which a scenario distinguishes a domain from a table of hyperparameters."""

Table = dict[str, Any]


def flat(config: Mapping[str, Any]) -> Hyperparameters:
    """The values of a nested configuration that JSON can have, by their dotted paths.

    >>> flat({"lr": 0.1, "net": {"width": 8, "data": object()}})
    {'lr': 0.1, 'net.width': 8}
    """
    plain = {key: _plain(value) for key, value in hyperparameters.flat(config).items()}
    return {key: value for key, value in plain.items() if _has_json(value)}


def _has_json(value: Any) -> bool:
    """Whether JSON can have the value. It has neither infinite numbers nor nan."""
    return isfinite(value) if isinstance(value, float) else isinstance(value, bool | int | str)


def _plain(value: Any) -> Any:
    """A number of NumPy as a number of Python."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def search_space(mutations: Mapping[str, Any], configs: Sequence[Mapping[str, Any]]) -> dict[str, Table | Any]:
    """The domain of each hyperparameter, as a scenario writes it, by dotted paths.

    A mutated hyperparameter has the domain that the user gave. Any other one that varies is a
    choice of its present values. One that does not vary is a constant. Of a function that draws
    values, only the drawn ones are known.
    """
    given, values = _given(mutations), [flat(config) for config in configs]
    found: dict[str, Table | Any] = {}
    for key in dict.fromkeys(key for of_trial in values for key in of_trial):
        seen = list(dict.fromkeys(of_trial[key] for of_trial in values if key in of_trial))
        domain = domain_table(given[key], seen) if key in given else None
        found[key] = _simplest(domain or _drawn(seen))
    return found


def is_sayable(path: str, space: Iterable[str]) -> bool:
    """Whether a scenario's search space can have this hyperparameter beside the others.

    It cannot have `batch_size`, which would be the batch size of profiles. It cannot have
    `clip.low`, which would make `clip` a range. It cannot have both `a` and `a.b`: it has `a.b`.

    >>> space = ["lr", "batch_size", "clip.low", "a", "a.b", "low"]
    >>> [path for path in space if is_sayable(path, space)]
    ['lr', 'a.b', 'low']
    """
    first, *inner = path.split(".")
    named = bool(first) and all(part and part not in OF_DOMAINS for part in inner)
    return path != BATCH_SIZE and named and not any(other.startswith(f"{path}.") for other in space)


def _simplest(table: Table) -> Table | Any:
    """A domain; one that has a single value is that value."""
    values = table["choices"] if "choices" in table else list({table["low"], table["high"]})
    return values[0] if len(values) == 1 else table


def mutated(mutations: Mapping[str, Any], space: Mapping[str, Any]) -> list[str]:
    """The dotted paths of the hyperparameters that PBT changes: mutated ones with several
    values."""
    return [key for key in space if key in _given(mutations) and isinstance(space[key], dict)]


def _given(mutations: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, domain in mutations.items():
        found |= _given(domain, f"{prefix}{key}.") if isinstance(domain, dict) else {f"{prefix}{key}": domain}
    return found


def check_mutations(mutations: Mapping[str, Any]) -> None:
    """Raise InputError for a choice that has values other than numbers: Ray's PBT multiplies a
    `tune.choice`."""
    for key, domain in _given(mutations).items():
        for value in domain.categories if isinstance(domain, Categorical) else ():
            if isinstance(value, bool) or not isinstance(_plain(value), int | float):
                raise InputError(
                    f"hyperparam_mutations.{key}: tune.choice has {value!r}, and Ray's PBT multiplies the value of a "
                    f"choice: give a list, {list(domain.categories)!r}"
                )


def domain_table(domain: Any, seen: Sequence[Any]) -> Table | None:
    """A domain of Tune's as a scenario writes it. None: it has no such form. `seen` are values of
    it."""
    if isinstance(domain, list | tuple):
        return _choices(domain) | {"ordered": True}
    if isinstance(domain, Categorical):
        return _choices(domain.categories)
    if isinstance(domain, Float | Integer):
        table = _span(domain)
        return table if table is None or _in_reach([table["low"], table["high"]]) else _drawn(seen)
    if isinstance(domain, Domain) or callable(domain):
        return _drawn(seen)
    return None


def _choices(values: Iterable[Any]) -> Table:
    """The values that JSON can have, each once."""
    found: list[Any] = []
    for value in map(_plain, values):
        if _has_json(value) and value not in found:
            found.append(value)
    return {"choices": found}


def _span(domain: Float | Integer) -> Table | None:
    if domain.lower is None or domain.upper is None or abs(domain.lower) == abs(domain.upper) == float("inf"):
        return None
    sampler: Any = domain.get_sampler()  # type: ignore[no-untyped-call]
    table: Table = {}
    if isinstance(sampler, Quantized):
        table["step"] = sampler.q
        sampler = sampler.sampler
    if isinstance(sampler, LogUniform):
        table["scale"] = "log"
    if isinstance(domain, Integer):
        high = (
            domain.upper if "step" in table else domain.upper - 1
        )  # Tune leaves the upper end out where it has no step
        return {"low": domain.lower, "high": high, "integer": True, **table}
    return {"low": domain.lower, "high": domain.upper, **table}


def _drawn(seen: Sequence[Any]) -> Table:
    """A domain around drawn values: a range, if a scenario can have it."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in seen) and _in_reach(seen):
        whole = {"integer": True} if all(isinstance(value, int) for value in seen) else {}
        return {"low": min(seen), "high": max(seen), **whole}
    return _choices(seen)


def _in_reach(numbers: Iterable[float]) -> bool:
    """Whether a range of a scenario may have these ends.

    >>> _in_reach([-1.0, 10**6]), _in_reach([1.0, float("inf")]), _in_reach([float("nan")]), _in_reach([2**63])
    (True, False, False, False)
    """
    return all(abs(number) <= MOST for number in numbers)


def resources(trial: TuneTrial) -> tuple[int, float]:
    """The CPUs and GPUs of a trial that the user asks for.

    Raises InputError if the scheduler could not put them on one worker.
    """
    asked: Any = trial.placement_group_factory
    bundles = asked.bundles
    if len(bundles) != 1:
        raise InputError(
            f"tune.with_resources: a trial of {trial.trainable_name} takes {len(bundles)} bundles; HeterogeneousPBT "
            "puts a trial on one worker: ask for one bundle of CPUs and GPUs"
        )
    [bundle] = bundles
    if others := sorted(key for key in bundle if key not in ("CPU", "GPU", "memory")):
        raise InputError(
            f"tune.with_resources: a trial of {trial.trainable_name} asks for {', '.join(others)}; HeterogeneousPBT "
            "chooses the node: ask for CPUs and GPUs alone"
        )
    cores = float(bundle.get("CPU", 0))
    if not cores.is_integer():
        raise InputError(
            f"tune.with_resources: a trial of {trial.trainable_name} asks for {cores:g} CPUs; HeterogeneousPBT makes "
            f"workers of whole ones: ask for {floor(cores) + 1}"
        )
    return max(1, int(cores)), float(bundle.get("GPU", 0))


def stop_iterations(trials: Iterable[TuneTrial]) -> int | None:
    """The `training_iteration` at which Tune stops the trials. None: Tune does not say."""
    stops = [trial.stopping_criterion.get(UNIT) for trial in trials]
    known = [stop for stop in stops if stop is not None]
    return int(max(known)) if known and len(known) == len(stops) else None


def stop_score(trials: Iterable[TuneTrial], metric: Metric) -> float | None:
    """The score at which Tune stops each trial, if its rule names the metric. None: it names none, or
    a bad score: Tune stops a trial at that value or a greater one."""
    found = {trial.stopping_criterion.get(metric.name) for trial in trials}
    [score, *others] = found or {None}
    if others or metric.mode != "max" or not isinstance(score, int | float) or metric.beyond(score) is not None:
        return None
    return float(score)


def with_values(config: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The nested configuration with these values at their dotted paths.

    >>> with_values({"lr": 0.1, "net": {"width": 8}}, {"net.width": 16})
    {'lr': 0.1, 'net': {'width': 16}}
    """
    changed: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            prefix = f"{key}."
            inner = {path.removeprefix(prefix): new for path, new in values.items() if path.startswith(prefix)}
            changed[key] = with_values(value, inner)
        else:
            changed[key] = values.get(key, value)
    return changed


def score(value: Any) -> float | None:
    """A reported number. None: the value is no number."""
    value = _plain(value)
    return finite(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def no_number(trial: TuneTrial, metric: str, value: Any) -> str | None:
    """In words, that a reported score is no number at all. None for a number, also for one that is
    not finite."""
    if isinstance(_plain(value), int | float) and not isinstance(value, bool):
        return None
    return (
        f"a score is no number: trial {trial} reports {metric} = {value!r}, and ranks last: report a number (other "
        "trials may do the same)"
    )


def no_checkpoint(trial: TuneTrial, interval: int) -> str:
    """In words, that a function has reported no checkpoint when its segment was done."""
    return (
        f"a trial has no checkpoint: trial {trial} can neither be paused nor copied, so it trains on its worker to its "
        f"end: report a checkpoint at least every {interval} iterations (other trials may do the same)"
    )


def put_back(result: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[str]:
    """In words, the values of a training that differ from its trial's: a checkpoint has brought
    them."""
    for path, value in flat(config).items():
        trained = _plain(result.get(f"config/{path.replace('.', '/')}", value))
        if trained != value:
            yield f"{path} = {trained!r} where the trial has {value!r}"


def further_metrics(result: Mapping[str, Any], metric: str | None) -> dict[str, float | None]:
    """The numbers that a training reports beside its metric, without those that Tune adds."""
    return {
        key: score(value)
        for key, value in result.items()
        if key not in TUNES_OWN and key != metric and not key.startswith("config/")
        if isinstance(_plain(value), int | float) and not isinstance(value, bool)
    }


def name_of(text: str) -> str:
    """A name similar to the text that a scenario accepts.

    >>> name_of("train fn/1")
    'train-fn-1'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._") or "tune"
