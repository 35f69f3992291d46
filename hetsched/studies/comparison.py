"""Comparing strategies: every strategy under every seed, and what can be said of the difference."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
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

NARROW = 0.01
"""Seeds are enough when the interval of every paired ratio of makespans is narrower than this part of it."""

FIRST_SEEDS = 10
"""With fewer seeds than these the width of an interval is too uncertain to stop by, and an interval that is narrow must
still be so with as many seeds more: what is rare may not have happened under the first ones."""

SIMILAR_WORK = 0.02
"""By so much the iterations of two strategies may differ without a word: PBT takes its own course in each."""

SIMILAR_LINEAGE = 0.05
"""By so much the iterations behind the best weights of two strategies may differ without a word."""

Runs = dict[Strategy, list[RunResult]]
"""The runs of every strategy, in the order of the seeds."""


class Comparison(Struct, frozen=True):
    """What `compare --json` says of a strategy. Seconds end in `_s`.

    `hetsched.analysis.figure_table` says what each figure is and how it is averaged over seeds. A figure that no run
    has is None. A ratio is the mean of the runs' ratios. The paired differences to the baseline are None for the
    baseline itself; `speedup_vs_baseline` is the ratio of makespans.
    `verdict` says in words what it comes to. It says how many of the baseline's iterations were trained, if not about
    as many, and how many are behind the best weights, if not about as many as behind the baseline's. `target_reached`
    counts the seeds under which the target score was reached; `decision_s` is the policy's mean seconds a call on this
    host, None where nobody measured it.
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

    `done` holds the runs that are finished: they are not simulated again, and those that finish now are added.
    """
    strategies, seeds = list(strategies), list(seeds)
    missing = [task for seed in seeds for strategy in strategies if (task := Task(strategy, seed)) not in done]
    if missing:
        with progress(len(missing)) as advance:
            for task, run in simulate(missing, folder):
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
    """Run under `at_first` seeds and then under more, until the interval of every strategy's makespan relative to the
    baseline's is narrow twice in a row or there are `limit` seeds.

    How many more follows from the width, which falls with the root of the number of seeds; at most as many again. It
    depends on the runs alone. Raises HetschedError if a run trained nothing.
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
    """The widest interval of a paired ratio of makespans, as a part of the ratio; infinite with one seed."""
    found = _differences(runs, baseline, lambda metrics: metrics.makespan_s)
    return max((float("inf") if (width := one.width) is None else width for one in found.values()), default=0.0)


def compare(runs: Runs, baseline: Strategy) -> dict[str, Comparison]:
    """The figures of each strategy, by name; `runs` must hold the baseline. Raises HetschedError if a run trained
    nothing."""
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
    """In words, after a verdict: the iterations that were trained, where they are not about as many as in the reference
    runs, and those behind the best weights. A strategy that stops trials early is no faster at the same work, and one
    that runs trials one after the other has late trials copy weights that were trained for longer."""
    trained = fmean(m.iterations for m in figures) / fmean(m.iterations for m in reference)
    words = "" if abs(trained - 1) < SIMILAR_WORK else f", with {trained:.0%} of its iterations"
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
    """`reference` are the runs of the baseline."""
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
    """What `hetsched.analysis.figure_table` says of the runs' figures, by the name of the figure."""
    means = {key: fmean(_known(getattr(m, key)) for m in figures) for key in keys(Average.MEAN)}
    known = {key: mean_of_known(getattr(m, key) for m in figures) for key in keys(Average.MEAN_OF_KNOWN)}
    return means | known | {key: getattr(figures[0], key) for key in keys(Average.FIRST)}


def _known(value: float | None) -> float:
    assert value is not None, "a simulation needs step times for its trials and completes them, so they have bounds"
    return value
