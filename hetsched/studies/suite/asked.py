"""The input of a suite: scenarios, policies and seeds, checked."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, path_of
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import packaged_names, packaged_scenario
from hetsched.scenario.packaged.suite import VERSION, held_out_names, suite_file, suite_names
from hetsched.scenario.policy_files import policies_of
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import OverheadsTable
from hetsched.studies.inputs import check_counts
from hetsched.studies.measuring_policy import MEASURE

NO_COSTS = OverheadsTable(start_up=False, restore=False, evaluation=False, checkpoint=False, noise=False)

Named = str | PathLike[str]
"""A scenario of the suite by its name, or a file."""


class Asked(NamedTuple):
    """What a new suite is to simulate. The first of `policies` is the baseline."""

    scenarios: "Scenarios"
    policies: list[str]
    seeds: list[int]
    policy_files: list[Path]
    costs: bool


class Scenarios(NamedTuple):
    """Scenarios by name. `suite` is the version of the set. None: users' own scenarios rank the
    policies."""

    setups: Mapping[str, Setup]
    held_out: list[str]
    suite: str | None


def chosen_scenarios(
    given: Iterable[Named] | Named | None, held_out: Iterable[Named] | Named | None, costs: bool
) -> Scenarios:
    """The given scenarios (default: all of the suite, and its held-out ones). Without `costs`, they
    have no overheads and no noise.

    Raises InputError if there is none, if one does not exist, and if two have the same name.
    """
    if held_out is None:
        held_out = held_out_names() if given is None else []
    ranked = _read(_list(suite_names() if given is None else given, "scenarios"), {})
    if not ranked:
        raise InputError("scenarios: expected at least one; leave them out for all of the suite")
    others = _read(_list(held_out, "held_out"), ranked)
    setups = {**ranked, **others}
    if not costs:
        setups = {name: setup.replace(overheads=NO_COSTS) for name, setup in setups.items()}
    return Scenarios(setups, list(others), VERSION if set(ranked) <= set(suite_names()) else None)


def _read(given: Iterable[object], known: Mapping[str, Setup]) -> dict[str, Setup]:
    shipped = {suite_file(name).resolve(): name for name in (*suite_names(), *held_out_names())}
    found: dict[str, Setup] = {}
    for one in given:
        file = _file(one)
        setup = load_setup(file)
        name = shipped.get(file.resolve(), setup.scenario.name)
        if name in found or name in known or (name in shipped.values() and file.resolve() not in shipped):
            raise InputError(
                f"{file}: there is another scenario called {name!r}: name it once, or give this one a name of its own"
            )
        found[name] = setup
    return found


def _file(given: object) -> Path:
    """The file of a scenario. A bare name that is no file is the name of a scenario that comes with
    hetsched."""
    path = path_of(given, "scenarios")
    if path.is_dir() and str(path) not in (*packaged_names(), *suite_names(), *held_out_names()):
        raise InputError(f"{path}: is a folder; name the files of the scenarios, such as {path}/*.toml")
    if path.name != str(path) or path.suffix or path.is_file():
        return path
    return packaged_scenario(path.name) if path.name in packaged_names() else suite_file(path.name)


def chosen_policies(
    given: Iterable[str | Strategy] | str | None,
    baseline: object,
    scenarios: Iterable[Setup],
    policy_files: Sequence[Path],
) -> list[str]:
    """The baseline and the other policies, each once. All policies of a file take part, unless some
    of them are named. Raises InputError for a policy that does not exist."""
    with policies_of([*chain(*(setup.policy_files for setup in scenarios)), *policy_files]):
        return _chosen(given, baseline, policy_files)


def _chosen(given: Iterable[str | Strategy] | str | None, baseline: object, policy_files: Iterable[Path]) -> list[str]:
    known = [name for name in scheduling.policies.names() if name != MEASURE]
    names = known if given is None else _list(given, "policies")
    chosen = dict.fromkeys([_policy(baseline, "baseline"), *(_policy(name, "policies") for name in names)])
    named = {name.rpartition("+")[2] for name in chosen}
    for of_file in map(scheduling.policies.of_file, policy_files):
        if named.isdisjoint(of_file):
            chosen |= dict.fromkeys(of_file)
    return list(chosen)


def _policy(given: object, argument: str) -> str:
    if not isinstance(given, (str, Strategy)):
        raise InputError(f"{argument}: expected a scheduling policy or a strategy, such as 'hrfs', found {given!r}")
    name = str(given)
    if "+" in name:
        parse_strategy(name, argument)
    else:
        scheduling.policies.factory(name)
    return name


def first_seeds(number: int) -> list[int]:
    """The seeds from 0 to `number` - 1. Raises InputError if `number` is no number of seeds."""
    if number is None:
        raise InputError("seeds: expected a whole number from 1, got None")
    check_counts(seeds=number)
    return list(range(number))


def check_flags(**flags: object) -> None:
    """Raise InputError, with the name of the argument, for a flag that is neither True nor
    False."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise InputError(f"{name}: expected True or False, found {flag!r}")


def _list(given: object, argument: str) -> list[object]:
    """The given names as a list. A single name is a list of one."""
    if isinstance(given, (str, PathLike, Strategy)):
        return [given]
    if not isinstance(given, Iterable):
        raise InputError(f"{argument}: expected a list of names, found {given!r}")
    return list(given)
