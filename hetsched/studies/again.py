"""The result of a study once more, from its folder. The study may be over, go on, or have broken
off.

Figures are computed from the logs, as the study computed them. Assumptions and warnings are those
that the study has written. Nothing that the folder holds is executed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from hetsched.analysis.step_times import worker_steps
from hetsched.core.events import COMPLETED, RunStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.limits import Amount, Count, Seeds, StrategyName
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, NoResultError, counted
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies import comparison_plan, run_plan
from hetsched.studies.ablation import Ablation, AblationResult
from hetsched.studies.assumptions import idle_workers, of_validation
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.caveats import Caveats
from hetsched.studies.caveats_anew import NOT_KNOWN, assumed_anew, warned_anew
from hetsched.studies.compare import ComparisonResult, comparison_result, runs_finished
from hetsched.studies.comparison import Runs, complete_seeds
from hetsched.studies.draws import Draws, look_up_draws
from hetsched.studies.fan_out import Task, run_folder
from hetsched.studies.folder import MEASURED, PREDICTED, PROBE, PROBES, SUMMARY_NAME, ResultsFolder
from hetsched.studies.folder_caveats import said_of, strategy_of, summary_of, unfinished
from hetsched.studies.forecast import Forecast
from hetsched.studies.json_file import not_as_written
from hetsched.studies.named_folder import has_begun, logs_below, results_folder, results_logs
from hetsched.studies.one_run import RunResult, look_up
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult, scenario_of
from hetsched.studies.results_csv import decided, with_decisions
from hetsched.studies.run_warnings import of_runs
from hetsched.studies.simulate import strategy_result
from hetsched.studies.sittings import is_under_way, study_of
from hetsched.studies.unknown_scores import joined
from hetsched.studies.validate import ValidationResult, agreement_of, warnings_of

Study = Literal["compare", "simulate", "run", "validate", "plan", "ablate"]
"""The command whose results a folder has."""

STUDIES: dict[str, Study] = {name: name for name in get_args(Study)}

Result = ComparisonResult | StrategyResult | ValidationResult | PlanResult | AblationResult


def study_in(folder: Path) -> Study | None:
    """Which study the folder has. None: it has none, or several. Logs of one strategy count as
    those of `simulate` or `run`, whichever command made them. Raises InputError for a file of the
    study that cannot be read."""
    written = study_of(folder)
    said: Any = summary_of(folder).get("command") if written is None else written.study
    if said in STUDIES:
        return STUDIES[said]
    if (folder / comparison_plan.PLAN_NAME).is_file():
        return "compare"
    if (folder / run_plan.PLAN_NAME).is_file():
        return "run"
    is_run = (folder / LOG_NAME).is_file()  # as that of a Tune script is, which has a folder `measured`, too
    if not is_run and any((folder / name).is_dir() for name in (PREDICTED, MEASURED, PROBE)):
        return "validate"
    if (folder / PROBES).is_dir():
        return "plan"
    logs = [log for log in (folder / LOG_NAME, *folder.glob(f"seed-*/{LOG_NAME}")) if log.is_file()]
    begun = next((event for log in logs for event in read_log(log) if isinstance(event, RunStarted)), None)
    return None if begun is None else "simulate" if begun.backend == "sim" else "run"


def result_in(folder: Path) -> Result:
    """The result of the study in the folder, as far as the study came. Raises InputError for a
    folder without a study, and for a file that cannot be read. Raises NoResultError if there is no
    result yet."""
    logs_below(results_folder(folder))  # a folder that must not be read is an error, not an early study
    match study_in(folder):
        case "compare":
            return comparison_in(folder)
        case "validate":
            return validation_in(folder)
        case "plan":
            return plan_in(folder)
        case "ablate":
            return ablation_in(folder)
        case "simulate" | "run":
            return strategy_in(folder)
        case None:
            one = results_logs(folder)[0].parent
            raise InputError(f"{folder}: is not the folder of one study; name the results folder of one, such as {one}")


def is_complete(result: Result) -> bool:
    """Whether the study came to its end."""
    if isinstance(result, ComparisonResult):
        return result.complete
    if isinstance(result, StrategyResult):
        return all(state.ended == COMPLETED for state in result.states) and not is_under_way(result.folder)
    return (result.folder / SUMMARY_NAME).is_file()


def comparison_in(folder: Path) -> ComparisonResult:
    """The comparison under the seeds for which all strategies are finished."""
    if not (folder / comparison_plan.PLAN_NAME).is_file():
        raise InputError(f"{folder}: there is no {comparison_plan.PLAN_NAME}, which says what was to be compared")
    plan = comparison_plan.load_plan(folder)
    chosen = [strategy_of(name) for name in plan.strategies]
    setup = load_setup_of_logs(folder / SCENARIO_NAME)
    finished = _finished(folder, setup, chosen)
    runs = _in_order(plan.seeds, complete_seeds(chosen, finished))
    done = {run.metrics.seed for run in runs[chosen[0]]}
    if not done:
        raise NoResultError(
            f"{folder}: no seed is complete ({runs_finished(len(finished), plan.asked)}), so there is nothing to "
            f"compare; go on with: {comparison_plan.resume_command(folder)}"
        )
    told = summary_of(folder)
    asked = set(told.get("seeds", ()) if plan.seeds == "auto" else plan.seeds)
    complete = done >= asked and (plan.seeds != "auto" or bool(told.get("complete")))
    assumed = told.get("assumptions", plan.assumed)
    result = comparison_result(
        ResultsFolder(folder), setup, plan, runs, assumed, _warnings(told), complete, len(finished)
    )
    if told:
        return result
    beyond = beyond_recordings(setup, chain(*runs.values()))
    warned = warned_anew(runs, lambda one: of_runs(setup, {one: runs[one]}, beside=runs))
    return replace(result, assumptions=[*assumed, *beyond], warnings=joined(plan.warned, warned))


def _finished(folder: Path, setup: Setup, strategies: Sequence[Strategy]) -> dict[Task, RunResult]:
    """The finished runs, with the seconds of their decisions, as far as these are known."""
    cost, done = decided(folder), {}
    for strategy in strategies:
        for seed in _seeds(folder / str(strategy)):
            log = run_folder(folder, strategy, seed) / LOG_NAME
            if not has_begun(log):
                continue
            run, state = look_up(setup, log, task := Task(strategy, seed))
            if state.ended == COMPLETED:
                done[task] = with_decisions(run, cost, folder)
    return done


def _seeds(folder: Path) -> list[int]:
    """The seeds whose runs have begun a log in `seed-N` in the folder."""
    names = (log.parent.name.removeprefix("seed-") for log in folder.glob(f"seed-*/{LOG_NAME}"))
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal() and name == str(int(name)))


def _in_order(seeds: list[int] | Literal["auto"], runs: Runs) -> Runs:
    """The runs in the order of these seeds, if all are there. A comparison that stopped has them in
    ascending order."""
    by_seed = {strategy: {run.metrics.seed: run for run in of_one} for strategy, of_one in runs.items()}
    if seeds == "auto" or any(of_one.keys() != set(seeds) for of_one in by_seed.values()):
        return runs
    return {strategy: [of_one[seed] for seed in seeds] for strategy, of_one in by_seed.items()}


def strategy_in(folder: Path) -> StrategyResult:
    """The result of all runs that have begun. A warning says which ones did not come to their
    end."""
    logs = results_logs(folder)
    scenarios = {scenario_of(log.parent) for log in logs}
    setup = load_setup_of_logs(min(scenarios))
    cost = decided(folder)
    found = []
    for log in logs:
        run, state = look_up(setup, log)
        found.append((with_decisions(run, cost, folder), state))
    found.sort(key=lambda pair: pair[0].metrics.seed)
    names = {run.metrics.strategy for run, _ in found}
    if len(names) > 1 or len(scenarios) > 1:
        raise InputError(f"{folder}: has runs of several strategies or scenarios; name the folder of one")
    real = study_in(folder) == "run"
    cores, kept = setup.scenario.overheads.host_cores, setup.scenario.checkpoints
    steps = worker_steps((read_log(run.log) for run, _ in found), setup.times, cores, kept) if real else ()
    begun = (folder / run_plan.PLAN_NAME).is_file()
    prediction = run_plan.load_plan(folder).prediction if begun else None
    said = said_of(folder, logs)
    partly = unfinished((run.metrics.strategy, state.ended) for run, state in found)
    return strategy_result(
        ResultsFolder(folder),
        setup,
        strategy_of(names.pop()),
        found,
        steps,
        said.assumptions,
        prediction,
        joined(said.warnings, partly),
    )


def validation_in(folder: Path) -> ValidationResult:
    """The validation by the seeds of each strategy that are both predicted and measured. A warning
    says how many are not."""
    told, setup = summary_of(folder), load_setup_of_logs(folder / SCENARIO_NAME)
    predicting = {
        strategy: load_setup_of_logs(folder / PREDICTED / str(strategy) / SCENARIO_NAME)
        for strategy in _validated(folder, setup, told)
    }
    draws, measured, partly = dict[Strategy, list[Draws]](), dict[Strategy, list[RunResult]](), {}
    for strategy, of_strategy in predicting.items():
        foretold = _finished(folder / PREDICTED, of_strategy, [strategy])
        happened = _finished(folder / MEASURED, setup, [strategy])
        both = [task for task in foretold if task in happened]
        if len(both) < len(foretold):
            what = f"{len(foretold) - len(both)} of {counted(len(foretold), 'seed')}"
            partly[str(strategy)] = f"{what} were predicted and not measured to the end: figures are of the others"
        if both:
            draws[strategy] = [look_up_draws(of_strategy, foretold[task]) for task in both]
            measured[strategy] = [happened[task] for task in both]
    if not measured:
        raise NoResultError(
            f"{folder}: no run is both predicted and measured to the end, so there is nothing to compare"
        )
    said = Caveats.of(told) if told else _of_validation(setup, predicting, measured, draws)
    runs = [*chain(*measured.values())]
    return ValidationResult(
        home=ResultsFolder(folder),
        runs=tuple(runs),
        draws={str(strategy): of_one for strategy, of_one in draws.items()},
        setup=setup,
        seeds=told.get("seeds", sorted({run.metrics.seed for run in runs})),
        agreements={str(one): agreement_of(predicting[one], draws[one], of_one) for one, of_one in measured.items()},
        assumptions=said.assumptions,
        warnings=joined(said.warnings, partly),
    )


def _of_validation(
    setup: Setup,
    predicting: Mapping[Strategy, Setup],
    measured: Mapping[Strategy, list[RunResult]],
    draws: Mapping[Strategy, list[Draws]],
) -> Caveats:
    """The assumptions and warnings of a validation that did not come to its end."""

    def warn(one: Strategy) -> dict[str, str]:
        idle = idle_workers(predicting[one], [one])
        if one not in measured:
            return idle
        return joined(idle, warnings_of(setup, {one: measured[one]}, {one: draws[one]}, predicting))

    assumed = [*chain(*(assumed_anew(its, [one], partial(of_validation, setup)) for one, its in predicting.items()))]
    beyond = beyond_recordings(setup, chain(*chain(*draws.values())))
    assumed += [line for line in beyond if f"{NOT_KNOWN}: {line}" not in assumed]
    return Caveats(list(dict.fromkeys(assumed)), warned_anew(predicting, warn))


def _validated(folder: Path, setup: Setup, told: dict[str, Any]) -> Iterator[Strategy]:
    """The strategies with predictions, in their order as far as it is known."""
    there = {path.name for path in (folder / PREDICTED).glob("*") if (path / SCENARIO_NAME).is_file()}
    for name in dict.fromkeys([*told.get("strategies", ()), *setup.scenario.strategies, *sorted(there)]):
        if name in there:
            yield strategy_of(name)


class _Plan(Struct):
    """What is read of a plan's summary."""

    seeds: Seeds
    strategies: Annotated[dict[StrategyName, Forecast], Meta(min_length=1)]
    left_out: dict[str, str]
    same_workers: dict[str, list[str]]
    reused: list[str]
    probes: list[str]
    seeds_left_out: Count
    planned_s: Amount
    assumptions: list[str]


