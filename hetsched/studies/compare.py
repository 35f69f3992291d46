"""Strategies in simulation under the same seeds, and statements about their differences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hetsched.analysis.paired import RankAgreement
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError, counted, path_of
from hetsched.scenario.checks import check_policies, parse_strategy, profiled_workers
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import SCENARIO_NAME, Scenario, Setup
from hetsched.signals import one_interrupt
from hetsched.studies import comparison
from hetsched.studies.assumed_scores import check_learning
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.comparison import NARROW, Comparison, Runs
from hetsched.studies.comparison_plan import PLAN_NAME, ComparisonPlan, finished, load_plan, resume_command, unreported
from hetsched.studies.fan_out import Simulate, Task, fan_out
from hetsched.studies.folder import ResultsFolder, report_command, write_running_results, write_summary
from hetsched.studies.frames import frame, metric_columns
from hetsched.studies.inputs import Seeds, Strategies, check_counts, chosen_seeds, chosen_strategies, studied
from hetsched.studies.one_run import RunResult
from hetsched.studies.periods import fitted
from hetsched.studies.results import Results, scenario_facts
from hetsched.studies.results_csv import write_results_csv
from hetsched.studies.run_warnings import of_runs
from hetsched.studies.sittings import go_on_with_study
from hetsched.studies.sole_owner import sole_owner
from hetsched.studies.unknown_scores import joined
from hetsched.studies.watching import Progress, silent

if TYPE_CHECKING:
    from pandas import DataFrame

COMPARISON = "comparison"

MAX_SEEDS = 100
"""The default for the most seeds of "auto"."""


@dataclass(frozen=True, kw_only=True)
class ComparisonResult(Results):
    """The figures of every strategy.

    - `narrow`: whether the interval of every paired ratio of makespans is narrower than 1% of the
      ratio
    - `rank_agreement`: whether strategies come in the same order under every seed
    - `complete`: whether the result has all seeds that were asked for
    - `by_width`: whether the number of seeds was "auto"
    - `finished`: how many runs exist, also under incomplete seeds
    - `asked`: how many runs were asked for (None: "auto")
    """

    setup: Setup = field(repr=False)
    baseline: str
    seeds: list[int]
    comparisons: dict[str, Comparison] = field(repr=False)
    finished: int = field(default=0, repr=False)
    asked: int | None = field(default=None, repr=False)
    narrow: bool
    rank_agreement: RankAgreement = field(repr=False)
    complete: bool = True
    by_width: bool = field(default=False, repr=False)
    periods: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By scheduling policy, in words, the periods that were set to fit the runs."""

    @property
    def so_far(self) -> str:
        """How many runs exist, in words."""
        return runs_finished(self.finished, self.asked)

    @property
    def verdicts(self) -> dict[str, str]:
        """The statement about each strategy against the baseline."""
        return {name: of.verdict for name, of in self.comparisons.items() if of.makespan_vs_baseline is not None}

    def strategies_frame(self) -> "DataFrame":
        """A row per strategy: means over the seeds (see `hetsched.studies.comparison.Comparison`).
        The makespan's interval and its ratio to the baseline have columns of their own. Raises
        InputError without pandas."""
        return frame(_row(name, figures) for name, figures in self.comparisons.items())

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **scenario_facts(self.setup),
            "baseline": self.baseline,
            "seeds": self.seeds,
            "complete": self.complete,
            "intervals_are_narrow": self.narrow,
            "rank_agreement": self.rank_agreement,
            "periods": dict(self.periods),
            **self.caveats,
            "folder": str(self.folder),
            "strategies": self.comparisons,
        }


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a comparison. `result` has the seeds under which all strategies are finished. None:
    there are none."""

    def __init__(self, result: ComparisonResult | None) -> None:
        super().__init__()
        self.result = result


def compare(
    scenario: Scenario | Setup,
    strategies: Strategies | None = None,
    seeds: Seeds | Literal["auto"] | None = None,
    folder: Path | str | None = None,
    *,
    baseline: str | Strategy | None = None,
    max_seeds: int = MAX_SEEDS,
    jobs: int | None = 1,
    policy_files: Sequence[Path | str] = (),
    ray_address: str | None = None,
    progress: Progress = silent,
) -> ComparisonResult:
    """Simulate every strategy, and always the baseline, under the same seeds, seed by seed.

    - `strategies`, `seeds`, `baseline`: the defaults are the scenario's. "auto" adds seeds, up to
      `max_seeds`, until the interval of every difference is under 1%.
    - `folder`: for logs and figures. It must be new. Without it the logs are in a temporary folder,
      which is deleted together with the result.
    - `jobs`: how many processes simulate (None: one per core), with `ray_address` on that cluster.
      Several know only policies that are installed, or in `policy_files` or the scenario's files.

    Periods of policies that the scenario does not set are made to fit the runs. Raises InputError
    for wrong input, PolicyError if a policy fails, and HetschedError if a run trained nothing.
    Ctrl-C raises Interrupted with the result so far. `resume_comparison` goes on.
    """
    with studied(scenario, policy_files) as setup:
        check_counts(max_seeds=max_seeds, jobs=jobs)
        chosen = _with_baseline(setup, strategies, baseline)
        setup, periods = fitted(setup, chosen)
        listed = _first_seeds(setup, seeds, chosen)
        at_most = len(chosen) * (max_seeds if seeds == "auto" else len(listed))
        with one_interrupt(), fan_out(setup, jobs and min(jobs, at_most), ray_address) as simulating:
            home = ResultsFolder.new(folder, setup, "compare")
            asked, done = None if seeds == "auto" else at_most, dict[Task, RunResult]()
            with _going_on(home, len(chosen), asked, done), sole_owner(home.path, COMPARISON):
                plan = ComparisonPlan.begun(
                    home.path, setup, chosen, "auto" if seeds == "auto" else listed, max_seeds, periods
                )
                return _carried_out(home, setup, plan, simulating, progress, done)


def resume_comparison(
    folder: Path | str,
    *,
    jobs: int | None = 1,
    ray_address: str | None = None,
    progress: Progress = silent,
) -> ComparisonResult:
    """Go on with a comparison that was stopped, from the runs that its folder holds.

    The `decision_s` of a run that was finished before is the one in `results.csv`. If that file has
    none, it is unknown, and left out of the mean. Raises InputError if the folder has no
    comparison, or its scenario has changed since. Other errors are those of `compare`.
    """
    folder = path_of(folder, "folder")
    plan = load_plan(folder)
    plan.check(folder)
    with studied(load_setup(folder / SCENARIO_NAME)) as setup:
        chosen = chosen_strategies(setup, plan.strategies)
        check_learning(setup)
        with sole_owner(folder, COMPARISON):
            done = finished(folder, setup, chosen, plan.seeds_from(setup.scenario.first_seed))
            with one_interrupt(), fan_out(setup, jobs, ray_address) as simulating:
                home = ResultsFolder(folder)
                go_on_with_study(folder)
                with _going_on(home, len(chosen), plan.asked, done):
                    return _carried_out(home, setup, plan, simulating, progress, done)


def _carried_out(
    home: ResultsFolder,
    setup: Setup,
    plan: ComparisonPlan,
    simulating: Simulate,
    progress: Progress,
    done: dict[Task, RunResult],
) -> ComparisonResult:
    """Simulate the runs that are not `done` yet. Returns the result of all runs."""
    baseline, *_ = chosen = chosen_strategies(setup, plan.strategies)

    def run_seeds(these: Sequence[int]) -> Runs:
        return comparison.run_all(chosen, these, home.path, simulating, progress, done)

    try:
        if plan.seeds == "auto":
            first, at_least = setup.scenario.first_seed, setup.scenario.seeds
            runs = comparison.run_until_narrow(run_seeds, baseline, first, at_least, plan.max_seeds)
        else:
            runs = run_seeds(plan.seeds)
    except KeyboardInterrupt as stop:
        raise _interrupted(home, setup, plan, done) from stop
    return _written(home, setup, plan, runs, len(done), complete=True)


def _interrupted(home: ResultsFolder, setup: Setup, plan: ComparisonPlan, done: dict[Task, RunResult]) -> Interrupted:
    """The result of the complete seeds, which is also written to the folder, and how to go on."""
    chosen, seeds = chosen_strategies(setup, plan.strategies), plan.seeds_from(setup.scenario.first_seed)
    tasks = [Task(strategy, seed) for seed in seeds for strategy in chosen]
    done |= unreported(home.path, setup, (task for task in tasks if task not in done))
    runs = comparison.complete_seeds(chosen, done)
    complete = len(next(iter(runs.values())))
    try:
        stop = Interrupted(_written(home, setup, plan, runs, len(done), complete=False) if complete else None)
    except HetschedError:  # a run trained nothing, so there is no result
        stop = Interrupted(None)
    return _with_notes(stop, home, len(plan.strategies), plan.asked, done)


@contextmanager
def _going_on(
    home: ResultsFolder, strategies: int, asked: int | None, done: Mapping[Task, RunResult]
) -> Iterator[None]:
    """Ctrl-C says how to go on once there is something to go on with, also before the first run."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt as stop:
        if not (home.path / PLAN_NAME).exists():
            raise
        raise _with_notes(Interrupted(None), home, strategies, asked, done) from stop


