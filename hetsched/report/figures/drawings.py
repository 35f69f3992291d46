"""Which figures the data of a results folder allow."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from matplotlib.figure import Figure

from hetsched.analysis.best_over_time import best_scores, over_seeds
from hetsched.core.log import read_log
from hetsched.report.figures.comparison import paired_differences, ratio_to_bound
from hetsched.report.figures.gantt import gantt
from hetsched.report.figures.over_time import best_of_strategies, scores, utilisation, utilisation_of_strategies
from hetsched.report.figures.validation import predicted_against_measured
from hetsched.report.page.document import Page, PageComparison, PageRun, PageValidation
from hetsched.studies.results import LoadedResults


class Drawing(NamedTuple):
    """A figure of a kind. `name` is that of its files. `draw` returns None where the data do not tell enough."""

    kind: str
    name: str
    draw: Callable[[], Figure | None]


def drawings_of(page: Page, results: LoadedResults, width_in: float) -> Iterator[Drawing]:
    """The figures of a page and of all runs that it stands for, that wide."""
    if page.validation is not None:
        yield from _of_validation(page.validation, page.runs, width_in)
        return
    if len(page.runs) > 1:
        titles = [_title(run) for run in page.runs]
        yield Drawing("gantt", "gantt", partial(gantt, page.runs, titles, width_in))
        yield Drawing("utilisation", "utilisation", partial(utilisation_of_strategies, page.runs, width_in))
        yield Drawing("metric", "metric", partial(_best, results, width_in))
    else:
        yield from _of_run(page.runs[0], width_in)
    if page.comparison is not None:
        yield from _of_comparison(page.comparison, width_in)


def _title(run: PageRun) -> str:
    return f"{run.strategy}, seed {run.seed}"


def _of_run(run: PageRun, width_in: float) -> Iterator[Drawing]:
    name = f"{run.strategy}-seed-{run.seed}"
    yield Drawing("gantt", f"gantt-{name}", partial(gantt, [run], [_title(run)], width_in))
    yield Drawing("utilisation", f"utilisation-{name}", partial(utilisation, run, width_in))
    yield Drawing("metric", f"metric-{name}", partial(scores, run, width_in))


def _of_comparison(comparison: PageComparison, width_in: float) -> Iterator[Drawing]:
    yield Drawing("ratio-to-bound", "ratio-to-bound", partial(ratio_to_bound, comparison, width_in))
    yield Drawing("paired-differences", "paired-differences", partial(paired_differences, comparison, width_in))


def _of_validation(validation: PageValidation, runs: list[PageRun], width_in: float) -> Iterator[Drawing]:
    name = "predicted-against-measured"
    yield Drawing(name, name, partial(predicted_against_measured, validation, width_in))
    for row in validation.strategies:
        pair = [runs[row.predicted], runs[row.measured]]
        titles = [f"{what}: {_title(run)}" for what, run in zip(("predicted", "measured"), pair, strict=True)]
        yield Drawing("gantt", f"gantt-{row.strategy}-predicted-and-measured", partial(gantt, pair, titles, width_in))


def _best(results: LoadedResults, width_in: float) -> Figure | None:
    """None where the runs have different metrics, or none has a score."""
    metrics = {run.metrics.metric for run in results.runs}
    if len(metrics) > 1 or (metric := metrics.pop()) is None:
        return None
    found = {
        strategy: [best_scores(read_log(run.log), metric) for run in runs]
        for strategy, runs in results.by_strategy.items()
    }
    bands = {name: over_seeds(runs) for name, runs in found.items() if all(run.score for run in runs)}
    return best_of_strategies(bands, metric.name, width_in) if bands else None
