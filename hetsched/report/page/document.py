"""What a page shows, as values. Python fills the document in, and the scripts of the page draw it.

Times are seconds since the start of the run. A list of a column has an entry per row, and columns of one table are of
one length. `lane` and `trial` are positions in the lists of lanes and trials.
"""

from typing import Literal

from msgspec import Struct

from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.metric import Metric


class Lane(Struct, frozen=True):
    """A worker. Lanes of one node follow each other. `device` is the type of the device, `cpu` for cores."""

    worker: str
    node: str
    device: str
    cores: int
    gpu_share: float


class Segments(Struct, frozen=True):
    """The segments in the order of their starts; a gang's segment has a row per worker.

    Training goes from `train_from_s` to `train_to_s`; what is before and after that is overhead. `iterations` are those
    of the segment, `total` those that the trial had after it. `number` ties the rows of a gang together and names the
    segment in the log. `state` is 0 for one that ended, 1 for one that was lost, 2 for one that runs still; only one
    that ended has a score.
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
    """A trial, with the hyperparameters that it began with, and as the run left it."""

    id: str
    experiment: str
    added_s: float
    hyperparameters: Hyperparameters
    status: str
    iterations: int
    score: float | None
    best_score: float | None


class Exploit(Struct, frozen=True):
    """The trial took over the weights of `source` and went on with `hyperparameters`. From then on it had a count of
    `iterations` and a `score`."""

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
    """A figure over time. `group` says what series stand in one plot; `value` is None where it is unknown. `mean` is
    that of the whole run, None where it is the mean of the values over time."""

    name: str
    group: str
    unit: str
    time_s: list[float]
    value: list[float | None]
    mean: float | None = None


class Ancestor(Struct, frozen=True):
    """A part of the family tree of the trial that scored best: `trial` had its weights from `from_s` to `to_s`, and
    trained them for `iterations`. It took over `source` when it began (None: a fresh trial), and `changed` says what
    PBT changed then: (before, after). `score` is that at `to_s`."""

    trial: int
    source: int | None
    from_s: float
    to_s: float
    iterations: int
    score: float | None
    changed: dict[str, tuple[object, object]]


class Axis(Struct, frozen=True, omit_defaults=True):
    """On what a hyperparameter is drawn: `values` are those of a choice."""

    scale: Literal["linear", "log", "choice"]
    values: list[object] = []


class PageExperiment(Struct, frozen=True):
    """An experiment: what its scores are, the score at which its trials stop, and the hyperparameters that differ
    between its trials. With `counts_lineage` a trial takes over the count of iterations of the trial that it copies."""

    id: str
    metric: Metric
    stop_score: float | None
    counts_lineage: bool
    hyperparameters: dict[str, Axis]


class PageRun(Struct, frozen=True):
    """One run. `ended` is the reason in words, None of a run that goes on or broke off. `metric` is None where the
    experiments have different ones. `bound_s` is what no schedule can beat, None where the profile does not say."""

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
    """A mean and its 95% interval, None where there is none."""

    mean: float
    low: float | None = None
    high: float | None = None


class StrategyRow(Struct, frozen=True):
    """A strategy of a comparison. Lists are by seed. `bound_ratio` is the makespan by the least one under any
    allocation, `own_bound_ratio` by the least one on the workers of the run. `speedups` are the baseline's makespan by
    this one, `speedup` what they come to, None of the baseline. `decision_s` are the mean seconds a call of the
    policy, None where nobody measured them. `best_over_time` is the mean over the seeds of the best score so far."""

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
    """Of the `seeds` under which all strategies are finished; `complete`: these are all that were asked for."""

    baseline: str
    seeds: list[int]
    complete: bool
    metric: Metric | None
    strategies: list[StrategyRow]


class ScoreCourses(Struct, frozen=True):
    """A score over time, predicted and measured: means over the seeds."""

    predicted: Series
    measured: Series


class ValidationRow(Struct, frozen=True):
    """A strategy of a validation. `predicted` and `measured` are positions in the page's list of runs, those of one
    seed. `best` is the best score of any trial so far, `mean` the mean of the latest score of each trial; None where no
    score is known under some seed."""

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
    """`kendall_tau` is None where there is one strategy only."""

    strategies: list[ValidationRow]
    mean_error_percent: float | None
    kendall_tau: float | None


class Profile(Struct, frozen=True):
    """A performance profile: at most `ratio[i]` on the part `part[i]` of the runs. Both rise."""

    ratio: list[float]
    part: list[float]


class SuiteRow(Struct, frozen=True):
    """A policy of a suite. `bound_ratio` is its interquartile mean over the scenarios, `rank` its mean rank. `targets`
    is the profile of time to the target / the bound, None where no scenario has a target. `decision_s` are the mean
    seconds a call of the policy, None where nobody measured them. `drawn`: its profiles have a line."""

    policy: str
    bound_ratio: Estimate
    rank: float
    bounds: Profile
    targets: Profile | None
    decision_s: float | None
    drawn: bool


class SuitePair(Struct, frozen=True):
    """Two policies, and the p-value of their being alike over the scenarios, corrected for all pairs."""

    one: str
    other: str
    p_holm: float
    apart: bool


class PageSuite(Struct, frozen=True):
    """Policies over scenarios, the best first; `by_rank` has them by mean rank, and `cliques` are neighbours in that
    order whom the scenarios do not tell apart. With fewer than `scenarios_needed` nobody could be told apart."""

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
    """A table as the terminal shows it: cells are in words. `numbers` says of each column whether it has numbers."""

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