def _with_notes(
    stop: Interrupted, home: ResultsFolder, strategies: int, asked: int | None, done: Mapping[Task, RunResult]
) -> Interrupted:
    """The interrupt, with notes: how many runs exist of those `asked` for, and the commands that go
    on with the comparison and show it."""
    if not home.temporary:
        seeds = Counter(task.seed for task in done)
        complete = counted(sum(number == strategies for number in seeds.values()), "seed")
        so_far = f"{runs_finished(len(done), asked)}, {complete} complete in {home.path}"
        stop.add_note(f"{so_far}; go on with: {resume_command(home.path)}")
        if home.has_finished():
            stop.add_note(f"report: {report_command(home.path)}")
    return stop


def runs_finished(finished: int, asked: int | None) -> str:
    """How many runs have finished, in words. `asked` is the number of all runs, if it is known.

    >>> runs_finished(11, 60), runs_finished(1, None)
    ('11 of 60 runs finished', '1 run finished')
    """
    runs = counted(finished if asked is None else asked, "run")
    return f"{runs} finished" if asked is None else f"{finished} of {runs} finished"


def _with_baseline(setup: Setup, strategies: Strategies | None, baseline: str | Strategy | None) -> list[Strategy]:
    """The baseline and the other strategies, each once. Raises InputError for a strategy that
    cannot be simulated."""
    scenario = setup.scenario
    if baseline is not None:
        key, name = "baseline", str(baseline)
    elif scenario.baseline is not None:
        key, name = "baseline", scenario.baseline
    else:
        key, name = "strategies", scenario.strategies[0]
    first = parse_strategy(name, key)
    chosen = list(dict.fromkeys([first, *chosen_strategies(setup, strategies)]))
    for strategy in chosen:
        profiled_workers(setup, strategy)
    check_policies(setup, chosen)
    check_learning(setup)
    return chosen


