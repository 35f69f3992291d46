"""The values that a page shows. Python fills in this document, and the scripts of the page draw it.

Times are seconds since the start of the run. A list of a column has one entry per row. Columns of
one table have one length. `lane` and `trial` are positions in the lists of lanes and trials.
"""

from typing import Literal

from msgspec import Struct

from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.metric import Metric


class Lane(Struct, frozen=True):
    """A worker. Lanes of one node follow each other. `device` is the type of the device, `cpu` for
    cores."""

    worker: str
    node: str
    device: str
    cores: int
    gpu_share: float


class Segments(Struct, frozen=True):
    """The segments in the order of their starts. A gang's segment has one row per worker.

    Training goes from `train_from_s` to `train_to_s`. The rest of a segment is overhead.
    `iterations` counts the segment's iterations, `total` the trial's iterations after the segment.
    `number` is the segment's number in the log, and equal for all rows of a gang. `state` is 0 if
    the segment ended, 1 if it was lost, and 2 if it still runs. Only segments that ended have a
    score.
    """

    number: list[int]
    lane: list[int]
    trial: list[int]
    start_s: list[float]
    end_s: list[float]
    train_from_s: list[float]
    train_to_s: list[float]
    iterations: list[int]
    total: list[int]
    score: list[float | None]
    state: list[int]


class PageTrial(Struct, frozen=True):
    """A trial with its first hyperparameters. All other fields are those of the last event of the
    run."""

    id: str
    experiment: str
    added_s: float
    hyperparameters: Hyperparameters
    status: str
    iterations: int
    score: float | None
    best_score: float | None


class Exploit(Struct, frozen=True):
    """An exploit: the trial took over the weights of `source`, and went on with `hyperparameters`.

    `iterations` and `score` are the trial's count of iterations and its score after the exploit.
    """

    time_s: float
    trial: int
    source: int
    hyperparameters: Hyperparameters
    iterations: int = 0
    score: float | None = None


class Mark(Struct, frozen=True, omit_defaults=True):
    """Something that happened to a worker, a trial or the run, in words."""

    time_s: float
    kind: Literal[
        "joined", "left", "draining", "slowed", "recovered", "lost", "checkpoint-lost", "resumed", "completed"
    ]
    text: str
    lane: int | None = None
    trial: int | None = None


class Series(Struct, frozen=True):
    """A figure over time. Series of one `group` share a plot. A `value` is None where it is
    unknown.

    `mean` is the figure's mean over the whole run. None: it is the mean of the values over time.
    """

    name: str
    group: str
    unit: str
    time_s: list[float]
    value: list[float | None]
    mean: float | None = None


class Ancestor(Struct, frozen=True):
    """A part of the lineage of the best score: `trial` had the weights from `from_s` to `to_s`.

    `iterations` counts what the trial trained in this time. `source` is the trial that it copied at
    `from_s` (None: it was a fresh trial). `changed` has the hyperparameters that PBT changed then,
    as (before, after). `score` is the trial's score at `to_s`.
    """

    trial: int
    source: int | None
    from_s: float
    to_s: float
    iterations: int
    score: float | None
    changed: dict[str, tuple[object, object]]


class Axis(Struct, frozen=True, omit_defaults=True):
    """The axis on which a hyperparameter is drawn. `values` has the values of a choice."""

    scale: Literal["linear", "log", "choice"]
    values: list[object] = []


class PageExperiment(Struct, frozen=True):
    """An experiment: its metric, the score at which its trials stop, and the axes of the searched
    hyperparameters.

    With `counts_lineage` a trial takes over the count of iterations of the trial that it copies.
    """

    id: str
    metric: Metric
    stop_score: float | None
    counts_lineage: bool
    hyperparameters: dict[str, Axis]


class PageRun(Struct, frozen=True):
    """One run.

    `ended` is the reason of the end in words. None: the run goes on, or broke off. `metric` is None
    where the experiments have different ones. `bound_s` is the makespan that no schedule can beat
    (None: unknown).
    """

    title: str
    strategy: str
    seed: int
    backend: str
    paced: bool
    end_s: float
    ended: str | None
    bound_s: float | None
    metric: Metric | None
    lanes: list[Lane]
    trials: list[PageTrial]
    segments: Segments
    exploits: list[Exploit]
    marks: list[Mark]
    utilisation: list[Series] = []
    resources: list[Series] = []
    ancestors: list[Ancestor] = []
    experiments: list[PageExperiment] = []


class Estimate(Struct, frozen=True):
    """A mean, and the ends of its 95% interval (None: no interval is known)."""

    mean: float
    low: float | None = None
    high: float | None = None


