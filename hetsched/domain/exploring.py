"""How PBT explores each kind of hyperparameter, beyond what Ray's class does.

Ray multiplies numbers and moves in lists. The rest is the same on every backend. A choice without
an order is drawn again with the resample probability. A number outside its range comes back into
it. A user's function has the last word.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from hetsched.domain.hyperparameters import Choice, Domain, Float, Hyperparameters, Integer, flat, nested
from hetsched.domain.metric import finite
from hetsched.domain.plain import plain
from hetsched.domain.registry import Registry
from hetsched.domain.workload import PBT, Experiment
from hetsched.errors import RAISED, PolicyError, where

Explore = Callable[[dict[str, Any], Random], dict[str, Any]]
"""A user's function. It gets nested hyperparameters as PBT explored them, and random numbers. It
returns the hyperparameters of the trial."""

explorers: Registry[dict[str, Any]] = Registry("explore function", "hetsched.explore")
register = explorers.register


class Exploration:
    """How an experiment's hyperparameters are explored.

    Raises InputError if there is no explore function with the name in `pbt.explore`.
    """

    def __init__(self, experiment: Experiment, settings: PBT) -> None:
        mutated = experiment.mutated
        self.perturbed: dict[str, Float | Integer | Choice] = {
            key: domain
            for key, domain in mutated.items()
            if isinstance(domain, Float | Integer) or (isinstance(domain, Choice) and domain.ordered)
        }
        """The hyperparameters that are resampled, or else multiplied or moved to a neighbour. In
        real runs Ray does that."""
        self._chosen = {
            key: domain for key, domain in mutated.items() if isinstance(domain, Choice) and not domain.ordered
        }
        self._resample_probability = settings.resample_probability
        self._stays = settings.bounds == "range"
        self._domains = experiment.search_space
        self._name = settings.explore
        self._function: Explore | None = None if settings.explore is None else explorers.factory(settings.explore)

    def finish(self, explored: Mapping[str, Any], rng: Random) -> Hyperparameters:
        """The hyperparameters with which the trial goes on, from those that PBT has perturbed.

        Raises PolicyError if the user's function raises, or returns hyperparameters that no trial
        can have.
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
        except RAISED as error:
            raise PolicyError(f"{name} raised {type(error).__name__}{where(error)}: {error}") from error
        if not isinstance(returned, Mapping):
            raise PolicyError(f"{name} returned {returned!r}: expected the hyperparameters, a dictionary")
        new = flat(returned)
        if new.keys() != explored.keys():
            raise PolicyError(
                f"{name} returned the hyperparameters {', '.join(map(str, new)) or 'none'}: "
                f"expected {', '.join(explored)}"
            )
        return {key: self._checked(key, domain, new[key]) for key, domain in self._domains.items()}

    def _checked(self, key: str, domain: Domain, value: Any) -> Any:
        """The value in the domain's own type. For a number it is the nearest one, if numbers stay
        in their ranges. For a choice it is the equal one. Raises PolicyError, naming the key, for a
        value outside the domain."""
        if isinstance(domain, Float | Integer):
            number = plain(value)
            if isinstance(number, int | float) and not isinstance(number, bool) and finite(number) is not None:
                return domain.nearest(number) if self._stays else domain.cast(number)
        else:
            for own in domain.values if isinstance(domain, Choice) else (domain.value,):
                if _same(own, value):
                    return own
        raise PolicyError(f"explore function {self._name!r} returned {key} = {value!r}: expected {domain.expected}")


def _same(own: Any, value: Any) -> bool:
    """Whether the value, of any type, equals one of the domain's own values. True is not 1."""
    if isinstance(own, bool) is not isinstance(plain(value), bool):
        return False
    try:
        return bool(own == value)
    except Exception:  # an array of several elements, say, is neither equal nor unequal
        return False
