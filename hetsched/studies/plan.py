"""From a cluster to its best strategy: measure the training for a moment, simulate every strategy,
rank them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from hetsched import allocation, scheduling
from hetsched.core.log import LOG_NAME
from hetsched.domain.cluster import Worker
from hetsched.domain.prediction import Prediction
from hetsched.domain.registry import Strategy
from hetsched.domain.rounding import level
from hetsched.errors import HetschedError, InputError, PolicyError, path_of
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.scenario import SCENARIO_NAME, Scenario, Setup
from hetsched.studies.assumed_scores import check_learning
from hetsched.studies.assumptions import assumptions
from hetsched.studies.beyond_recordings import beyond_in_words
from hetsched.studies.budget import Budget
from hetsched.studies.folder import PROBES, ResultsFolder, default_folder, write_summary
from hetsched.studies.forecast import Forecast, Simulations, forecast
from hetsched.studies.frames import frame
from hetsched.studies.inputs import Seeds, Strategies, chosen_seeds, chosen_strategies
from hetsched.studies.measured import Measured
from hetsched.studies.measuring import SHARE, measure, workers_to_measure
from hetsched.studies.measuring_policy import MEASURE
from hetsched.studies.one_run import RunResult
from hetsched.studies.periods import unfit_for
from hetsched.studies.real_scenario import studied_for_real
from hetsched.studies.results import scenario_facts
from hetsched.studies.run_warnings import of_any_runs
from hetsched.studies.unknown_scores import joined
from hetsched.studies.watching import Progress, Watch, silent, unwatched
from hetsched.studies.work import Work

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class PlanResult:
    """What a plan found: a forecast for each strategy, the best first.

    - `setup`: the scenario with the measurements, which is also in the folder
    - `left_out`: by strategy, why it has no forecast
    - `same_workers`: by allocation policy, the others that make the same workers; its forecasts
      hold for them
    - `reused`: the folders whose measurements were used
    - `seeds_left_out`: how many seeds the budget did not allow
    - `planned_s`: the seconds that the plan took
    """

    home: ResultsFolder = field(repr=False)
    setup: Setup = field(repr=False)
    seeds: list[int]
    forecasts: dict[str, Forecast] = field(repr=False)
    left_out: dict[str, str] = field(repr=False)
    same_workers: dict[str, list[str]]
    reused: list[Path]
    probes: list[Path]
    seeds_left_out: int
    planned_s: float
    assumptions: Sequence[str] = ()

    @property
    def folder(self) -> Path:
        """The folder of the scenario with the measurements."""
        return self.home.path

    @property
    def best(self) -> str:
        """The strategy with the least predicted makespan. Strategies that stop no trial come before
        all others."""
        return next(iter(self.forecasts))

    @property
    def prediction(self) -> Prediction:
        """The prediction for the best strategy."""
        found = self.forecasts[self.best]
        return Prediction(self.best, found.makespan_s.mean, found.run_interval_s)

    def command(self, strategy: str | None = None) -> str:
        """The command that runs a strategy (default: the best one) as it was predicted."""
        return join(["hetsched", "run", str(self.folder / SCENARIO_NAME), "--strategy", strategy or self.best])

    def to_frame(self) -> "DataFrame":
        """A row per strategy, the best first. Raises InputError without pandas."""
        return frame(
            {
                "strategy": name,
                "makespan_s": found.makespan_s.mean,
                "makespan_low_s": (found.makespan_s.ci95 or (None, None))[0],
                "makespan_high_s": (found.makespan_s.ci95 or (None, None))[1],
                "bound_ratio": found.bound_ratio,
                "workers_bound_ratio": found.workers_bound_ratio,
                "stopped": found.stopped,
            }
            for name, found in self.forecasts.items()
        )

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **scenario_facts(self.setup),
            "best": self.best,
            "command": self.command(),
            "prediction": self.prediction,
            "seeds": self.seeds,
            "seeds_left_out": self.seeds_left_out,
            "planned_s": self.planned_s,
            "reused": [str(folder) for folder in self.reused],
            "probes": [str(folder) for folder in self.probes],
            "same_workers": self.same_workers,
            "left_out": self.left_out,
            "assumptions": list(self.assumptions),
            "folder": str(self.folder),
            "strategies": self.forecasts,
        }


def plan(
    scenario: Scenario | Setup,
    strategies: Strategies | None = None,
    seeds: Seeds | None = None,
    folder: Path | str | None = None,
    *,
    budget_s: float | None = None,
    measure_again: bool = False,
    jobs: int | None = 1,
    policy_files: Sequence[Path | str] = (),
    beside: Path | str | None = None,
    watch: Watch = unwatched,
    progress: Progress = silent,
) -> PlanResult:
    """Measure the training briefly on every type of worker, simulate strategies, and rank them.

    - `strategies`: by default every registered allocation policy with every scheduling policy
    - `folder`: a new one, for the profile that short real runs measure (default: in `results`)
    - `budget_s`: the most seconds for all this. The result says what was left out.
    - `measure_again`: else what plans beside `folder` (or in `beside`) measured of the same counts
    - `jobs`: how many processes simulate (None: one per core)

    Raises InputError for wrong input, HetschedError if nothing was measured or no strategy fits."""
    budget = Budget(budget_s)
    with _asked_for(scenario, policy_files) as setup:
        chosen = _all_strategies(setup) if strategies is None else chosen_strategies(setup, strategies)
        listed = chosen_seeds(setup, setup.scenario.seeds if seeds is None else seeds)
        home = ResultsFolder.new(folder or default_folder("plan", setup), setup, "plan")
        measured = Measured(setup)
        if not measure_again:
            measured.look_for(home.path.parent if beside is None else path_of(beside, "beside"))
        with home.kept(), home.nothing_of_nothing():
            not_measured = measure(setup, _allocations(chosen), measured, home.path, budget, watch)
            measured.save(home.path, cut_short=budget.is_over(SHARE))
            fitting = _fitting(measured.setup, chosen, not_measured, merge=strategies is None)
            fitting.setup.save(home.path)
            simulated = forecast(fitting.setup, fitting.strategies, listed, jobs, budget, progress)
            if not simulated.forecasts:
                raise _nothing_left(fitting.left_out | simulated.failed, budget)
            return _written(home, fitting, measured, simulated, budget)


@contextmanager
def _asked_for(scenario: Scenario | Setup, policy_files: Sequence[Path | str]) -> Iterator[Setup]:
    """As `studied_for_real`. Raises InputError or HetschedError if no plan is possible for the
    scenario."""
    with studied_for_real(scenario, policy_files) as setup:
        check_learning(setup)
        yield setup


def _allocations(strategies: Iterable[Strategy]) -> list[str]:
    return list(dict.fromkeys(strategy.allocation for strategy in strategies))


def _all_strategies(setup: Setup) -> list[Strategy]:
    """Every allocation policy with every scheduling policy, the scenario's own first."""
    own = chosen_strategies(setup, None)
    allocations = [*(strategy.allocation for strategy in own), *allocation.policies.names()]
    schedulings = [*(strategy.scheduling for strategy in own), *scheduling.policies.names()]
    every = [Strategy(one, other) for one in allocations for other in schedulings if other != MEASURE]
    return list(dict.fromkeys([*own, *every]))


