"""Strategies in simulation under the same seeds, and what can be said of their differences."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from hetsched.analysis.paired import RankAgreement
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy, profiled_workers
from hetsched.scenario.scenario import Scenario, Setup, resolved
from hetsched.studies import comparison
from hetsched.studies.chosen import Seeds, Strategies, chosen_files, chosen_seeds, chosen_strategies
from hetsched.studies.comparison import NARROW, Comparison, Runs
from hetsched.studies.fan_out import fan_out
from hetsched.studies.folder import ResultsFolder, write_running_results, write_summary
from hetsched.studies.frames import frame
from hetsched.studies.results import Results, scenario_facts
from hetsched.studies.watching import Progress, silent

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class ComparisonResult(Results):
    """The figures of every strategy. `narrow` says whether the interval of every paired ratio of makespans is narrower
    than 1% of it, `rank_agreement` whether strategies come in the same order under every seed."""

    setup: Setup = field(repr=False)
    baseline: str
    seeds: list[int]
    comparisons: dict[str, Comparison] = field(repr=False)
    narrow: bool
    rank_agreement: RankAgreement = field(repr=False)

    @property
    def verdicts(self) -> dict[str, str]:
        """What can be said of each strategy against the baseline, in words."""
        return {name: of.verdict for name, of in self.comparisons.items() if of.makespan_vs_baseline is not None}

    def strategies_frame(self) -> "DataFrame":
        """A row per strategy: means over the seeds, see `hetsched.studies.comparison.Comparison`. The makespan's
        interval and the makespan's ratio to the baseline have columns of their own. Raises InputError without
        pandas."""
        return frame(_row(name, figures) for name, figures in self.comparisons.items())

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **scenario_facts(self.setup),
            "baseline": self.baseline,
            "seeds": self.seeds,
            "intervals_are_narrow": self.narrow,
            "rank_agreement": self.rank_agreement,
            "folder": str(self.folder),
            "strategies": self.comparisons,
        }


def compare(
    scenario: Scenario | Setup,
    strategies: Strategies | None = None,
    seeds: Seeds | Literal["auto"] | None = None,
    folder: Path | str | None = None,
    *,
    max_seeds: int = 100,
    jobs: int | None = 1,
    policy_files: Sequence[Path | str] = (),
    ray_address: str | None = None,
    progress: Progress = silent,
) -> ComparisonResult:
    """Simulate every strategy under the same seeds. The baseline is always among the strategies.

    `strategies` and `seeds` are the scenario's by default; "auto" adds seeds, up to `max_seeds`, until the interval of
    every difference is under 1%. Logs and figures go to `folder`, which must be new; without one the logs are in a
    temporary folder, which goes with the result. `jobs` processes simulate (None: one per core), on the Ray cluster
    at `ray_address` if there is one; more than one know only policies that are installed or come in `policy_files`.

    Raises InputError for what is wrong in the input, PolicyError if a policy fails, HetschedError if a run trained
    nothing.
    """
    setup = resolved(scenario)
    _check_counts(max_seeds=max_seeds, jobs=jobs)
    baseline, *_ = chosen = _with_baseline(setup, strategies)
    listed = _first_seeds(setup, seeds, chosen)
    at_most = len(chosen) * (max_seeds if seeds == "auto" else len(listed))
    with fan_out(setup, jobs and min(jobs, at_most), chosen_files(policy_files, there=True), ray_address) as simulating:
        home = ResultsFolder(folder, setup)

        def run_seeds(these: Sequence[int]) -> Runs:
            with progress(len(chosen) * len(these)) as advance:
                return comparison.run_all(chosen, these, home.path, simulating, advance)

        if seeds == "auto":
            first, at_least = setup.scenario.first_seed, setup.scenario.seeds
            runs = comparison.run_until_narrow(run_seeds, baseline, first, at_least, max_seeds)
        else:
            runs = run_seeds(listed)
    return _written(home, setup, baseline, runs)


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        whole = isinstance(count, int) and not isinstance(count, bool)
        if count is not None and not (whole and count >= 1):
            raise InputError(f"{name}: expected a whole number from 1, got {count!r}")


def _with_baseline(setup: Setup, strategies: Strategies | None) -> list[Strategy]:
    """The baseline and the other strategies, each once. Raises InputError for a strategy that cannot be simulated."""
    scenario = setup.scenario
    key, name = ("strategies", scenario.strategies[0]) if scenario.baseline is None else ("baseline", scenario.baseline)
    baseline = parse_strategy(name, key)
    chosen = list(dict.fromkeys([baseline, *chosen_strategies(setup, strategies)]))
    for strategy in chosen:
        profiled_workers(setup, strategy)
    return chosen


def _first_seeds(setup: Setup, seeds: Seeds | str | None, strategies: Sequence[Strategy]) -> list[int]:
    if isinstance(seeds, str):
        if seeds != "auto":
            raise InputError(f'seeds: expected a number, a list of seeds or "auto", got {seeds!r}')
        if len(strategies) < 2:
            raise InputError("seeds auto: there is nothing to compare with the baseline; add a strategy")
        seeds = None
    return chosen_seeds(setup, setup.scenario.seeds if seeds is None else seeds)


def _written(home: ResultsFolder, setup: Setup, baseline: Strategy, runs: Runs) -> ComparisonResult:
    """The result, which is also in its folder."""
    result = ComparisonResult(
        home=home,
        runs=tuple(run for of_strategy in runs.values() for run in of_strategy),
        setup=setup,
        baseline=str(baseline),
        seeds=[run.metrics.seed for run in runs[baseline]],
        comparisons=comparison.compare(runs, baseline),
        narrow=comparison.widest(runs, baseline) < NARROW,
        rank_agreement=comparison.agreement_of_ranks(runs),
    )
    write_summary(home.path, "compare", result.document())
    figures = {name: [run.metrics for run in of_strategy] for name, of_strategy in result.by_strategy.items()}
    write_running_results(home.path, setup, "simulation", figures)
    return result


def _row(name: str, figures: Comparison) -> dict[str, Any]:
    plain = {key: value for key, value in msgspec.structs.asdict(figures).items() if not key.endswith("_vs_baseline")}
    interval = figures.makespan_s.ci95 or (None, None)
    paired = figures.makespan_vs_baseline
    low, high = (None, None) if paired is None or paired.ci95 is None else paired.ci95
    return {
        "strategy": name,
        **plain,
        "makespan_s": figures.makespan_s.mean,
        "makespan_low_s": interval[0],
        "makespan_high_s": interval[1],
        "speedup_vs_baseline": figures.speedup_vs_baseline,
        "speedup_low": low,
        "speedup_high": high,
    }
