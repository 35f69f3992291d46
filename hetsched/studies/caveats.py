"""What studies say beside the figures of logs: what the simulations assumed, and warnings.

A study writes both into its summary. Without a summary, because the study goes on or was stopped,
they are computed again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError, unreadable
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.assumptions import assumptions
from hetsched.studies.comparison_plan import PLAN_NAME, load_plan
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.unknown_scores import joined

SIMULATED = "sim"


class Caveats(NamedTuple):
    """Assumptions, with one line per assumption. Warnings by strategy."""

    assumptions: list[str]
    warnings: dict[str, str]


class _Said(msgspec.Struct):
    """What a summary has beside its figures."""

    warnings: dict[str, str] = {}
    assumptions: list[str] = []


def summary_of(folder: Path) -> dict[str, Any]:
    """The `summary.json` of the folder. Empty: the folder has none. Raises InputError, with the
    path, if the file is damaged."""
    path = folder / SUMMARY_NAME
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
        msgspec.convert(found, _Said)
    except OSError as error:
        raise InputError(unreadable(path, error)) from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not what a study wrote: {error}: remove it, and the logs alone are read") from error
    return found


def caveats_of(home: Path, states: Iterable[State]) -> Caveats:
    """The caveats of runs of the study in that folder, which has the scenario. Real runs assume
    nothing."""
    if told := summary_of(home):
        return Caveats(list(told.get("assumptions", ())), dict(told.get("warnings", {})))
    if (home / PLAN_NAME).is_file():
        plan = load_plan(home)
        return Caveats(plan.assumed, plan.warned)
    runs = [state.run for state in states if state.run is not None]
    simulated = dict.fromkeys(run.strategy for run in runs if run.backend == SIMULATED)
    if not simulated:
        return Caveats([], {})
    return Caveats(assumed_anew(load_setup_of_logs(home / SCENARIO_NAME), map(strategy_of, simulated)), {})


def assumed_anew(setup: Setup, strategies: Iterable[Strategy]) -> list[str]:
    """What simulations of these strategies assume, or why this is not known."""
    try:
        return assumptions(setup, strategies)
    except HetschedError as error:  # such as of a policy in a file, which is not executed to read logs
        return [f"not known here: {error}"]


def strategy_of(name: str) -> Strategy:
    """The strategy of that name. Its policies may be unknown, if they are in a file."""
    allocation, _, scheduling = name.partition("+")
    return Strategy(allocation, scheduling)


def all_of(caveats: Iterable[Caveats]) -> Caveats:
    """The caveats together, each line once."""
    found = list(caveats)
    lines = dict.fromkeys(line for each in found for line in each.assumptions)
    return Caveats(list(lines), joined(*(each.warnings for each in found)))