class _Fitting(NamedTuple):
    """The strategies that can be simulated, and why the others cannot. `same` is as
    `PlanResult.same_workers`."""

    setup: Setup
    strategies: list[Strategy]
    left_out: dict[Strategy, str]
    same: dict[str, list[str]]


def _fitting(setup: Setup, chosen: Sequence[Strategy], not_measured: Mapping[str, str], *, merge: bool) -> _Fitting:
    """The chosen strategies that fit the scenario. With `merge`, only the first of several
    allocation policies that make the same workers is simulated."""
    reasons, workers, same = dict(not_measured), dict[str, tuple[Worker, ...]](), dict[str, list[str]]()
    for name in _allocations(strategy for strategy in chosen if strategy.allocation not in not_measured):
        try:
            made = tuple(workers_to_measure(setup, name))
        except (InputError, PolicyError) as error:
            reasons[name] = str(error)
            continue
        twin = next((other for other, its in workers.items() if its == made), None) if merge else None
        if twin is None:
            workers[name] = made
        else:
            same.setdefault(twin, []).append(name)
    frozen = replace(setup, frozen_workers=workers)
    strategies, left_out = [], {}
    for strategy in chosen:
        if strategy.allocation in reasons:
            left_out[strategy] = reasons[strategy.allocation]
        elif strategy.allocation in workers:
            try:
                profiled_workers(frozen, strategy)
                strategies.append(strategy)
            except (InputError, PolicyError) as error:
                left_out[strategy] = str(error)
    return _Fitting(frozen, strategies, left_out, same)


