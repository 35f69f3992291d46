"""The runs of a suite, scenario by scenario: simulated, kept, and their logs thrown away."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, PolicyError
from hetsched.scenario.checks import parse_strategy, profiled_workers
from hetsched.scenario.scenario import Setup
from hetsched.studies.fan_out import Task, attempts, run_folder
from hetsched.studies.periods import fitted
from hetsched.studies.suite.record import Cell, Record, record

Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]


class FanOut(NamedTuple):
    """On how many cores to simulate (None: all), and on those of which Ray cluster (None: of this machine)."""

    jobs: int | None = 1
    ray_address: str | None = None


def strategy_of(setup: Setup, policy: str) -> Strategy:
    """The policy on the workers of the scenario's first strategy, or the whole strategy that it names."""
    if "+" in policy:
        return parse_strategy(policy, "policies")
    return Strategy(parse_strategy(setup.scenario.strategies[0], "strategies").allocation, policy)


def carry_out_all(
    scenarios: Mapping[str, Setup], cells: Sequence[Cell], folder: Path, fan_out: FanOut, progress: Progress
) -> Iterator[Record]:
    """Simulate the cells and hand each over when it is done. A policy that refuses a scenario is no error. Logs are in
    the folder while runs go on. Raises PolicyError for a policy that fails: the log of its run stays there."""
    rmtree(folder, ignore_errors=True)  # what a stopped suite has left
    with progress(len(cells)) as advance:
        for name, setup in scenarios.items():
            of_scenario = [cell for cell in cells if cell.scenario == name]
            for of_one in _carried_out(setup, of_scenario, folder / name, fan_out):
                yield of_one
                advance()
    rmtree(folder, ignore_errors=True)


def _carried_out(setup: Setup, cells: Sequence[Cell], folder: Path, fan_out: FanOut) -> Iterator[Record]:
    refusals = {policy: _refusal(setup, policy) for policy in dict.fromkeys(cell.policy for cell in cells)}
    yield from (Record(*cell, refused=why) for cell in cells if (why := refusals[cell.policy]) is not None)
    left = [cell for cell in cells if refusals[cell.policy] is None]
    if not left:
        return
    setup, periods = fitted(setup, [strategy_of(setup, cell.policy) for cell in left])
    tasks = {Task(strategy_of(setup, cell.policy), cell.seed): cell for cell in left}
    with attempts(setup, fan_out.jobs and min(fan_out.jobs, len(tasks)), fan_out.ray_address) as attempting:
        for task, run in attempting(list(tasks), folder):
            if isinstance(run, PolicyError):
                run.add_note(f"scenario {tasks[task].scenario!r}, seed {task.seed}")
                raise run
            yield record(setup, tasks[task], run, periods.get(task.strategy.scheduling, ""))
            rmtree(run_folder(folder, *task), ignore_errors=True)


def _refusal(setup: Setup, policy: str) -> str | None:
    """Why the policy cannot run the scenario, None if it can."""
    try:
        profiled_workers(setup, strategy_of(setup, policy))
    except InputError as error:
        return str(error)
    return None
