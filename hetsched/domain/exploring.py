"""How PBT explores hyperparameters of each kind, beyond what Ray's class does on its own.

Ray multiplies numbers and moves in lists. What follows is the same on every backend: choices without an order are drawn
anew with the resample probability, numbers come back into their ranges, and a user's function has the last word.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from numbers import Real
from random import Random
from typing import Any

from hetsched.domain.hyperparameters import Choice, Constant, Domain, Float, Hyperparameters, Integer, flat, nested
from hetsched.domain.registry import Registry
from hetsched.domain.workload import PBT, Experiment
from hetsched.errors import PolicyError, where

Explore = Callable[[dict[str, Any], Random], dict[str, Any]]
"""A user's function: from nested hyperparameters as PBT explored them, and random numbers, to those of the trial."""

explorers: Registry[dict[str, Any]] = Registry("explore function", "hetsched.explore")
register = explorers.register


class Exploration:
    """How an experiment's hyperparameters are explored.

    Raises InputError if there is no explore function of the name that `pbt.explore` says.
    """

    def __init__(self, experiment: Experiment, settings: PBT) -> None:
        mutated = experiment.mutated
        self.perturbed: dict[str, Float | Integer | Choice] = {
            key: domain
            for key, domain in mutated.items()
            if isinstance(domain, Float | Integer) or (isinstance(domain, Choice) and domain.ordered)
        }
        """Those that are resampled, else multiplied or moved to a neighbour: by Ray itself in real runs."""
        self._chosen = {
            key: domain for key, domain in mutated.items() if isinstance(domain, Choice) and not domain.ordered
        }
        self._resample_probability = settings.resample_probability
        self._stays = settings.bounds == "range"
        self._domains = experiment.search_space
        self._name = settings.explore
        self._function: Explore | None = None if settings.explore is None else explorers.factory(settings.explore)

    def finish(self, explored: Mapping[str, Any], rng: Random) -> Hyperparameters:
        """The hyperparameters to go on with, after the perturbed ones were perturbed.

        Raises PolicyError if the user's function raises, or returns what no trial can have.
        """
        new = dict(explored)
        for key, choice in self._chosen.items():
            if rng.random() < self._resample_probability:
                new[key] = rng.choice(choice.values)
        if self._stays:
            new |= {key: domain.nearest(new[key]) for key, domain in self.perturbed.items()}
        return new if self._function is None else self._called(self._function, new, rng)

    def _called(self, function: Explore, explored: Hyperparameters, rng: Random) -> Hyperparameters:
        name = f"explore function {self._name!r}"
        try:
            returned = function(nested(explored), rng)
        except (Exception, SystemExit) as error:
            raise PolicyError(f"{name} raised {type(error).__name__}{where(error)}: {error}") from error
        if not isinstance(returned, Mapping):
            raise PolicyError(f"{name} returned {returned!r}: expected the hyperparameters, a dictionary")
        new = flat(returned)
        if new.keys() != explored.keys():
            raise PolicyError(
                f"{name} returned the hyperparameters {', '.join(map(str, new)) or 'none'}: "
                f"expected {', '.join(explored)}"
            )
        try:
            return {key: self._checked(domain, new[key]) for key, domain in self._domains.items()}
        except ValueError as error:
            wrong = next(key for key, domain in self._domains.items() if not _holds(domain, new[key]))
            raise PolicyError(f"{name} returned {wrong} = {new[wrong]!r}: {error}") from error

    def _checked(self, domain: Domain, value: Any) -> Any:
        """A value of the domain. A number is what is nearest to it, if numbers stay in their ranges."""
        if not _holds(domain, value):
            raise ValueError(f"expected {domain.expected}")
        if isinstance(domain, Float | Integer):
            return domain.nearest(value) if self._stays else domain.cast(value)
        return value


def _holds(domain: Domain, value: Any) -> bool:
    """Whether a value is of the domain's kind."""
    match domain:
        case Choice(values=values):
            return value in values
        case Constant(value=constant):
            return bool(value == constant)
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)
