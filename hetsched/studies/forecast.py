"""Simulates many strategies. Some of them may fail."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from msgspec import Struct

from hetsched.analysis.intervals import Spread, interval_of_one_more, mean_of_known, spread
from hetsched.core.events import TrialCompleted
from hetsched.core.log import read_log
from hetsched.cores import available_cores
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError
from hetsched.scenario.scenario import Setup
from hetsched.studies.beyond_recordings import iterations_beyond, the_most
from hetsched.studies.budget import Budget
from hetsched.studies.fan_out import Task, attempts
from hetsched.studies.one_run import RunResult
from hetsched.studies.unreached import in_all, missed
from hetsched.studies.watching import Progress

AT_ONCE = 4
"""How many simulations per process begin before the budget is checked again."""


class Forecast(Struct, frozen=True):
    """What simulations say of a strategy. Names of seconds end in `_s`.

    - `run_interval_s`: 95% of single runs end within it, if they vary as the simulations do. None:
      these are all alike, or there is only one.
    - ratios: the means of the runs' ratios to the bounds, for any allocation and for the strategy's
      own workers. None: a bound is unknown.
    - `stopped`: how many trials the policy stopped before their end, as a mean. A strategy that
      stops trials is no faster at the same work.
    - `warning`: why the figures should not be trusted.
    """

    makespan_s: Spread
    run_interval_s: tuple[float, float] | None
    bound_ratio: float | None
    workers_bound_ratio: float | None
    workers_bound_s: float | None
    stopped: float
    iterations: float
    warning: str | None = None


class _Simulated(NamedTuple):
    """A simulated run, how many trials its policy stopped, and what the run lacks of
    what the scenario asks for. `beyond` is as in `Simulations`."""

    task: Task
    run: RunResult
    stopped: int
    missed: list[str]
    beyond: dict[str, int]


class Simulations(NamedTuple):
    """Forecasts by strategy, in the order in which the strategies were given. Also why others
    failed, which seeds were used, and how many seeds the budget did not allow. `beyond` has the
    limits of the learning model that runs are beyond, with the most iterations behind their best
    weights. `runs` are those of the forecasts. Their logs are not kept."""

    forecasts: dict[Strategy, Forecast]
    failed: dict[Strategy, str]
    seeds: list[int]
    left_out: int
    beyond: dict[str, int]
    runs: dict[Strategy, list[RunResult]]


def forecast(
    setup: Setup, strategies: Sequence[Strategy], seeds: Sequence[int], jobs: int | None, budget: Budget, show: Progress
) -> Simulations:
    """Simulate every strategy under the same seeds, seed by seed, as long as the budget lasts.

    A strategy fails if the budget does not last for it under the first seed. A later seed counts
    only if all strategies were simulated under it. A simulation that has begun is finished. Logs
    are not kept: `hetsched compare` writes the same ones.
    """
    courses = _Courses(setup, strategies)
    many = AT_ONCE * (jobs or len(available_cores()))
    with (
        TemporaryDirectory(prefix="hetsched-") as folder,
        attempts(setup, jobs) as attempt,
        show(len(strategies) * len(seeds)) as advance,
    ):
        for seed in seeds:
            tasks = courses.tasks(seed)
            while tasks and not (courses.runs and budget.is_over()):
                courses.take(attempt(tasks[:many], Path(folder)), advance)
                tasks = tasks[many:]
            if tasks and courses.finished:
                break
            for task in tasks:
                courses.failed[task.strategy] = f"not simulated: {budget} was over before"
            courses.finished.append(seed)
    return courses.summed_up(len(seeds))


class _Courses:
    """The progress of the simulations. `finished` are the seeds under which none is missing."""

    def __init__(self, setup: Setup, strategies: Iterable[Strategy]) -> None:
        self.runs: list[_Simulated] = []
        self.failed: dict[Strategy, str] = {}
        self.finished: list[int] = []
        self._setup = setup
        self._strategies = list(strategies)

    def tasks(self, seed: int) -> list[Task]:
        return [Task(strategy, seed) for strategy in self._strategies if strategy not in self.failed]

    def take(self, tried: Iterable[tuple[Task, RunResult | HetschedError]], advance: Callable[[], None]) -> None:
        for task, run in tried:
            if isinstance(run, HetschedError):
                self.failed[task.strategy] = str(run)
            elif not run.metrics.iterations:
                self.failed[task.strategy] = f"trained nothing under seed {task.seed}"
            else:
                ends = (event for event in read_log(run.log) if isinstance(event, TrialCompleted))
                stopped = sum(end.is_by_policy for end in ends)
                lacks, beyond = missed(self._setup, run), iterations_beyond(self._setup, [run])
                self.runs.append(_Simulated(task, run, stopped, lacks, beyond))
                run.log.unlink()
            advance()

    def summed_up(self, wanted: int) -> Simulations:
        """The simulations of the seeds, out of `wanted` ones, under which none is missing."""
        of_strategy: dict[Strategy, list[_Simulated]] = {}
        for run in sorted(self.runs, key=lambda run: run.task.seed):
            if run.task.seed in self.finished and run.task.strategy not in self.failed:
                of_strategy.setdefault(run.task.strategy, []).append(run)
        forecasts = {one: _summary(of_strategy[one]) for one in self._strategies if one in of_strategy}
        beyond = the_most(run.beyond for of_one in of_strategy.values() for run in of_one)
        runs = {one: [simulated.run for simulated in of_strategy[one]] for one in forecasts}
        return Simulations(forecasts, self.failed, self.finished, wanted - len(self.finished), beyond, runs)


def _summary(runs: Sequence[_Simulated]) -> Forecast:
    figures = [simulated.run.metrics for simulated in runs]
    makespans_s = [metrics.makespan_s for metrics in figures]
    return Forecast(
        makespan_s=spread(makespans_s),
        run_interval_s=interval_of_one_more(makespans_s),
        bound_ratio=mean_of_known(metrics.bound_ratio for metrics in figures),
        workers_bound_ratio=mean_of_known(metrics.workers_bound_ratio for metrics in figures),
        workers_bound_s=figures[0].workers_bound_s,
        stopped=fmean(run.stopped for run in runs),
        iterations=fmean(metrics.iterations for metrics in figures),
        warning="; ".join(in_all(run.missed for run in runs)) or None,
    )
