"""The result of a study once more, from its folder: of one that is over, and of one that goes on or broke off.

Figures are computed from the logs, as the study computed them. Assumptions and warnings are those that the study wrote
down; nothing that the folder holds is executed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from hetsched.analysis.step_times import worker_steps
from hetsched.core.events import RunStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, NoResultError, counted
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies import comparison_plan, run_plan
from hetsched.studies.ablation import Ablation, AblationResult
from hetsched.studies.compare import ComparisonResult, comparison_result, runs_finished
from hetsched.studies.comparison import Runs, complete_seeds
from hetsched.studies.fan_out import Task, run_folder
from hetsched.studies.folder import MEASURED, PREDICTED, PROBE, PROBES, SUMMARY_NAME, ResultsFolder
from hetsched.studies.forecast import Forecast
from hetsched.studies.json_file import other_version
from hetsched.studies.named_folder import has_begun, logs_below, results_folder, results_logs
from hetsched.studies.one_run import RunResult, look_up
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult, scenario_of, summary_of, unfinished
from hetsched.studies.results_csv import decided
from hetsched.studies.resume import COMPLETED
from hetsched.studies.simulate import strategy_result
from hetsched.studies.sittings import study_of
from hetsched.studies.unknown_scores import joined
from hetsched.studies.validate import ValidationResult, agreement_of

Study = Literal["compare", "simulate", "run", "validate", "plan", "ablate"]
"""The command that made a folder."""

STUDIES: dict[str, Study] = {name: name for name in get_args(Study)}

Result = ComparisonResult | StrategyResult | ValidationResult | PlanResult | AblationResult


def study_in(folder: Path) -> Study | None:
    """Which study the folder is of; None if it is that of no study, or of several. Logs of one strategy are those of
    `simulate` or of `run`, whoever made them. Raises InputError for a file of the study that cannot be read."""
    written = study_of(folder)
    said: Any = summary_of(folder).get("command") if written is None else written.study
    if said in STUDIES:
        return STUDIES[said]
    if (folder / comparison_plan.PLAN_NAME).is_file():
        return "compare"
    if (folder / run_plan.PLAN_NAME).is_file():
        return "run"
    if any((folder / name).is_dir() for name in (PREDICTED, MEASURED, PROBE)):
        return "validate"
    if (folder / PROBES).is_dir():
        return "plan"
    logs = [log for log in (folder / LOG_NAME, *folder.glob(f"seed-*/{LOG_NAME}")) if log.is_file()]
    begun = next((event for log in logs for event in read_log(log) if isinstance(event, RunStarted)), None)
    return None if begun is None else "simulate" if begun.backend == "sim" else "run"


def result_in(folder: Path) -> Result:
    """The result of the study in the folder, as far as the study came. Raises InputError for a folder that is that of
    no study, or holds what cannot be read, and NoResultError if there is no result yet."""
    logs_below(results_folder(folder))  # what must not be read is no study that has come less far
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
        return all(state.ended == COMPLETED for state in result.states)
    return (result.folder / SUMMARY_NAME).is_file()


def comparison_in(folder: Path) -> ComparisonResult:
    """Of the seeds under which all strategies are finished."""
    if not (folder / comparison_plan.PLAN_NAME).is_file():
        raise InputError(f"{folder}: there is no {comparison_plan.PLAN_NAME}, which says what was to be compared")
    plan = comparison_plan.load_plan(folder)
    chosen = [_strategy(name) for name in plan.strategies]
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
    return comparison_result(
        ResultsFolder(folder), setup, plan, runs, assumed, _warnings(told), complete, len(finished)
    )


def _finished(folder: Path, setup: Setup, strategies: Sequence[Strategy]) -> dict[Task, RunResult]:
    """The runs that came to their end, with what their decisions took, as far as that is known."""
    cost, done = decided(folder), {}
    for strategy in strategies:
        for seed in _seeds(folder / str(strategy)):
            log = run_folder(folder, strategy, seed) / LOG_NAME
            if not has_begun(log):
                continue
            run, state = look_up(setup, log, task := Task(strategy, seed))
            if state.ended == COMPLETED:
                took = cost.get(str(log.relative_to(folder)))
                done[task] = run if took is None else run._replace(**took._asdict())
    return done


def _seeds(folder: Path) -> list[int]:
    """The seeds whose runs have begun a log in `seed-N` in the folder."""
    names = (log.parent.name.removeprefix("seed-") for log in folder.glob(f"seed-*/{LOG_NAME}"))
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal() and name == str(int(name)))


def _in_order(seeds: list[int] | Literal["auto"], runs: Runs) -> Runs:
    """The runs in the order of these seeds, if they are all there; a comparison that stopped has them ascending."""
    by_seed = {strategy: {run.metrics.seed: run for run in of_one} for strategy, of_one in runs.items()}
    if seeds == "auto" or any(of_one.keys() != set(seeds) for of_one in by_seed.values()):
        return runs
    return {strategy: [of_one[seed] for seed in seeds] for strategy, of_one in by_seed.items()}


def strategy_in(folder: Path) -> StrategyResult:
    """Of all runs that have begun; a warning says which did not come to their end."""
    logs = results_logs(folder)
    scenarios = {scenario_of(log.parent) for log in logs}
    setup = load_setup_of_logs(min(scenarios))
    cost = decided(folder)
    found = []
    for log in logs:
        run, state = look_up(setup, log)
        took = cost.get(str(log.relative_to(folder)))
        found.append((run if took is None else run._replace(**took._asdict()), state))
    found.sort(key=lambda pair: pair[0].metrics.seed)
    names = {run.metrics.strategy for run, _ in found}
    if len(names) > 1 or len(scenarios) > 1:
        raise InputError(f"{folder}: has runs of several strategies or scenarios; name the folder of one")
    real = study_in(folder) == "run"
    cores = setup.scenario.overheads.host_cores
    steps = worker_steps((read_log(run.log) for run, _ in found), setup.times, cores) if real else ()
    begun = (folder / run_plan.PLAN_NAME).is_file()
    prediction = run_plan.load_plan(folder).prediction if begun else None
    told = summary_of(folder)
    partly = unfinished((run.metrics.strategy, state.ended) for run, state in found)
    return strategy_result(
        ResultsFolder(folder),
        setup,
        _strategy(names.pop()),
        found,
        steps,
        told.get("assumptions", ()),
        prediction,
        joined(_warnings(told), partly),
    )


def validation_in(folder: Path) -> ValidationResult:
    """Of the seeds of each strategy that are both predicted and measured; a warning says of how many others."""
    told, setup = summary_of(folder), load_setup_of_logs(folder / SCENARIO_NAME)
    predicted, measured, agreements = list[RunResult](), list[RunResult](), {}
    partly, seeds = {}, dict[int, None]()
    for strategy in _validated(folder, setup, told):
        predicting = load_setup_of_logs(folder / PREDICTED / str(strategy) / SCENARIO_NAME)
        foretold = _finished(folder / PREDICTED, predicting, [strategy])
        happened = _finished(folder / MEASURED, setup, [strategy])
        both = [task for task in foretold if task in happened]
        if len(both) < len(foretold):
            what = f"{len(foretold) - len(both)} of {counted(len(foretold), 'seed')}"
            partly[str(strategy)] = f"{what} were predicted and not measured to the end: figures are of the others"
        if both:
            of_one = [foretold[task] for task in both], [happened[task] for task in both]
            agreements[str(strategy)] = agreement_of(predicting, *of_one)
            predicted += of_one[0]
            measured += of_one[1]
            seeds |= dict.fromkeys(task.seed for task in both)
    if not agreements:
        raise NoResultError(
            f"{folder}: no run is both predicted and measured to the end, so there is nothing to compare"
        )
    return ValidationResult(
        home=ResultsFolder(folder),
        runs=tuple(measured),
        predicted=tuple(predicted),
        setup=setup,
        seeds=told.get("seeds", sorted(seeds)),
        agreements=agreements,
        assumptions=told.get("assumptions", ()),
        warnings=joined(_warnings(told), partly),
    )


def _validated(folder: Path, setup: Setup, told: dict[str, Any]) -> Iterator[Strategy]:
    """The strategies of which something was predicted, in their order as far as that is known."""
    there = {path.name for path in (folder / PREDICTED).glob("*") if (path / SCENARIO_NAME).is_file()}
    for name in dict.fromkeys([*told.get("strategies", ()), *setup.scenario.strategies, *sorted(there)]):
        if name in there:
            yield _strategy(name)


def plan_in(folder: Path) -> PlanResult:
    """Of a plan that came to its end: it keeps no logs of its simulations."""
    told = _summary(folder, "plan")
    with _readable(folder):
        return PlanResult(
            home=ResultsFolder(folder),
            setup=load_setup_of_logs(folder / SCENARIO_NAME),
            seeds=told["seeds"],
            forecasts=msgspec.convert(told["strategies"], dict[str, Forecast]),
            left_out=told["left_out"],
            same_workers=told["same_workers"],
            reused=[Path(path) for path in told["reused"]],
            probes=[Path(path) for path in told["probes"]],
            seeds_left_out=told["seeds_left_out"],
            planned_s=told["planned_s"],
            assumptions=told["assumptions"],
        )


def ablation_in(folder: Path) -> AblationResult:
    """Of an ablation that came to its end. Its runs are not read."""
    told = _summary(folder, "ablate")
    with _readable(folder):
        return AblationResult(
            home=ResultsFolder(folder),
            runs=(),
            setup=load_setup_of_logs(folder / SCENARIO_NAME),
            strategy=told["strategy"],
            seeds=told["seeds"],
            variants=msgspec.convert(told["variants"], dict[str, Ablation]),
            assumptions=told["assumptions"],
            warnings=_warnings(told),
        )


def _summary(folder: Path, study: Study) -> dict[str, Any]:
    if not (told := summary_of(folder)):
        raise NoResultError(f"{folder}: there is no {SUMMARY_NAME} yet: this '{study}' did not come to its end")
    return told


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """A summary that says something else than this version does is an InputError, which names the file."""
    try:
        yield
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        path = folder / SUMMARY_NAME
        raise InputError(f"{path}: not what this version writes: {error}{other_version(path)}") from error


def _strategy(name: str) -> Strategy:
    """That of the name, which need not be known: its policies may be in a file."""
    allocation, _, scheduling = name.partition("+")
    return Strategy(allocation, scheduling)


def _warnings(told: dict[str, Any]) -> dict[str, str]:
    return dict(told.get("warnings", {}))
