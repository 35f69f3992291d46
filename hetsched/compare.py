"""Comparing strategies: every strategy under every seed, and what can be said of the difference."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from math import sqrt
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, stdev

from msgspec import Struct
from scipy.stats import t as student

from hetsched.errors import HetschedError
from hetsched.registry import Strategy, load_policy_file
from hetsched.run import Run, carry_out
from hetsched.scenario import Scenario


class Spread(Struct, frozen=True):
    """A mean over seeds with its 95% confidence interval (Student's t) and the figures by seed.

    `ci95` is None where there is one seed only.
    """

    mean: float
    ci95: tuple[float, float] | None
    per_seed: list[float]


class Comparison(Struct, frozen=True):
    """What `compare --json` says of a strategy. Seconds end in `_s`.

    Figures are means over seeds; those with a bound are explained in `hetsched.metrics.Metrics`, and a ratio is the
    mean of the runs' ratios. `speedup_vs_baseline` is the baseline's mean makespan / this one's; `decision_s` the
    policy's mean seconds a call on this host.
    """

    makespan_s: Spread
    bound_s: float
    bound_ratio: float
    workers_bound_s: float
    workers_bound_ratio: float
    mean_jct_s: float
    jct_bound_s: float
    jct_bound_ratio: float
    best_accuracy: float
    utilisation: float
    speedup_vs_baseline: float
    cores_used: int
    cores: int
    gpus_used: float
    gpus: int
    exploits: float
    segments: float
    decision_s: float


def spread(values: Sequence[float]) -> Spread:
    """
    >>> spread([1.0, 2.0, 3.0]).mean
    2.0
    >>> [round(end, 2) for end in spread([1.0, 2.0, 3.0]).ci95]
    [-0.48, 4.48]
    """
    mean = fmean(values)
    if len(values) < 2:
        return Spread(mean, None, list(values))
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return Spread(mean, (mean - half, mean + half), list(values))


def run_folder(folder: Path, strategy: Strategy, seed: int) -> Path:
    """Where a run of a comparison keeps its log."""
    return folder / str(strategy) / f"seed-{seed}"


def run_all(
    scenario: Scenario,
    strategies: Sequence[Strategy],
    seeds: Sequence[int],
    folder: Path,
    jobs: int = 1,
    policy_files: Sequence[Path] = (),
    progress: Callable[[], None] = lambda: None,
) -> dict[Strategy, list[Run]]:
    """Simulate every strategy under every seed on `jobs` processes; the runs of a strategy in the order of `seeds`.

    The result and the logs do not depend on `jobs`. `progress` is called after every run.
    """
    tasks = [(strategy, seed) for strategy in strategies for seed in seeds]
    done: dict[tuple[Strategy, int], Run] = {}
    for task, run in _carry_out(scenario, tasks, folder, jobs, policy_files):
        done[task] = run
        progress()
    return {strategy: [done[strategy, seed] for seed in seeds] for strategy in strategies}


def compare(runs: dict[Strategy, list[Run]], baseline: Strategy) -> dict[str, Comparison]:
    """The figures of each strategy, by name; `runs` must hold the baseline."""
    for strategy, of_strategy in runs.items():
        for run in of_strategy:
            if not run.metrics.iterations:
                raise HetschedError(f"{strategy} trained nothing under seed {run.metrics.seed}: nothing to compare")
    reference = fmean(run.metrics.makespan_s for run in runs[baseline])
    return {str(strategy): _summarise(of_strategy, reference) for strategy, of_strategy in runs.items()}


def _summarise(runs: Sequence[Run], reference: float) -> Comparison:
    figures = [run.metrics for run in runs]
    makespan = spread([m.makespan_s for m in figures])
    return Comparison(
        makespan_s=makespan,
        bound_s=fmean(_known(m.bound_s) for m in figures),
        bound_ratio=fmean(_known(m.bound_ratio) for m in figures),
        workers_bound_s=fmean(_known(m.workers_bound_s) for m in figures),
        workers_bound_ratio=fmean(_known(m.workers_bound_ratio) for m in figures),
        mean_jct_s=fmean(_known(m.mean_jct_s) for m in figures),
        jct_bound_s=fmean(_known(m.jct_bound_s) for m in figures),
        jct_bound_ratio=fmean(_known(m.jct_bound_ratio) for m in figures),
        best_accuracy=fmean(m.best_accuracy for m in figures),
        utilisation=fmean(m.utilisation for m in figures),
        speedup_vs_baseline=reference / makespan.mean,
        cores_used=figures[0].cores_used,
        cores=figures[0].cores,
        gpus_used=figures[0].gpus_used,
        gpus=figures[0].gpus,
        exploits=fmean(m.exploits for m in figures),
        segments=fmean(m.segments for m in figures),
        decision_s=sum(run.decision_s for run in runs) / (sum(run.decisions for run in runs) or 1),
    )


def _known(value: float | None) -> float:
    assert value is not None, "a simulation needs step times for its trials and completes them, so they have bounds"
    return value


def _carry_out(
    scenario: Scenario,
    tasks: Sequence[tuple[Strategy, int]],
    folder: Path,
    jobs: int,
    policy_files: Sequence[Path],
) -> Iterator[tuple[tuple[Strategy, int], Run]]:
    if jobs == 1:
        for task in tasks:
            yield task, _simulate(scenario, *task, folder)
        return
    with ProcessPoolExecutor(
        min(jobs, len(tasks)), get_context("spawn"), initializer=_load_policies, initargs=(policy_files,)
    ) as pool:
        futures = {pool.submit(_simulate, scenario, *task, folder): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise HetschedError("a simulating process died: out of memory, or a policy that ends it?") from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _load_policies(policy_files: Sequence[Path]) -> None:
    for path in policy_files:
        load_policy_file(path)


def _simulate(scenario: Scenario, strategy: Strategy, seed: int, folder: Path) -> Run:
    run, _ = carry_out("sim", scenario, strategy, seed, run_folder(folder, strategy, seed))
    return run