class _Ablation(Struct):
    """What is read of an ablation's summary."""

    strategy: StrategyName
    seeds: Seeds
    variants: Annotated[dict[str, Ablation], Meta(min_length=1)]
    assumptions: list[str]


def plan_in(folder: Path) -> PlanResult:
    """The result of a plan that came to its end. A plan keeps no logs of its simulations."""
    told = _summary(folder, "plan")
    with _readable(folder):
        found = msgspec.convert(told, _Plan)
        return PlanResult(
            home=ResultsFolder(folder),
            setup=load_setup_of_logs(folder / SCENARIO_NAME),
            seeds=found.seeds,
            forecasts=found.strategies,
            left_out=found.left_out,
            same_workers=found.same_workers,
            reused=list(map(Path, found.reused)),
            probes=list(map(Path, found.probes)),
            seeds_left_out=found.seeds_left_out,
            planned_s=found.planned_s,
            assumptions=found.assumptions,
        )


def ablation_in(folder: Path) -> AblationResult:
    """The result of an ablation that came to its end. Its runs are not read."""
    told = _summary(folder, "ablate")
    with _readable(folder):
        found = msgspec.convert(told, _Ablation)
        return AblationResult(
            home=ResultsFolder(folder),
            runs=(),
            setup=load_setup_of_logs(folder / SCENARIO_NAME),
            strategy=found.strategy,
            seeds=found.seeds,
            variants=found.variants,
            assumptions=found.assumptions,
            warnings=_warnings(told),
        )


def _summary(folder: Path, study: Study) -> dict[str, Any]:
    if not (told := summary_of(folder)):
        raise NoResultError(f"{folder}: there is no {SUMMARY_NAME} yet: this '{study}' did not come to its end")
    return told


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """A summary whose content this version does not know raises InputError, which names the
    file."""
    try:
        yield
    except msgspec.ValidationError as error:
        path = folder / SUMMARY_NAME
        raise not_as_written(path, "this version writes", error) from error


def _warnings(told: dict[str, Any]) -> dict[str, str]:
    return dict(told.get("warnings", {}))
