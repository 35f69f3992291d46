"""The remarks on a study, by heading: verdicts, warnings, assumptions, and predictions."""

from collections.abc import Iterable, Mapping
from itertools import chain

from hetsched.report.agreement_in_words import agreement_lines
from hetsched.report.plan_tables import foretold, predicted, reasons
from hetsched.report.score_agreement_table import score_lines
from hetsched.studies.ablation import AblationResult
from hetsched.studies.again import Result
from hetsched.studies.caveats import Caveats
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import LoadedResults, StrategyResult

Remarks = dict[str, list[str]]

WARNINGS = "Warnings"

WARNINGS_OF_PLAN = "Warnings of single strategies"

STEPS = "Steps of the workers"

ASSUMED = "Assumed, as nobody measured it"


def remarks(result: Result) -> Remarks:
    """All remarks on the result. Headings without remarks are left out."""
    warnings = {} if isinstance(result, PlanResult) else result.warnings
    return _said(
        {
            **_findings(result),
            "Workers that were chosen": chosen_workers(result.setup, _strategies(result)),
            WARNINGS: [f"{strategy}: {warning}" for strategy, warning in warnings.items()],
            ASSUMED: result.assumptions,
        }
    )


def remarks_of_several(results: Mapping[str, Result]) -> Remarks:
    """The warnings and assumptions of these studies, by name. Each warning names its study. Each
    assumption is there once."""
    of_each = {name: remarks(result) for name, result in results.items()}
    warned = [
        f"{name}: {line}"
        for name, said in of_each.items()
        for heading in (WARNINGS, WARNINGS_OF_PLAN, STEPS)
        for line in said.get(heading, [])
    ]
    return _said(
        {WARNINGS: warned, ASSUMED: dict.fromkeys(chain(*(result.assumptions for result in results.values())))}
    )


def of_logs(found: LoadedResults | Caveats) -> Remarks:
    """The warnings on runs without the result of a study, and what they assume."""
    return _said({WARNINGS: [f"{name}: {text}" for name, text in found.warnings.items()], ASSUMED: found.assumptions})


def _said(found: Mapping[str, Iterable[str]]) -> Remarks:
    return {heading: said for heading, lines in found.items() if (said := list(lines))}


def _strategies(result: Result) -> Iterable[str]:
    match result:
        case ComparisonResult():
            return result.by_strategy
        case PlanResult():
            return result.forecasts
        case StrategyResult() | AblationResult():
            return [str(result.strategy)]
    return result.agreements


def _findings(result: Result) -> Mapping[str, Iterable[str]]:
    match result:
        case ComparisonResult():
            return {"Verdicts": [f"{name}: {verdict}" for name, verdict in result.verdicts.items()]}
        case PlanResult():
            return _of_plan(result)
        case StrategyResult():
            of_prediction = [] if result.foretold is None else foretold(result.foretold)
            return {"Predicted and measured": of_prediction, STEPS: result.remarks}
        case AblationResult():
            return {}
    slow = [f"{strategy}: {remark}" for strategy in result.agreements for remark in result.remarks(strategy)]
    return {"Agreement": [*agreement_lines(result), *score_lines(result)], STEPS: slow}


def _of_plan(plan: PlanResult) -> Mapping[str, Iterable[str]]:
    same = [
        f"{name} makes the same workers as {', '.join(others)}: its rows hold for them, too"
        for name, others in plan.same_workers.items()
    ]
    warned = [f"{name}: {found.warning}" for name, found in plan.forecasts.items() if found.warning is not None]
    return {
        "The best strategy": [predicted(plan.prediction), f"run it: {plan.command()}"],
        "Rows that hold for others": same,
        "Left out": reasons(plan.left_out),
        WARNINGS_OF_PLAN: warned,
    }
