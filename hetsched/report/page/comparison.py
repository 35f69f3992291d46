"""A comparison as its page shows it. All figures are those that `hetsched compare` prints."""

from collections.abc import Sequence

from hetsched.analysis.best_over_time import best_over_time, mean_over_time
from hetsched.analysis.intervals import spread
from hetsched.core.log import read_log
from hetsched.domain.metric import Metric
from hetsched.report.page.document import Estimate, PageComparison, Series, StrategyRow
from hetsched.report.scores import metric_name
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.comparison import Comparison
from hetsched.studies.one_run import RunResult


def page_comparison(result: ComparisonResult) -> PageComparison:
    """The comparison over the seeds under which all strategies are finished."""
    baseline = result.comparisons[result.baseline]
    runs = result.by_strategy
    return PageComparison(
        baseline=result.baseline,
        seeds=result.seeds,
        complete=result.complete,
        metric=baseline.metric,
        strategies=[
            _row(name, found, runs[name], baseline.makespan_s.per_seed) for name, found in result.comparisons.items()
        ],
    )


def _row(name: str, found: Comparison, runs: Sequence[RunResult], baseline_s: Sequence[float]) -> StrategyRow:
    paired, makespans_s = found.makespan_vs_baseline, found.makespan_s.per_seed
    bounds = [run.metrics.bound_ratio for run in runs if run.metrics.bound_ratio is not None]
    own = [run.metrics.workers_bound_ratio for run in runs if run.metrics.workers_bound_ratio is not None]
    return StrategyRow(
        strategy=name,
        makespans_s=makespans_s,
        makespan_s=_estimate(found.makespan_s.mean, found.makespan_s.ci95),
        bound_ratios=bounds,
        bound_ratio=_estimate(found.bound_ratio, spread(bounds).ci95),
        own_bound_ratio=_estimate(found.workers_bound_ratio, spread(own).ci95),
        speedups=[reference / makespan for reference, makespan in zip(baseline_s, makespans_s, strict=True)],
        speedup=None if paired is None else _estimate(paired.ratio, paired.ci95),
        verdict=found.verdict,
        decision_s=found.decision_s,
        best_score=found.best_score,
        best_over_time=_best_over_time(name, found.metric, runs),
    )


def _estimate(mean: float, ends: tuple[float, float] | None) -> Estimate:
    return Estimate(mean) if ends is None else Estimate(mean, *ends)


def _best_over_time(name: str, metric: Metric | None, runs: Sequence[RunResult]) -> Series | None:
    """The mean best score over time, up to the makespan of the slowest run in seconds.

    None: the metric is not one, or under some seed no score is known.
    """
    steps = mean_over_time([best_over_time(read_log(run.log)) for run in runs])
    if metric is None or not steps:
        return None
    steps.append((max(run.metrics.makespan_s for run in runs), steps[-1][1]))
    times, values = zip(*steps, strict=True)
    return Series(name, "best score", metric_name(metric), list(times), list(values))
