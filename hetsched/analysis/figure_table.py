"""The figures of a run in one table: the fields of `Metrics`, their averages in a comparison, and
their descriptions in the docs.

Tests compare the fields of `Metrics` and of `Comparison`, and the table in docs/statistics.md, with
it.
"""

from enum import Enum
from typing import NamedTuple


class Average(Enum):
    """How a comparison averages a figure over the runs of one strategy. The value is its name in
    the docs."""

    SPREAD = "mean, interval"
    MEAN = "mean"
    MEAN_OF_KNOWN = "mean of the runs that have it"
    FIRST = "of the first run"
    NONE = ""


class Figure(NamedTuple):
    """A figure of a run, by its key in `--json`. The unit is empty for a ratio. `meaning` is
    Markdown."""

    key: str
    unit: str
    average: Average
    meaning: str


FIGURES = (
    Figure(
        "makespan_s",
        "s",
        Average.SPREAD,
        "from the start of the run to the end of the last segment that was finished",
    ),
    Figure(
        "bound_s",
        "s",
        Average.MEAN,
        "the least makespan under any allocation, for the iterations that this run trained",
    ),
    Figure("bound_ratio", "", Average.MEAN, "`makespan_s` / `bound_s`"),
    Figure(
        "workers_bound_s",
        "s",
        Average.MEAN,
        "the least makespan on the workers of this run, for the iterations that this run trained",
    ),
    Figure("workers_bound_ratio", "", Average.MEAN, "`makespan_s` / `workers_bound_s`"),
    Figure(
        "mean_jct_s",
        "s",
        Average.MEAN,
        "the mean over completed trials of completion minus arrival; a trial that a policy stopped is completed then",
    ),
    Figure(
        "p99_jct_s",
        "s",
        Average.MEAN,
        "the 99th percentile over completed trials of completion minus arrival, linear between the two nearest trials",
    ),
    Figure(
        "area_weighted_jct_s",
        "s",
        Average.MEAN_OF_KNOWN,
        "the mean over completed trials of completion minus arrival, each weighed by its area; see below",
    ),
    Figure(
        "wait_s",
        "s",
        Average.MEAN_OF_KNOWN,
        "the mean over completed trials of the time between arrival and completion outside of segments",
    ),
    Figure(
        "small_wait_s",
        "s",
        Average.MEAN_OF_KNOWN,
        "the same of the trials whose area is at most the median; none where all have the same area; see below",
    ),
    Figure("large_wait_s", "s", Average.MEAN_OF_KNOWN, "the same of the other trials"),
    Figure(
        "jct_bound_s",
        "s",
        Average.MEAN,
        "the least `mean_jct_s` on the workers of this run, for the iterations of its completed trials",
    ),
    Figure("jct_bound_ratio", "", Average.MEAN, "`mean_jct_s` / `jct_bound_s`"),
    Figure(
        "metric",
        "",
        Average.FIRST,
        "name and mode of the metric, if it is the same in all experiments",
    ),
    Figure(
        "best_score",
        "the metric's",
        Average.MEAN_OF_KNOWN,
        "the best score that any trial reported; none if experiments have different metrics",
    ),
    Figure(
        "lineage_iterations",
        "iterations",
        Average.MEAN_OF_KNOWN,
        "iterations behind the weights that scored best, whichever trials trained them; see below",
    ),
    Figure(
        "time_to_target_s",
        "s",
        Average.MEAN_OF_KNOWN,
        "the moment when the last experiment with a target reached it; see below",
    ),
    Figure(
        "score_at_deadline",
        "the metric's",
        Average.MEAN_OF_KNOWN,
        "the best score reported up to `metrics.deadline_s` (seconds since the start of the run)",
    ),
    Figure(
        "score_at_budget",
        "the metric's",
        Average.MEAN_OF_KNOWN,
        "the best score reported until the run had cost `metrics.budget`",
    ),
    Figure(
        "cost",
        "currency",
        Average.MEAN_OF_KNOWN,
        "prices of the nodes x hours in the cluster, until the end of the run; none without prices; see below",
    ),
    Figure(
        "utilisation",
        "0..1",
        Average.MEAN,
        "seconds of workers in segments, finished or lost / seconds of workers in the cluster, until the last segment "
        "ended; see below",
    ),
    Figure(
        "allocation_rate",
        "0..1",
        Average.MEAN_OF_KNOWN,
        "GPU seconds in segments / GPU seconds of the nodes in the cluster; none without GPUs; see below",
    ),
    Figure(
        "fragmentation",
        "0..1",
        Average.MEAN_OF_KNOWN,
        "of the GPU seconds that were idle while trials waited, the part that these could not take; see below",
    ),
    Figure(
        "wasted_s",
        "s",
        Average.MEAN,
        "seconds of workers in segments that were lost, or that a lost checkpoint undid",
    ),
    Figure("wasted_fraction", "0..1", Average.MEAN, "`wasted_s` / seconds of workers in segments, finished or lost"),
    Figure(
        "staleness",
        "intervals",
        Average.MEAN_OF_KNOWN,
        "how many perturbation intervals an unfinished trial is behind the most advanced trial of its population; see "
        "below",
    ),
    Figure(
        "finish_time_fairness",
        "",
        Average.MEAN_OF_KNOWN,
        r"the worst $\rho$ of a completed experiment; see below",
    ),
    Figure(
        "mean_finish_time_fairness",
        "",
        Average.MEAN_OF_KNOWN,
        r"the mean $\rho$ of the completed experiments; see below",
    ),
    Figure(
        "preemptions",
        "times",
        Average.MEAN,
        "how often an unfinished trial was left waiting while another took its worker; see below",
    ),
    Figure(
        "migrations",
        "segments",
        Average.MEAN,
        "segments that begin on another worker than their trial's segment before, also after a loss",
    ),
    Figure("cores_used", "cores", Average.FIRST, "cores in workers"),
    Figure("cores", "cores", Average.FIRST, "cores of the cluster"),
    Figure("gpus_used", "GPUs", Average.FIRST, "GPUs, or parts of GPUs, in workers"),
    Figure("gpus", "GPUs", Average.FIRST, "GPUs of the cluster"),
    Figure(
        "iterations",
        "iterations",
        Average.MEAN,
        "iterations that were trained and not lost with a checkpoint, over all trials; what PBT threw away counts",
    ),
    Figure("samples", "samples", Average.MEAN, "these iterations, each times the batch size that it was trained with"),
    Figure("segments", "segments", Average.MEAN, "segments that were finished"),
    Figure("lost_segments", "segments", Average.MEAN, "segments that broke"),
    Figure("exploits", "times", Average.MEAN, "how often PBT copied one trial over another"),
    Figure(
        "completed",
        "trials",
        Average.NONE,
        "trials that reached their stop rule, or that a policy stopped",
    ),
    Figure("trials", "trials", Average.NONE, "all trials"),
)
"""The figures, in the order of `Metrics`."""


def keys(average: Average) -> list[str]:
    """The figures with this average in a comparison."""
    return [figure.key for figure in FIGURES if figure.average is average]