def _less_work(runs: Mapping[Strategy, Sequence[RunResult]]) -> dict[str, str]:
    """A warning for each strategy that trains clearly less than the one that trains the most. Such a
    strategy may be faster only because it does less work: trials copied others, took smaller batch
    sizes, or ended early."""
    works = {strategy: Work.of([run.metrics for run in of_one]) for strategy, of_one in runs.items()}
    most = max(works, key=lambda strategy: works[strategy].samples)
    shares = {strategy: work.share_of(works[most]) for strategy, work in works.items()}
    return {
        str(strategy): f"trains {share} of {most}, so that it is not known to be faster"
        for strategy, share in shares.items()
        if share.is_less
    }


def _ranked(found: Mapping[str, Forecast]) -> dict[str, Forecast]:
    """The forecasts by makespan. Strategies that stop trials come after all others. If strategies
    differ only by rounding, those without a warning come first, in the order in which they were
    given."""
    means_s = dict(zip(found, level([of.makespan_s.mean for of in found.values()]), strict=True))

    def place(name: str) -> tuple[bool, float, bool]:
        return found[name].stopped > 0, means_s[name], found[name].warning is not None

    return {name: found[name] for name in sorted(found, key=place)}


def _nothing_left(left_out: Mapping[Strategy, str], budget: Budget) -> HetschedError:
    reasons = Counter(left_out.values()).most_common(1)
    more = f"; {budget} is spent: a larger one may measure what is missing" if budget.is_over(SHARE) else ""
    return HetschedError(f"no strategy fits: {reasons[0][0] if reasons else 'none was given'}{more}")


def _written(
    home: ResultsFolder, fitting: _Fitting, measured: Measured, simulated: Simulations, budget: Budget
) -> PlanResult:
    """The result. It is also written to its folder."""
    setup, found = fitting.setup, simulated.forecasts
    lacking = {str(strategy): of.warning for strategy, of in found.items() if of.warning is not None}
    warnings = joined(of_any_runs(setup, found), unfit_for(setup, simulated.runs), _less_work(simulated.runs), lacking)
    left_out = fitting.left_out | simulated.failed
    beyond = beyond_in_words(simulated.beyond)
    probes = sorted(log.parent for log in home.path.glob(f"{PROBES}/*/{LOG_NAME}"))
    result = PlanResult(
        home=home,
        setup=setup,
        seeds=simulated.seeds,
        forecasts=_ranked({str(one): replace(of, warning=warnings.get(str(one))) for one, of in found.items()}),
        left_out={str(strategy): reason for strategy, reason in left_out.items()},
        same_workers=fitting.same,
        reused=measured.reused,
        probes=probes,
        seeds_left_out=simulated.left_out,
        planned_s=budget.spent_s,
        assumptions=[*assumptions(setup, found), *beyond, *measured.slow.values()],
    )
    write_summary(home.path, "plan", result.document())
    return result
