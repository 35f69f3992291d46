"""Simulates the runs of a suite, scenario by scenario. The figures are kept, and the logs are
deleted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, PolicyError
from hetsched.scenario.checks import parse_strategy, profiled_workers
from hetsched.scenario.policy_files import policies_of
from hetsched.scenario.scenario import Setup
from hetsched.studies.fan_out import Task, attempts, run_folder
from hetsched.studies.one_run import RunResult
from hetsched.studies.periods import Fit, fit, with_periods
from hetsched.studies.suite.record import Cell, Record, record
from hetsched.studies.watching import Progress

Fits = Mapping[str, Fit]
"""By strategy, the periods that were set to fit a scenario."""


class FanOut(NamedTuple):
    """How many cores simulate (None: all), and the address of their Ray cluster (None: this
    machine)."""

    jobs: int | None = 1
    ray_address: str | None = None


def strategy_of(setup: Setup, policy: str) -> Strategy:
    """The policy on the workers of the scenario's first strategy, or the whole strategy that it
    names."""
    if "+" in policy:
        return parse_strategy(policy, "policies")
    return Strategy(parse_strategy(setup.scenario.strategies[0], "strategies").allocation, policy)


def refusal(setup: Setup, policy: str) -> str | None:
    """Why the policy cannot run the scenario. None: it can."""
    try:
        with policies_of(setup.policy_files):
            profiled_workers(setup, strategy_of(setup, policy))
    except InputError as error:
        return str(error)
    return None


def fits(setup: Setup, policies: Iterable[str]) -> dict[str, Fit]:
    """The periods that are set for each strategy, by the strategy's own bound. They do not depend
    on the other policies that take part."""
    with policies_of(setup.policy_files):
        strategies = {strategy_of(setup, policy) for policy in policies if refusal(setup, policy) is None}
        found = {str(strategy): fit(setup, strategy) for strategy in sorted(strategies)}
    return {strategy: of_one for strategy, of_one in found.items() if of_one is not None}


def carry_out_all(
    scenarios: Mapping[str, Setup],
    periods: Mapping[str, Fits],
    cells: Sequence[Cell],
    folder: Path,
    fan_out: FanOut,
    progress: Progress,
) -> Iterator[Record]:
    """Simulate the cells, with these periods by scenario, and yield each record when its run is
    done.

    A policy that refuses a scenario is no error. Logs are in the folder while runs go on. Raises
    PolicyError if a policy fails. The log of its run then stays in the folder.
    """
    rmtree(folder, ignore_errors=True)  # what a stopped suite has left
    with progress(len(cells)) as advance:
        for name, setup in scenarios.items():
            of_scenario = [cell for cell in cells if cell.scenario == name]
            with policies_of(setup.policy_files):
                for of_one in _carried_out(setup, periods.get(name, {}), of_scenario, folder / name, fan_out):
                    yield of_one
                    advance()
    rmtree(folder, ignore_errors=True)


def _carried_out(setup: Setup, periods: Fits, cells: Sequence[Cell], folder: Path, fan_out: FanOut) -> Iterator[Record]:
    refusals = {policy: refusal(setup, policy) for policy in dict.fromkeys(cell.policy for cell in cells)}
    yield from (Record(*cell, refused=why) for cell in cells if (why := refusals[cell.policy]) is not None)
    of_task: dict[Task, list[Cell]] = {}  # `fifo` and `fusion+fifo` may be the same run
    for cell in cells:
        if refusals[cell.policy] is None:
            of_task.setdefault(Task(strategy_of(setup, cell.policy), cell.seed), []).append(cell)
    for strategies in _together({task.strategy: None for task in of_task}):
        given = {one: periods[str(one)] for one in strategies if str(one) in periods}
        fitted = with_periods(setup, {one.scheduling: of_one for one, of_one in given.items()})
        tasks = [task for task in of_task if task.strategy in strategies]
        with attempts(fitted, fan_out.jobs and min(fan_out.jobs, len(tasks)), fan_out.ray_address) as attempting:
            for task, run in attempting(tasks, folder):
                if isinstance(run, PolicyError):
                    run.add_note(f"scenario {of_task[task][0].scenario!r}, seed {task.seed}")
                    raise run
                if isinstance(run, RunResult):  # of another machine, perhaps, where its log had another place
                    run = run._replace(log=run_folder(folder, *task) / LOG_NAME)
                words = given[task.strategy].words if task.strategy in given else ""
                yield from (record(fitted, cell, run, words) for cell in of_task[task])
                rmtree(run_folder(folder, *task), ignore_errors=True)


def _together(strategies: Iterable[Strategy]) -> list[list[Strategy]]:
    """The strategies in groups. Each group has a scheduling policy only once, because the policy
    may have other periods on other workers."""
    groups: list[list[Strategy]] = []
    for strategy in strategies:
        known = (group for group in groups if all(one.scheduling != strategy.scheduling for one in group))
        group = next(known, None)
        if group is None:
            groups.append(group := [])
        group.append(strategy)
    return groups
