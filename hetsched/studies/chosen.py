"""What a study is asked for: strategies and seeds, checked."""

from collections.abc import Iterable
from operator import index

from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup

Strategies = Iterable[str | Strategy]
"""Such as `["uniform+fifo", "fusion+hrfs"]`."""

Seeds = int | Iterable[int]
"""How many, from the scenario's `first_seed` on, or which ones."""


def chosen_strategy(given: str | Strategy) -> Strategy:
    """Raises InputError, with the nearest right spelling, for what is no strategy."""
    return parse_strategy(str(given), "strategy")


def chosen_strategies(setup: Setup, given: Strategies | None) -> list[Strategy]:
    """The given strategies, else the scenario's, each once. Raises InputError for what is no strategy."""
    if isinstance(given, (str, Strategy)):
        given = [given]
    names = setup.scenario.strategies if given is None else [str(strategy) for strategy in given]
    if not names:
        raise InputError("strategies: expected at least one, such as 'fusion+hrfs'")
    return [parse_strategy(name, "strategies") for name in dict.fromkeys(names)]


def chosen_seeds(setup: Setup, given: Seeds) -> list[int]:
    """Raises InputError for what are no seeds."""
    try:
        seeds = [index(seed) for seed in given] if isinstance(given, Iterable) else _so_many(setup, index(given))
    except TypeError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        expected = "how many (at least 1), or a list of different whole numbers of at least 0"
        raise InputError(f"seeds: expected {expected}, got {given!r}")
    return seeds


def _so_many(setup: Setup, count: int) -> list[int]:
    return list(range(setup.scenario.first_seed, setup.scenario.first_seed + count))
