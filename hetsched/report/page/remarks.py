"""The remarks on a study, by heading: verdicts, warnings, assumptions, and predictions."""

from collections.abc import Iterable, Mapping

from hetsched.report.agreement_in_words import agreement_lines
from hetsched.report.plan_tables import foretold, predicted, reasons
from hetsched.report.score_agreement_table import score_lines
from hetsched.studies.ablation import AblationResult
from hetsched.studies.again import Result
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult

Remarks = dict[str, list[str]]


def remarks(result: Result) -> Remarks:
    """All remarks on the result. Headings without remarks are left out."""
    warnings = {} if isinstance(result, PlanResult) else result.warnings
    found: dict[str, Iterable[str]] = {
        **_findings(result),
        "Workers that were chosen": chosen_workers(result.setup, _strategies(result)),
        "Warnings": [f"{strategy}: {warning}" for strategy, warning in warnings.items()],
        "Assumed, as nobody measured it": result.assumptions,
    }
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
            return {"Predicted and measured": of_prediction, "Steps of the workers": result.remarks}
        case AblationResult():
            return {}
    slow = [f"{strategy}: {remark}" for strategy in result.agreements for remark in result.remarks(strategy)]
    return {"Agreement": [*agreement_lines(result), *score_lines(result)], "Steps of the workers": slow}


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
        "Warnings of single strategies": warned,
    }