class StrategyRow(Struct, frozen=True):
    """A strategy of a comparison. A list has one entry per seed.

    `bound_ratio` is the makespan divided by the bound under any allocation, `own_bound_ratio` the
    makespan divided by the bound for the workers of the run. `speedups` are the baseline's makespan
    divided by this makespan. `speedup` is their paired estimate (None: this is the baseline).
    `decision_s` is the mean decision time in seconds per call of the policy (None: it was not
    measured). `best_over_time` is the mean over the seeds of the best score so far.
    """

    strategy: str
    makespans_s: list[float]
    makespan_s: Estimate
    bound_ratios: list[float]
    bound_ratio: Estimate
    own_bound_ratio: Estimate
    speedups: list[float]
    speedup: Estimate | None
    verdict: str
    decision_s: float | None
    best_score: float | None
    best_over_time: Series | None = None


class PageComparison(Struct, frozen=True):
    """A comparison over the `seeds` under which all strategies are finished. `complete`: no seed is
    missing."""

    baseline: str
    seeds: list[int]
    complete: bool
    metric: Metric | None
    strategies: list[StrategyRow]


class ScoreCourses(Struct, frozen=True):
    """A predicted and a measured score over time. Both are means over the seeds."""

    predicted: Series
    measured: Series


class ValidationRow(Struct, frozen=True):
    """A strategy of a validation.

    `predicted` and `measured` are the positions of its runs under its first seed in the page's list
    of runs. `best` is the best score of any trial so far. `mean` is the mean of the trials' latest
    scores. Both are None where no score is known under some seed.
    """

    strategy: str
    predicted_s: float
    measured_s: float
    error_percent: Estimate | None
    predicted_score: float | None
    measured_score: float | None
    same_decisions: float
    predicted: int
    measured: int
    best: ScoreCourses | None = None
    mean: ScoreCourses | None = None


class PageValidation(Struct, frozen=True):
    """A validation. `mean_error_percent` and `kendall_tau` are None where they are unknown."""

    strategies: list[ValidationRow]
    mean_error_percent: float | None
    kendall_tau: float | None


class Profile(Struct, frozen=True):
    """A performance profile: the fraction `part[i]` of the runs has a ratio of at most `ratio[i]`.
    Both lists rise."""

    ratio: list[float]
    part: list[float]


class SuiteRow(Struct, frozen=True):
    """A policy of a suite.

    `bound_ratio` is the interquartile mean of makespan / bound over the scenarios. `rank` is the
    policy's mean rank. `targets` is the profile of time to the target / bound (None: no scenario
    has a target). `decision_s` is the mean decision time in seconds per call (None: it was not
    measured). `drawn`: the plots of profiles have the policy's line.
    """

    policy: str
    bound_ratio: Estimate
    rank: float
    bounds: Profile
    targets: Profile | None
    decision_s: float | None
    drawn: bool


class SuitePair(Struct, frozen=True):
    """Two policies, and the p-value of the hypothesis that they are equal over the scenarios,
    corrected for all pairs.

    `apart`: the test tells the two policies apart.
    """

    one: str
    other: str
    p_holm: float
    apart: bool


class PageSuite(Struct, frozen=True):
    """The policies of a suite, the best first.

    `by_rank` has the policies in the order of their mean ranks. A clique is a group of neighbours
    in this order that the scenarios do not tell apart. With fewer than `scenarios_needed` scenarios
    no two policies could be told apart.
    """

    baseline: str
    scenarios: int
    scenarios_needed: int
    policies: list[SuiteRow]
    by_rank: list[str]
    cliques: list[list[str]]
    pairs: list[SuitePair]


class Fact(Struct, frozen=True):
    """A line of the table of facts. A `link` is relative to the results folder."""

    name: str
    value: str
    link: str | None = None


class PageTable(Struct, frozen=True):
    """A table as the terminal shows it. Cells are texts. `numbers` has one entry per column:
    whether it has numbers."""

    title: str
    columns: list[str]
    numbers: list[bool]
    rows: list[list[str]]


class Page(Struct, frozen=True):
    """A whole page. `remarks` are verdicts, assumptions and warnings in words, by heading."""

    title: str
    kind: Literal["run", "comparison", "validation", "plan", "several"]
    complete: bool
    facts: list[Fact]
    remarks: dict[str, list[str]]
    runs: list[PageRun]
    comparison: PageComparison | None = None
    validation: PageValidation | None = None
    suite: PageSuite | None = None
    tables: list[PageTable] = []
