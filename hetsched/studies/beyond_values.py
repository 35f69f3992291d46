"""Which values of hyperparameters are far beyond all values that a learning model was made from."""

from collections.abc import Collection, Mapping
from math import inf, log
from typing import Any

from hetsched.domain.hyperparameters import OF_SGD, Choice, Constant, Domain, Float, by_logarithm
from hetsched.domain.rounding import ROUNDING, is_same
from hetsched.domain.workload import Experiment

MARGIN = 0.25
"""How far beyond the recorded values a number may be, as a share of their range. Recordings of a
search space do not reach its ends."""

NEARLY_ALL = 0.99
"""The part of a range of momentum that is compared. The effective rate grows beyond all measure
towards 1, the end of some ranges, and hardly any trial is near that end."""


def beyond_values(experiment: Experiment, recorded: Mapping[str, Collection[Any]]) -> list[str]:
    """A line for each hyperparameter whose values in the search space go far beyond the recorded
    ones. A trial without momentum, or without weight decay, has 0 of it."""
    absent = {name: Constant(0.0) for name in OF_SGD if name != "lr"}
    space: dict[str, Domain] = absent | experiment.search_space
    return [
        f"{name}: {'set to' if space[name].is_constant else 'searched'} {_words(values)}, recorded {_words(known)}"
        for name, known in recorded.items()
        if name in space and _is_beyond(*_compared(name, space[name], values := _values(space[name]), known))
    ]


def _values(domain: Domain) -> tuple[Any, ...]:
    """The values of the domain, or its two ends."""
    if isinstance(domain, Constant):
        return (domain.value,)
    return domain.values if isinstance(domain, Choice) else (domain.low, domain.high)


def _compared(name: str, domain: Domain, values: Collection[Any], known: Collection[Any]) -> list[Collection[Any]]:
    """The values and the recorded ones as they are compared. The effective rate is the learning rate
    divided by 1 - momentum. So 1 - momentum is compared, as learning rates are."""
    both = (*values, *known)
    if name.rpartition(".")[2] != "momentum" or not (_are_numbers(both) and all(0 <= one <= 1 for one in both)):
        return [values, known]
    reached = (domain.low, domain.at(NEARLY_ALL)) if isinstance(domain, Float) else values
    return [[1 - one for one in of] for of in (reached, known)]


def _is_beyond(values: Collection[Any], known: Collection[Any]) -> bool:
    if not (_are_numbers(values) and _are_numbers(known)):
        return not all(any(is_same(value, one) for one in known) for value in values)
    least, most = min(known), max(known)
    in_log = by_logarithm(least, most)

    def place(value: float) -> float:
        return value if not in_log else log(value) if value > 0 else -inf

    rounding = ROUNDING if in_log else ROUNDING * max(abs(least), abs(most))
    margin = MARGIN * (place(most) - place(least)) + rounding
    return place(min(values)) < place(least) - margin or place(max(values)) > place(most) + margin


def _are_numbers(values: Collection[Any]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _words(values: Collection[Any]) -> str:
    """The values in words: numbers by the least and the greatest one."""
    if not _are_numbers(values):
        return ", ".join(dict.fromkeys(map(str, values)))
    ends = dict.fromkeys(f"{value:.4g}" for value in (min(values), max(values)))
    return " to ".join(ends)
