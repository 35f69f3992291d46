"""The arguments of a study, checked: strategies, seeds and files of policies."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import index
from os import PathLike
from pathlib import Path

from hetsched.argument_types import MOST, MOST_SEED
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, brief, path_of
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.policy_files import policies_of
from hetsched.scenario.scenario import Scenario, Setup, resolved

Strategies = Iterable[str | Strategy]
"""Such as `["uniform+fifo", "fusion+hrfs"]`."""

Seeds = int | Iterable[int]
"""How many, from the scenario's `first_seed` on, or which ones."""


def chosen_strategy(given: str | Strategy) -> Strategy:
    """The strategy. Raises InputError, with the nearest right spelling, if it is none."""
    return _strategy(given, "strategy", "one strategy")


def chosen_strategies(setup: Setup, given: Strategies | None) -> list[Strategy]:
    """The given strategies, or else the scenario's, each once. Raises InputError for a value that
    is no strategy."""
    if isinstance(given, (str, Strategy)):
        given = [given]
    wanted = setup.scenario.strategies if given is None else given
    names = list(wanted) if isinstance(wanted, Iterable) else []
    if not names:
        raise InputError(f"strategies: expected at least one, such as ['fusion+hrfs'], found {given!r}")
    return list(dict.fromkeys(_strategy(name, "strategies", "strategies") for name in names))


def _strategy(given: object, argument: str, expected: str) -> Strategy:
    if not isinstance(given, (str, Strategy)):
        raise InputError(f"{argument}: expected {expected}, such as 'fusion+hrfs', found {given!r}")
    return parse_strategy(str(given), argument)


def chosen_files(given: Iterable[Path | str] | Path | str, *, there: bool = False) -> list[Path]:
    """The files of policies. Raises InputError for a value that is no path. With `there`, every
    file must exist."""
    files = [given] if isinstance(given, (str, PathLike)) else given
    if not isinstance(files, Iterable):
        raise InputError(f"policy_files: expected a list of paths, found {given!r}")
    paths = [path_of(file, "policy_files") for file in files]
    for path in paths:
        if there and not path.is_file():
            raise InputError(f"policy_files: {path}: no such file")
    return paths


@contextmanager
def studied(scenario: Scenario | Setup, policy_files: Iterable[Path | str] | Path | str = ()) -> Iterator[Setup]:
    """The setup of the scenario, with these files of policies. Within this context the policies of
    its files count, and after it those that counted before. Raises InputError as `resolved` and
    `chosen_files` do, and for a file that cannot be run."""
    files = chosen_files(policy_files, there=True)
    with policies_of(files):  # which the scenario may have options for
        setup = resolved(scenario).with_policy_files(files)
        with policies_of(setup.policy_files):
            yield setup


def chosen_seeds(setup: Setup, given: Seeds) -> list[int]:
    """The seeds. Raises InputError for values that are no seeds."""
    try:
        seeds = [_whole(seed) for seed in given] if isinstance(given, Iterable) else _so_many(setup, _whole(given))
    except TypeError:
        seeds = []
    if seeds and max(seeds) > MOST_SEED:
        raise InputError(
            f"seeds: expected at most {MOST_SEED:,}, found {brief(max(seeds))}: name smaller ones, or a smaller first "
            "one (first_seed, --seed)"
        )
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        expected = (
            f"how many (at least 1, at most {MOST:,}), or a list of different whole numbers from 0 to {MOST_SEED:,}"
        )
        raise InputError(f"seeds: expected {expected}, got {brief(given)}")
    return seeds


def _whole(number: int) -> int:
    """A whole number. Raises TypeError for any other value, also for True."""
    if isinstance(number, bool):
        raise TypeError
    return index(number)


def _so_many(setup: Setup, count: int) -> list[int]:
    return list(range(setup.scenario.first_seed, setup.scenario.first_seed + count)) if count <= MOST else []


def check_counts(most: int = MOST, **counts: int | None) -> None:
    """Raise InputError, naming the argument, for a value that is neither None nor a whole number
    from 1 to `most`."""
    for name, count in counts.items():
        whole = isinstance(count, int) and not isinstance(count, bool)
        if count is not None and not (whole and 1 <= count <= most):
            expected = f"from 1 to {most:,}" if whole and count > most else "from 1"
            raise InputError(f"{name}: expected a whole number {expected}, got {brief(count)}")