def _first_seeds(setup: Setup, seeds: Seeds | str | None, strategies: Sequence[Strategy]) -> list[int]:
    if isinstance(seeds, str):
        if seeds != "auto":
            raise InputError(f'seeds: expected a number, a list of seeds or "auto", got {seeds!r}')
        if len(strategies) < 2:
            raise InputError("seeds auto: there is nothing to compare with the baseline; add a strategy")
        seeds = None
    return chosen_seeds(setup, setup.scenario.seeds if seeds is None else seeds)


def _written(
    home: ResultsFolder, setup: Setup, plan: ComparisonPlan, runs: Runs, finished: int, *, complete: bool
) -> ComparisonResult:
    """The result. It is also written to its folder."""
    assumed = [*plan.assumed, *beyond_recordings(setup, chain(*runs.values()))]
    result = comparison_result(home, setup, plan, runs, assumed, {}, complete, finished)
    result = replace(result, warnings=joined(plan.warned, of_runs(setup, runs)))
    figures = {name: [run.metrics for run in of_strategy] for name, of_strategy in result.by_strategy.items()}
    remarks = {name: result.warned(name) for name in figures}
    write_running_results(home.path, setup, "simulation", figures, remarks, result.assumptions)
    write_results_csv(home.path, sim=result.runs)
    write_summary(home.path, "compare", result.document(), complete=complete)
    return result


def comparison_result(
    home: ResultsFolder,
    setup: Setup,
    plan: ComparisonPlan,
    runs: Runs,
    assumed: Sequence[str],
    warnings: Mapping[str, str],
    complete: bool,
    finished: int,
) -> ComparisonResult:
    """The result of runs under the same seeds; the baseline comes first. `finished` counts the runs
    of all seeds."""
    baseline = next(iter(runs))
    return ComparisonResult(
        home=home,
        runs=tuple(run for of_strategy in runs.values() for run in of_strategy),
        setup=setup,
        baseline=str(baseline),
        seeds=[run.metrics.seed for run in runs[baseline]],
        comparisons=comparison.compare(runs, baseline),
        complete=complete,
        finished=finished,
        asked=plan.asked,
        by_width=plan.seeds == "auto",
        periods=plan.periods,
        assumptions=assumed,
        warnings=warnings,
        narrow=comparison.widest(runs, baseline) < NARROW,
        rank_agreement=comparison.agreement_of_ranks(runs),
    )


def _row(name: str, figures: Comparison) -> dict[str, Any]:
    plain = {key: value for key, value in msgspec.structs.asdict(figures).items() if not key.endswith("_vs_baseline")}
    interval = figures.makespan_s.ci95 or (None, None)
    paired = figures.makespan_vs_baseline
    low, high = (None, None) if paired is None or paired.ci95 is None else paired.ci95
    return {
        "strategy": name,
        **plain,
        **metric_columns(figures.metric),
        "makespan_s": figures.makespan_s.mean,
        "makespan_low_s": interval[0],
        "makespan_high_s": interval[1],
        "speedup_vs_baseline": figures.speedup_vs_baseline,
        "speedup_low": low,
        "speedup_high": high,
    }
