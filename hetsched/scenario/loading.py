"""From a TOML file to a scenario, with errors in words."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hetsched import allocation, scheduling
from hetsched.errors import InputError, nearest
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.tables import DISCOVER

Discover = Callable[[str | None], list[dict[str, Any]]]
"""From the address that the scenario has to the tables of the nodes that are there."""


def load(path: Path, discover: Discover | None = None) -> Scenario:
    """Read and check a scenario; its nodes come from `discover` if it says `cluster = "discover"`.

    Raises InputError, a line a problem, for whatever is wrong in it.
    """
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot read the scenario: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file: {error.reason}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from error
    if isinstance(said := document.get("cluster"), str):
        document["cluster"] = {"nodes": _discovered(path, document, said, discover)}
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {_explain(detail)}" for detail in error.errors())) from error
    scenario._folder = path.parent
    try:
        for name in scenario.strategies:
            parse_strategy(name, where="strategies")
        if scenario.baseline is not None:
            parse_strategy(scenario.baseline, where="baseline")
        for name, options in scenario.allocation.items():
            allocation.policies.create(name, options)
        for name, options in scenario.scheduling.items():
            scheduling.policies.create(name, options)
        scenario.learning_model()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    try:
        scenario.times  # noqa: B018  (reads the sources)
    except InputError as error:
        raise InputError(f"{path}: profile.sources: {error}") from error
    try:
        scenario.workload_spec()  # reads the trace
    except InputError as error:
        raise InputError(f"{path}: workload.trace: {error}") from error
    return scenario


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


def _explain(detail: ErrorDetails) -> str:
    """One line: key, what is wrong, what was expected, and the nearest right spelling of an unknown key."""
    loc = [part for part in detail["loc"] if not str(part).startswith(("constrained-", "list["))]  # arms of a union
    *parents, last = loc or [""]
    key = ".".join(str(part) for part in loc)
    if not key:  # found by a check of the whole scenario, which names the key itself
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"{key}: unknown key: {nearest(str(last), _keys_at(parents))}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{key}: missing: {message.lower()}"
    given = detail["input"]
    shown = f", got {given!r}" if isinstance(given, (str, int, float, bool)) else ""
    return f"{key}: {message[0].lower()}{message[1:]}{shown}"


def _keys_at(parents: list[int | str]) -> list[str]:
    """The keys that the table at this place may have."""
    table: type[BaseModel] = Scenario
    for part in parents:
        if isinstance(part, str) and part in table.model_fields:
            table = _inner_table(table.model_fields[part].annotation) or table
    return list(table.model_fields)


def _inner_table(annotation: Any) -> type[BaseModel] | None:
    """The table class inside an annotation such as list[NodeTable]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in getattr(annotation, "__args__", ()) if (found := _inner_table(arg))), None)
