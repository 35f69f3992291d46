"""The figures that the data of a results folder allow."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from hetsched.analysis.band_over_seeds import band_over_seeds
from hetsched.analysis.best_over_time import best_over_time
from hetsched.analysis.figures import makespan
from hetsched.analysis.timeline import ENDED
from hetsched.core.log import read_log
from hetsched.errors import NoResultError
from hetsched.report.figures.ablation import contributions
from hetsched.report.figures.comparison import paired_differences, ratio_to_bound
from hetsched.report.figures.gantt import gantt
from hetsched.report.figures.over_time import best_of_strategies, scores, utilisation, utilisation_of_strategies
from hetsched.report.figures.suite import critical_difference, decision_time, performance_profile, target_profile
from hetsched.report.figures.validation import predicted_against_measured
from hetsched.report.figures_in_words import seconds
from hetsched.report.page.document import Page, PageComparison, PageRun, PageSuite, PageValidation
from hetsched.report.printable import printable
from hetsched.report.scores import metric_name
from hetsched.studies.ablation import AblationResult
from hetsched.studies.again import result_in, study_in
from hetsched.studies.results import load_results


class Drawing(NamedTuple):
    """A figure of a kind. Its files have the name `name`. `draw` returns None if the data lack what
    it needs."""

    kind: str
    name: str
    draw: Callable[[], Figure | None]


def drawings_of(page: Page, folder: Path, width_in: float) -> Iterator[Drawing]:
    """The figures of a page and of all runs in its folder. `width_in` is their width in inches."""
    if page.validation is not None:
        yield from _of_validation(page.validation, page.runs, width_in)
    elif len({run.strategy for run in page.runs}) > 1:
        titles = [_title(run) for run in page.runs]
        yield Drawing("gantt", "gantt", partial(gantt, page.runs, titles, width_in))
        yield Drawing("utilisation", "utilisation", partial(utilisation_of_strategies, page.runs, width_in))
        yield Drawing("metric", "metric", partial(_best, page, folder, width_in))
    else:
        for run in page.runs:
            yield from _of_run(run, width_in)
    if page.comparison is not None:
        yield from _of_comparison(page.comparison, width_in)
    if page.suite is not None:
        yield from _of_suite(page.suite, width_in)
    if study_in(folder) == "ablate":
        yield Drawing("contributions", "contributions", partial(_contributions, folder, width_in))


def _title(run: PageRun) -> str:
    """The title of a run's figure: its strategy, and its makespan in seconds."""
    ended = [end_s for end_s, state in zip(run.segments.end_s, run.segments.state, strict=True) if state == ENDED]
    return f"{run.strategy}, seed {run.seed}: {seconds(makespan(ended))} s"


def _of_run(run: PageRun, width_in: float) -> Iterator[Drawing]:
    name = f"{run.strategy}-seed-{run.seed}"
    yield Drawing("gantt", f"gantt-{name}", partial(gantt, [run], [_title(run)], width_in))
    yield Drawing("utilisation", f"utilisation-{name}", partial(utilisation, run, width_in))
    yield Drawing("metric", f"metric-{name}", partial(scores, run, width_in))


def _of_comparison(comparison: PageComparison, width_in: float) -> Iterator[Drawing]:
    yield Drawing("ratio-to-bound", "ratio-to-bound", partial(ratio_to_bound, comparison, width_in))
    yield Drawing("paired-differences", "paired-differences", partial(paired_differences, comparison, width_in))


def _of_suite(suite: PageSuite, width_in: float) -> Iterator[Drawing]:
    for name, draw in (
        ("critical-difference", critical_difference),
        ("performance-profile", performance_profile),
        ("target-profile", target_profile),
        ("decision-time", decision_time),
    ):
        yield Drawing(name, name, partial(draw, suite, width_in))


def _of_validation(validation: PageValidation, runs: list[PageRun], width_in: float) -> Iterator[Drawing]:
    name = "predicted-against-measured"
    yield Drawing(name, name, partial(predicted_against_measured, validation, width_in))
    for row in validation.strategies:
        pair = [runs[row.predicted], runs[row.measured]]
        titles = [f"{what}: {_title(run)}" for what, run in zip(("predicted", "measured"), pair, strict=True)]
        yield Drawing("gantt", f"gantt-{row.strategy}-predicted-and-measured", partial(gantt, pair, titles, width_in))


def _contributions(folder: Path, width_in: float) -> Figure | None:
    """The figure of the ablation in the folder. None: the ablation has no result."""
    try:
        result = result_in(folder)
    except NoResultError:
        return None
    return contributions(result.variants, width_in) if isinstance(result, AblationResult) else None


def _best(page: Page, folder: Path, width_in: float) -> Figure | None:
    """The figure of the best score over time. None: no strategy has a score under every seed."""
    bands = {}
    by_strategy = {printable(name): runs for name, runs in load_results(folder).by_strategy.items()}
    seeds = None if page.comparison is None else page.comparison.seeds
    for strategy in dict.fromkeys(run.strategy for run in page.runs):
        runs = [run for run in by_strategy[strategy] if seeds is None or run.metrics.seed in seeds]
        steps = [best_over_time(read_log(run.log)) for run in runs]
        if all(steps):
            bands[strategy] = band_over_seeds(steps, max(run.metrics.makespan_s for run in runs))
    return best_of_strategies(bands, metric_name(page.runs[0].metric), width_in) if bands else None
