"""A study that simulates one strategy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hetsched.analysis.step_times import WorkerSteps
from hetsched.core.state import State
from hetsched.domain.prediction import Prediction
from hetsched.domain.registry import Strategy
from hetsched.scenario.checks import check_policies, profiled_workers
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.studies.assumed_scores import check_learning
from hetsched.studies.assumptions import assumptions
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.folder import ResultsFolder, write_running_results, write_summary
from hetsched.studies.inputs import Seeds, chosen_seeds, chosen_strategy, studied
from hetsched.studies.one_run import RunResult, carry_out
from hetsched.studies.results import StrategyResult
from hetsched.studies.results_csv import write_results_csv
from hetsched.studies.run_warnings import of_any_runs, of_real_runs, of_runs
from hetsched.studies.unknown_scores import joined
from hetsched.studies.watching import Watch, unwatched


def simulate(
    scenario: Scenario | Setup,
    strategy: str | Strategy,
    seeds: Seeds = 1,
    folder: Path | str | None = None,
    *,
    policy_files: Sequence[Path | str] = (),
    watch: Watch = unwatched,
) -> StrategyResult:
    """Simulate one strategy under every seed, one after the other.

    Logs and figures go to `folder`, which must be new. Without it the logs are in a temporary
    folder, which is deleted together with the result. Raises InputError for wrong input, and
    PolicyError if the policy fails.
    """
    with studied(scenario, policy_files) as setup:
        chosen, listed = chosen_strategy(strategy), chosen_seeds(setup, seeds)
        profiled_workers(setup, chosen)
        check_policies(setup, [chosen])
        check_learning(setup)
        home = ResultsFolder.new(folder, setup, "simulate")
        runs: list[tuple[RunResult, State]] = []
        with home.kept():
            for seed in listed:
                place = home.path if len(listed) == 1 else home.path / f"seed-{seed}"
                with watch("simulating", setup, chosen, seed) as listen:
                    runs.append(carry_out("sim", setup, chosen, seed, place, listen))
        only = [run for run, _ in runs]
        warnings = joined(of_any_runs(setup, [chosen]), of_runs(setup, {chosen: only}))
        assumed = [*assumptions(setup, [chosen]), *beyond_recordings(setup, only)]
        result = strategy_result(home, setup, chosen, runs, assumed=assumed, warnings=warnings)
        write_strategy(result, "simulate", "simulation")
        return result


def strategy_result(
    home: ResultsFolder,
    setup: Setup,
    strategy: Strategy,
    runs: Sequence[tuple[RunResult, State]],
    steps: Sequence[WorkerSteps] = (),
    assumed: Sequence[str] = (),
    prediction: Prediction | None = None,
    warnings: Mapping[str, str] | None = None,
) -> StrategyResult:
    """The result of runs. `assumed`: what was not measured. `prediction`: what was predicted before
    the runs. `warnings`: by default those that follow from the runs."""
    of_one = {strategy: [run for run, _ in runs]}
    return StrategyResult(
        home=home,
        setup=setup,
        strategy=str(strategy),
        runs=tuple(run for run, _ in runs),
        states=tuple(state for _, state in runs),
        steps=tuple(steps),
        prediction=prediction,
        assumptions=assumed,
        warnings=of_real_runs(setup, of_one) if warnings is None else warnings,
    )


def write_strategy(result: StrategyResult, study: str, backend: str) -> None:
    """Write the figures into the folder of the result."""
    metrics = {result.strategy: [run.metrics for run in result.runs]}
    remarks = {result.strategy: [*result.remarks, *result.warned(result.strategy)]}
    write_running_results(result.folder, result.setup, backend, metrics, remarks, result.assumptions)
    write_results_csv(result.folder, **{"sim" if study == "simulate" else "ray": result.runs})
    write_summary(result.folder, study, result.document())
