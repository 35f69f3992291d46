"""Comparing strategies: every strategy under every seed, and statements about the differences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any

from msgspec import Struct

from hetsched.analysis.figure_table import Average, keys
from hetsched.analysis.figures import decision_time
from hetsched.analysis.intervals import Spread, mean_of_known, spread
from hetsched.analysis.metrics import Metrics, check_trained
from hetsched.analysis.paired import Difference, RankAgreement, differences, rank_agreement
from hetsched.analysis.verdicts import verdict
from hetsched.domain.metric import Metric
from hetsched.domain.registry import Strategy
from hetsched.studies.fan_out import Simulate, Task
from hetsched.studies.one_run import RunResult
from hetsched.studies.work import Work

NARROW = 0.01
"""Seeds are enough when the interval of every paired ratio of makespans is narrower than this share
of the ratio."""

FIRST_SEEDS = 10
"""With fewer seeds the width of an interval is too uncertain to decide when to stop. A narrow
interval must still be narrow with so many seeds more: the first seeds may lack something that is
rare."""

SIMILAR_LINEAGE = 0.05
"""The share by which the iterations behind the best weights of two strategies may differ without a
note."""

Runs = dict[Strategy, list[RunResult]]
"""The runs of every strategy, in the order of the seeds."""


class Comparison(Struct, frozen=True):
    """What `compare --json` says of a strategy. Names of seconds end in `_s`.

    `hetsched.analysis.figure_table` says what each figure is, and how it is averaged over seeds.
    None: no run has the figure. A ratio is the mean of the runs' ratios. Paired differences are
    those to the baseline. They are None for the baseline itself. `speedup_vs_baseline` is the ratio
    of makespans.

    - `verdict`: the result in words. It has two notes, compared with the baseline: how many
      iterations were trained, or samples where batch sizes differ, and how many iterations are
      behind the best weights. Each is left out if the numbers are about equal.
    - `target_reached`: the number of seeds under which the target score was reached
    - `decision_s`: the policy's mean seconds per call on this host. None: not measured.
    """

    makespan_s: Spread
    makespan_vs_baseline: Difference | None
    speedup_vs_baseline: float
    verdict: str
    bound_s: float
    bound_ratio: float
    workers_bound_s: float
    workers_bound_ratio: float
    mean_jct_s: float
    mean_jct_vs_baseline: Difference | None
    p99_jct_s: float
    area_weighted_jct_s: float | None
    wait_s: float | None
    small_wait_s: float | None
    large_wait_s: float | None
    jct_bound_s: float
    jct_bound_ratio: float
    metric: Metric | None
    best_score: float | None
    lineage_iterations: float | None
    time_to_target_s: float | None
    target_reached: int
    score_at_deadline: float | None
    score_at_budget: float | None
    cost: float | None
    utilisation: float
    allocation_rate: float | None
    fragmentation: float | None
    wasted_s: float
    wasted_fraction: float
    staleness: float | None
    finish_time_fairness: float | None
    mean_finish_time_fairness: float | None
    preemptions: float
    migrations: float
    cores_used: int
    cores: int
    gpus_used: float
    gpus: int
    exploits: float
    iterations: float
    samples: float
    segments: float
    lost_segments: float
    decision_s: float | None


def run_all(
    strategies: Iterable[Strategy],
    seeds: Iterable[int],
    folder: Path,
    simulate: Simulate,
    progress: Callable[[int], AbstractContextManager[Callable[[], None]]],
    done: dict[Task, RunResult],
) -> Runs:
    """Simulate every strategy under every seed, seed by seed, with the logs below the folder.

    `done` has the finished runs. They are not simulated again. Runs that finish now are added to
    it.
    """
    strategies, seeds = list(strategies), list(seeds)
    missing = [task for seed in seeds for strategy in strategies if (task := Task(strategy, seed)) not in done]
    if missing:
        # Closed at once when Ctrl-C comes, so that no process goes on.
        with progress(len(missing)) as advance, closing(simulate(missing, folder)) as found:
            for task, run in found:
                done[task] = run
                advance()
    return {strategy: [done[Task(strategy, seed)] for seed in seeds] for strategy in strategies}


def complete_seeds(strategies: Iterable[Strategy], done: Mapping[Task, RunResult]) -> Runs:
    """The runs of the seeds, in ascending order, under which all strategies are finished."""
    strategies = list(strategies)
    seeds = sorted({task.seed for task in done})
    whole = [seed for seed in seeds if all(Task(strategy, seed) in done for strategy in strategies)]
    return {strategy: [done[Task(strategy, seed)] for seed in whole] for strategy in strategies}


def run_until_narrow(
    run: Callable[[range], Runs], baseline: Strategy, first_seed: int, at_first: int, limit: int
) -> Runs:
    """Run under `at_first` seeds, and then under more seeds.

    It ends when the interval of every strategy's makespan relative to the baseline's was narrow
    twice in a row, or when there are `limit` seeds. How many seeds are added follows from the
    width, which falls with the root of their number. At most their number doubles. The number
    depends only on the runs. Raises HetschedError if a run trained nothing.
    """
    seeds = range(first_seed, first_seed + min(limit, max(at_first, FIRST_SEEDS)))
    runs = run(seeds)
    _check_trained(runs)
    narrow_before = False
    while len(seeds) < limit:
        width = widest(runs, baseline)
        if (narrow := width < NARROW) and narrow_before:
            break
        narrow_before = narrow
        enough = len(seeds) + FIRST_SEEDS if narrow else ceil(min(limit, len(seeds) * (width / NARROW) ** 2))
        many = min(limit, 2 * len(seeds), max(enough, len(seeds) + 1))
        seeds, more = range(first_seed, first_seed + many), range(seeds.stop, first_seed + many)
        added = run(more)
        _check_trained(added)
        runs = {strategy: of_strategy + added[strategy] for strategy, of_strategy in runs.items()}
    return runs


def widest(runs: Runs, baseline: Strategy) -> float:
    """The width of the widest interval of a paired ratio of makespans, as a share of the ratio.
    Infinity: one seed."""
    found = _differences(runs, baseline, lambda metrics: metrics.makespan_s)
    return max((float("inf") if (width := one.width) is None else width for one in found.values()), default=0.0)


def compare(runs: Runs, baseline: Strategy) -> dict[str, Comparison]:
    """The figures of each strategy, by name. `runs` must have the baseline. Raises HetschedError if
    a run trained nothing."""
    _check_trained(runs)
    makespans = _differences(runs, baseline, lambda metrics: metrics.makespan_s)
    jcts = _differences(runs, baseline, lambda metrics: _known(metrics.mean_jct_s))
    return {
        str(strategy): _summarise(
            [run.metrics for run in runs[baseline]],
            str(baseline),
            of_strategy,
            makespans.get(strategy),
            jcts.get(strategy),
        )
        for strategy, of_strategy in runs.items()
    }


def _check_trained(runs: Runs) -> None:
    for strategy, of_strategy in runs.items():
        for run in of_strategy:
            check_trained(strategy, run.metrics, "compare")


def agreement_of_ranks(runs: Runs) -> RankAgreement:
    """Whether the makespans put the strategies into the same order under every seed."""
    return rank_agreement([[run.metrics.makespan_s for run in of_strategy] for of_strategy in runs.values()])


def _differences(runs: Runs, baseline: Strategy, figure: Callable[[Metrics], float]) -> dict[Strategy, Difference]:
    figures = {strategy: [figure(run.metrics) for run in of_strategy] for strategy, of_strategy in runs.items()}
    reference = figures.pop(baseline)
    found = differences(reference, {str(strategy): values for strategy, values in figures.items()})
    return {strategy: found[str(strategy)] for strategy in figures}


def _other_work(figures: Sequence[Metrics], reference: Sequence[Metrics]) -> str:
    """A note after a verdict, compared with the reference runs: the iterations or samples that were
    trained, and the iterations behind the best weights, if they are not about equal.

    A strategy that stops trials early is no faster at the same work. If a strategy runs trials one
    after another, late trials copy weights that were trained for longer.
    """
    trained = Work.of(figures).share_of(Work.of(reference))
    words = f", with {trained.value:.0%} of its {trained.of}" if trained.differs else ""
    mine, theirs = (mean_of_known(m.lineage_iterations for m in of_one) for of_one in (figures, reference))
    if mine is not None and theirs and abs(mine / theirs - 1) > SIMILAR_LINEAGE:
        words += f"; {mine:,.0f} iterations are behind its best weights, {theirs:,.0f} behind the baseline's"
    return words


def _summarise(
    reference: Sequence[Metrics],
    baseline: str,
    runs: Sequence[RunResult],
    makespan: Difference | None,
    jct: Difference | None,
) -> Comparison:
    """The figures of one strategy. `reference` are the runs of the baseline."""
    figures = [run.metrics for run in runs]
    return Comparison(
        makespan_s=spread([m.makespan_s for m in figures]),
        makespan_vs_baseline=makespan,
        speedup_vs_baseline=1.0 if makespan is None else makespan.ratio,
        verdict="the baseline" if makespan is None else verdict(makespan, baseline) + _other_work(figures, reference),
        mean_jct_vs_baseline=jct,
        target_reached=sum(m.time_to_target_s is not None for m in figures),
        decision_s=decision_time(sum(run.decision_s or 0.0 for run in runs), sum(run.decisions or 0 for run in runs)),
        **_averages(figures),
    )


def _averages(figures: Sequence[Metrics]) -> dict[str, Any]:
    """The averages of the runs' figures, by name of the figure, as `hetsched.analysis.figure_table`
    defines them."""
    means = {key: fmean(_known(getattr(m, key)) for m in figures) for key in keys(Average.MEAN)}
    known = {key: mean_of_known(getattr(m, key) for m in figures) for key in keys(Average.MEAN_OF_KNOWN)}
    return means | known | {key: getattr(figures[0], key) for key in keys(Average.FIRST)}


def _known(value: float | None) -> float:
    assert value is not None, "a simulation needs step times for its trials and completes them, so they have bounds"
    return value
