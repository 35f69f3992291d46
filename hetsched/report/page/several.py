"""The page of a folder with several studies. Each study has a row with its main finding."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hetsched.analysis.over_scenarios.aggregates import in_order
from hetsched.errors import HetschedError, InputError
from hetsched.report.figures_in_words import percent, seconds
from hetsched.report.page.document import Fact, Page, PageTable
from hetsched.report.page.facts import STUDIES, asked, in_short, ranges
from hetsched.report.page.remarks import remarks_of_several
from hetsched.studies.ablation import AblationResult
from hetsched.studies.again import Result, is_complete, result_in, study_in
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.folder import REPORT_NAME
from hetsched.studies.named_folder import results_folder
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult

DEPTH = 3
"""The number of levels of folders in which studies are searched."""


class Found(NamedTuple):
    """A study in a folder below. `result` is None if the study has no result yet. `why` then has
    the reason."""

    folder: Path
    result: Result | None
    why: str


def studies_below(folder: Path, depth: int = DEPTH) -> Iterator[Path]:
    """The folders of the studies in the folder, down to `depth` levels. Folders within a study are
    not searched."""
    for child in sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()):
        if study_in(child) is not None:
            yield child
        elif depth > 1:
            yield from studies_below(child, depth - 1)


def studies_of(folder: Path) -> list[Path]:
    """The folders of the studies of a folder with several studies. A study's own folder has none.

    Raises InputError if the folder does not exist or cannot be read.
    """
    return list(studies_below(folder)) if study_in(results_folder(folder)) is None else []


def page_of_several(folder: Path, below: list[Path]) -> Page:
    """The page of a folder with these studies below it. A study whose report is beside it has a
    link."""
    found = [_looked_at(path) for path in below]
    comparisons = [one for one in found if isinstance(one.result, ComparisonResult)]
    return Page(
        title=folder.resolve().name,
        kind="several",
        complete=all(one.result is not None and is_complete(one.result) for one in found),
        facts=[Fact("studies", str(len(found))), *_reports(folder, below)],
        remarks=remarks_of_several(
            {str(one.folder.relative_to(folder)): one.result for one in found if one.result is not None}
        ),
        runs=[],
        tables=[_summaries(folder, found), *_ratios(folder, comparisons)],
    )


def _looked_at(folder: Path) -> Found:
    try:
        return Found(folder, result_in(folder), "")
    except InputError:
        raise
    except HetschedError as error:
        return Found(folder, None, str(error))


def _reports(folder: Path, below: list[Path]) -> Iterator[Fact]:
    for path in below:
        if (path / REPORT_NAME).is_file():
            name = (path / REPORT_NAME).relative_to(folder).as_posix()
            yield Fact("report", name, name)


def _summaries(folder: Path, found: list[Found]) -> PageTable:
    """The table with one row per study."""
    columns = ["folder", "scenario", "study", "seeds", "strategies", "what it came to"]
    rows = [[str(one.folder.relative_to(folder)), *_summary(one)] for one in found]
    return PageTable("Studies", columns, [False] * len(columns), rows)


def _summary(one: Found) -> list[str]:
    study, result = study_in(one.folder), one.result
    kind = "" if study is None else STUDIES[study]
    if result is None:
        return ["", kind, "", "", one.why]
    of = asked(result)
    return [result.setup.scenario.name, kind, ranges(of.seeds), in_short(of.strategies), _came_to(result)]


def _came_to(result: Result) -> str:
    """The main finding of a study, in words."""
    match result:
        case ComparisonResult():
            best, *_ = in_order({name: of.makespan_s.mean for name, of in result.comparisons.items()})
            so_far = "" if result.complete else ", so far"
            return f"{best}: {result.comparisons[best].verdict}{so_far}"
        case PlanResult():
            return f"{result.best}: {seconds(result.prediction.makespan_s)} s"
        case StrategyResult():
            return f"makespan {', '.join(seconds(run.metrics.makespan_s) for run in result.runs)} s"
        case AblationResult():
            _, *without = result.variants
            most, *_ = in_order({name: -result.variants[name].contribution_s for name in without})
            return f"{most}: {percent(result.variants[most].contribution_percent, 0, signed=False)} less"
    error = result.mean_absolute_error_percent
    return "" if error is None else f"mean absolute error of the makespan {percent(error, signed=False)}"


def _ratios(folder: Path, comparisons: list[Found]) -> Iterator[PageTable]:
    """A table of makespan / bound by strategy, with one row per comparison. Fewer than two
    comparisons have no table."""
    figures = {
        str(one.folder.relative_to(folder)): one.result.comparisons
        for one in comparisons
        if isinstance(one.result, ComparisonResult)
    }
    if len(figures) < 2:
        return
    names = list(dict.fromkeys(name for of_one in figures.values() for name in of_one))
    rows = [
        [study, *(f"{of_one[name].bound_ratio:.2f}" if name in of_one else "" for name in names)]
        for study, of_one in figures.items()
    ]
    title = "Makespan as a multiple of the least one under any allocation"
    yield PageTable(title, ["folder", *names], [False, *([True] * len(names))], rows)
