"""Loads a scenario from a TOML file. Messages say what is wrong with the file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.cluster_tables import DISCOVER
from hetsched.scenario.part_names import check_parts
from hetsched.scenario.policy_files import policies_of
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.scenario.toml_file import read_toml
from hetsched.scenario.written_by import other_version

Discover = Callable[[str | None], list[dict[str, Any]]]
"""A function from the scenario's address of a Ray cluster to the tables of the nodes of that
cluster."""


def load(path: Path, discover: Discover | None = None) -> Scenario:
    """The scenario of a file, checked as `load_setup` checks it. Raises InputError as `load_setup`
    does."""
    return load_setup(path, discover).scenario


def load_setup(path: Path, discover: Discover | None = None, policy_files: Sequence[Path] = ()) -> Setup:
    """Read and check a scenario and all files that it names. Policy files are executed.

    The nodes come from `discover` if the scenario has `cluster = "discover"`. Each of
    `policy_files` replaces the scenario's policy file of the same name, which is not read. Raises
    InputError, with one line per problem, if anything in the scenario is wrong.
    """
    scenario = _parsed(path, discover)
    if policy_files:
        replaced = {file.name for file in policy_files}
        kept = [name for name in scenario.policy_files if Path(name).name not in replaced]
        scenario = scenario.replace(policy_files=[*kept, *(str(file.absolute()) for file in policy_files)])
    try:
        with policies_of(scenario.policy_paths, again=True):
            _ = scenario.training_source
            _check_names(scenario)
            return scenario.read()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def load_setup_of_logs(path: Path) -> Setup:
    """Read the scenario of runs, to measure their logs.

    No file that the scenario names is executed. Therefore the names of policies and of learning
    models are not checked. Raises InputError, with one line per problem.
    """
    scenario = _parsed(path, None)
    try:
        return scenario.read()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def load_tables(path: Path) -> Scenario:
    """The scenario of a file as it is written. Files that the scenario names are not read, and
    nodes not discovered.

    Raises InputError, with one line per problem.
    """
    return _parsed(path, _here)


def load_training_tables(path: Path) -> Scenario:
    """The scenario of a file as `load_tables` reads it. The file needs neither strategies nor a
    cluster, because they do not change how one trial trains. Raises InputError, with one line per
    problem."""
    return _parsed(path, _here, {"strategies": ["uniform+fifo"], "cluster": {"nodes": _here(None)}})


def _here(_: str | None) -> list[dict[str, Any]]:
    """One node that replaces the nodes of a Ray cluster where these are not needed."""
    return [{"name": "here", "cores": 1}]


def _parsed(path: Path, discover: Discover | None, defaults: Mapping[str, Any] = MappingProxyType({})) -> Scenario:
    document = {**defaults, **read_toml(path, "the scenario")}
    if isinstance(said := document.get("cluster"), str):
        document["cluster"] = {"nodes": _discovered(path, document, said, discover)}
    try:
        return Scenario.of(document, path.parent)
    except InputError as error:
        lines = [f"{path}: {line}" for line in str(error).splitlines()]
        raise InputError("\n".join([*lines, *other_version(path)])) from error


def _check_names(scenario: Scenario) -> None:
    """Raise InputError, naming the key, if a policy or learning model is unknown, or if an option
    is wrong."""
    for name in scenario.strategies:
        parse_strategy(name, where="strategies")
    if scenario.baseline is not None:
        parse_strategy(scenario.baseline, where="baseline")
    check_parts(scenario, scenario.path)
    scenario.learning_model()


def _discovered(path: Path, document: dict[str, Any], said: str, discover: Discover | None) -> list[dict[str, Any]]:
    if said != DISCOVER:
        raise InputError(f'{path}: cluster: expected [[cluster.nodes]] or "{DISCOVER}", got {said!r}')
    if discover is None:
        raise InputError(
            f"{path}: cluster: \"{DISCOVER}\" asks a running Ray cluster, which only 'hetsched run' and 'hetsched "
            "validate' do: list the nodes instead; 'hetsched nodes --address ADDR' prints them"
        )
    real = document.get("real")
    try:
        return discover(real.get("address") if isinstance(real, dict) else None)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
