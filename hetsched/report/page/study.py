"""The page of a results folder, according to the kind of its study and to how far the study
came."""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from hetsched.errors import HetschedError, InputError
from hetsched.report.page.comparison import page_comparison
from hetsched.report.page.document import Page, PageRun
from hetsched.report.page.facts import STUDIES, Asked, asked, facts
from hetsched.report.page.fidelity import has_recordings, page_of_fidelity
from hetsched.report.page.remarks import of_logs, remarks
from hetsched.report.page.run import page_run
from hetsched.report.page.several import page_of_several, studies_below
from hetsched.report.page.suite import page_of_suite
from hetsched.report.page.tables import page_tables
from hetsched.report.page.validation import page_validation
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.again import Result, Study, is_complete, result_in, study_in
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.folder_caveats import caveats_of_folder
from hetsched.studies.named_folder import has_begun, logs_below, results_folder
from hetsched.studies.one_run import RunResult
from hetsched.studies.results import StrategyResult, load_results, scenario_of
from hetsched.studies.suite.suite_plan import PLAN_NAME as SUITE_PLAN
from hetsched.studies.validate import ValidationResult

LOG_BYTES = 5_000_000
"""The most bytes of logs, some 10,000 segments, whose runs a page of one strategy has. It always
has the first run."""

NOTHING_YET = "Nothing to say yet"
"""The heading of the reason for which a study has no result."""

NAMED_RUNS = 8
"""The most runs that the page of a study without a result shows."""

KINDS: dict[Study, Literal["run", "comparison", "validation", "plan", "several"]] = {
    "compare": "comparison",
    "simulate": "run",
    "run": "run",
    "validate": "validation",
    "plan": "plan",
    "ablate": "several",
}


def page_of(folder: Path | str) -> Page:
    """The page of a results folder. The study may be unfinished.

    Raises InputError, naming the file, if the folder does not exist, and if a file or folder in it
    cannot be read.
    """
    folder = results_folder(folder)
    if has_recordings(folder):
        return page_of_fidelity(folder)
    logs_below(folder)  # raises for a folder that cannot be read; that is no unfinished study
    is_suite = (folder / SUITE_PLAN).is_file()
    study = None if is_suite else study_in(folder)
    try:
        if is_suite:
            return page_of_suite(folder)
        if study is not None:
            return _of_result(folder, study, result_in(folder))
        below = list(studies_below(folder))
        return page_of_several(folder, below) if below else _of_logs(folder)
    except InputError:
        raise
    except HetschedError as error:
        return _of_nothing(folder, study, error)


def _of_result(folder: Path, study: Study, result: Result) -> Page:
    page = Page(
        title=f"{result.setup.scenario.name}: {STUDIES[study]}",
        kind=KINDS[study],
        complete=is_complete(result),
        facts=facts(folder, study, result.setup, asked(result)),
        remarks=remarks(result),
        runs=[],
        tables=page_tables(result),
    )
    match result:
        case ComparisonResult():
            runs = [of_one[0] for of_one in result.by_strategy.values()]
            return replace(page, comparison=page_comparison(result), runs=_runs(runs))
        case ValidationResult():
            validation, shown = page_validation(result)
            return replace(page, validation=validation, runs=shown)
        case StrategyResult():
            return replace(page, runs=_runs(_fitting(result.runs)))
    return page


def _of_nothing(folder: Path, study: Study | None, error: HetschedError) -> Page:
    """The page of a study without a result. It shows the first run of each strategy as far as the
    run came."""
    scenario = folder / SCENARIO_NAME
    setup = load_setup_of_logs(scenario) if scenario.is_file() else None
    first: dict[Path, Path] = {}
    for log in filter(has_begun, logs_below(folder)):
        run = log.parent
        first.setdefault(run.parent if run.name.startswith("seed-") else run, log)
    logs = list(first.values())[:NAMED_RUNS]
    named = [] if study is None else [STUDIES[study]]
    return Page(
        title=": ".join([folder.resolve().name if setup is None else setup.scenario.name, *named]),
        kind="run" if study is None else KINDS[study],
        complete=False,
        facts=facts(folder, study, setup, Asked([], [])),
        remarks={NOTHING_YET: [str(error)], **of_logs(caveats_of_folder(folder))},
        runs=[page_run(load_setup_of_logs(scenario_of(log.parent)), log) for log in logs],
    )


def _of_logs(folder: Path) -> Page:
    """The page of runs without a study, such as runs of a script of Ray Tune. It shows each
    strategy's first run."""
    found = load_results(folder)
    runs = _runs([of_one[0] for of_one in found.by_strategy.values()])
    seeds = sorted({run.metrics.seed for run in found.runs})
    return Page(
        title=folder.resolve().name,
        kind="run" if len(runs) == 1 else "several",
        complete=all(run.ended is not None for run in runs),
        facts=facts(folder, None, None, Asked(list(found.by_strategy), seeds)),
        remarks=of_logs(found),
        runs=runs,
    )


def _fitting(runs: Sequence[RunResult]) -> list[RunResult]:
    """The first run, and the next ones while the sum of their logs is below `LOG_BYTES`."""
    sizes = accumulate(run.log.stat().st_size for run in runs)
    return list(runs[: max(1, sum(size < LOG_BYTES for size in sizes))])


def _runs(runs: Iterable[RunResult]) -> list[PageRun]:
    return [page_run(load_setup_of_logs(scenario_of(run.log.parent)), run.log) for run in runs]
