"""The tables of the terminal, with the same cells, for a page."""

from rich.table import Table

from hetsched.report import tables
from hetsched.report.further_table import further_table, further_table_of_runs
from hetsched.report.legend import COMPARISON
from hetsched.report.page.document import PageTable
from hetsched.report.plan_tables import plan_table
from hetsched.report.score_agreement_table import score_agreement_table
from hetsched.studies.ablation import AblationResult
from hetsched.studies.again import Result
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult


def page_tables(result: Result) -> list[PageTable]:
    """The tables that the study printed, except those of trials and workers, which the charts of a
    run show."""
    match result:
        case ComparisonResult():
            arriving = result.setup.workload.arriving
            table = tables.comparison_table(result.comparisons, result.baseline, arriving)
            return [page_table("Means over the seeds", table), *_further(further_table(result.comparisons, arriving))]
        case StrategyResult():
            runs, arriving = [run.metrics for run in result.runs], result.setup.workload.arriving
            return [page_table("Runs", tables.runs_table(runs)), *_further(further_table_of_runs(runs, arriving))]
        case PlanResult():
            return [page_table("What each strategy would take", plan_table(result.forecasts))]
        case AblationResult():
            return [page_table("What the makespan is made of", tables.ablation_table(result.variants))]
    scores = score_agreement_table(result.scores, result.metric)
    over_time = [page_table("Scores over time, predicted and measured", scores)] if scores.row_count else []
    return [page_table("Predicted and measured", tables.agreement_table(result.agreements)), *over_time]


def _further(table: Table | None) -> list[PageTable]:
    return [] if table is None else [page_table("What some studies ask", table)]


def _heading(header: str) -> str:
    """The heading in one line. A hyphen at the end of a line stays if the legend has the word with
    the hyphen."""
    word = header.replace("\n", "")
    return word if word in COMPARISON else header.replace("-\n", "").replace("\n", " ")


def page_table(title: str, table: Table) -> PageTable:
    """The table of the terminal under a title. Right-justified columns have numbers."""
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return PageTable(
        title=title,
        columns=[_heading(str(column.header)) for column in table.columns],
        numbers=[column.justify == "right" for column in table.columns],
        rows=[list(row) for row in zip(*columns, strict=True)],
    )
