"""Every scheduling policy on every scenario of `benchmarks/scenarios`, against the bound and against `lookahead`.

    python -m benchmarks.suite                      # without overheads and noise: how close to the bound?
    python -m benchmarks.suite --overheads          # with the profiles' overheads and noise, paired by seed
    python -m benchmarks.suite --out docs/policies  # also a CSV file, and a picture of each family of policies

A scenario's allocation policy is that of its first strategy. Policies that work in rounds were published with rounds of
60 or 360 s, which many of these runs are too short for: each of their figures is the best of several round lengths.
Policies that train less than everybody else (early stopping) or that refuse a scenario are shown, but take no part in
the means.
"""

import argparse
import csv
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from inspect import signature
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from hetsched import scheduling
from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.analysis.intervals import interval
from hetsched.cores import available_cores
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import OverheadsTable
from sim.engine import simulate

FOLDER = Path(__file__).parent / "scenarios"
OURS = "lookahead"
ROUNDS_IN_A_RUN = (60, 20, 6)
FAMILIES = {
    "queueing": ["fifo", "pbt-sync", "las", "srtf", "lpt"],
    "packages": ["hrfs", "era", "eta"],
    "shares": ["gavel-las", "gavel-makespan", "gavel-ftf", "gavel-isolated", "gavel-las-blind"],
    "matching": ["allox", "sia"],
    "stopping": ["hypersched", "asha"],
    "planning": ["lookahead"],
}
"""The policies by what they have in common: a page of docs/policies each."""
NO_OVERHEADS = OverheadsTable(start_up=False, restore=False, evaluation=False, checkpoint=False, noise=False)


class Result(NamedTuple):
    """One run. `ratio` is makespan / bound of the run's own workers with all iterations; `whole`: all were trained."""

    scenario: str
    policy: str
    seed: int
    makespan_s: float
    mean_jct_s: float
    ratio: float
    accuracy: float
    whole: bool
    decision_ms: float
    error: str


def run(scenario_name: str, policy: str, seed: int, overheads: bool) -> Result:
    """The policy's run, for policies in rounds the one with the rounds that suit it best."""
    setup = load_setup(FOLDER / f"{scenario_name}.toml")
    if not overheads:
        setup = setup.replace(overheads=NO_OVERHEADS)
    strategy = Strategy(parse_strategy(setup.scenario.strategies[0]).allocation, policy)
    try:
        devices = worker_devices(setup.workers(strategy))
        bound = makespan_bound(full_jobs(setup.workload), devices, setup.times)
        trials = [
            measured(setup.replace(scheduling={policy: options}), strategy, seed, bound)
            for options in rounds_for(policy, bound)
        ]
    except HetschedError as error:
        return Result(scenario_name, policy, seed, 0.0, 0.0, 0.0, 0.0, False, 0.0, str(error))
    return min(trials, key=lambda result: result.makespan_s)


def measured(setup: Setup, strategy: Strategy, seed: int, bound: float) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        outcome = simulate(setup, strategy, seed, Path(folder))
    trials = outcome.state.trials.values()
    makespan = max(trial.completed or 0.0 for trial in trials)
    experiments = outcome.state.experiments
    return Result(
        setup.scenario.name,
        strategy.scheduling,
        seed,
        makespan,
        fmean((trial.completed or 0.0) - trial.arrived for trial in trials),
        makespan / bound,
        max(score for score in outcome.state.best_score.values() if score is not None),
        all(trial.iterations >= experiments[trial.experiment].stop_iterations for trial in trials),
        1e3 * outcome.decision_s / outcome.decisions,
        "",
    )


def rounds_for(policy: str, bound: float) -> list[dict[str, bool | int | float | str]]:
    """The options to try: for a policy in rounds, the published length of a round and some fractions of the bound."""
    options = signature(scheduling.policies.factory(policy)).parameters
    if "round_s" not in options:
        return [{}]
    lengths: list[dict[str, bool | int | float | str]] = [
        {"round_s": bound / parts, "reallocation_s": bound / parts * 1920 / 360} for parts in ROUNDS_IN_A_RUN
    ]
    return [{}, *[{name: s for name, s in of_length.items() if name in options} for of_length in lengths]]


def run_all(
    scenarios: Sequence[str], policies: Sequence[str], seeds: Iterable[int], overheads: bool, jobs: int
) -> list[Result]:
    tasks = [(s, p, seed, overheads) for s in scenarios for p in policies for seed in seeds]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(run, *zip(*tasks, strict=True)))


def by_policy(results: Sequence[Result]) -> dict[str, dict[str, list[Result]]]:
    """Policy -> scenario -> its runs in the order of the seeds; policies that are whole everywhere first."""
    found: defaultdict[str, defaultdict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        found[result.policy][result.scenario].append(result)
    return {policy: dict(of_policy) for policy, of_policy in found.items()}


def takes_part(of_policy: dict[str, list[Result]]) -> bool:
    return all(result.whole for runs in of_policy.values() for result in runs)


def mean_ratio(of_policy: dict[str, list[Result]]) -> float:
    return fmean(fmean(result.ratio for result in runs) for runs in of_policy.values())


def slower_than_ours(of_policy: dict[str, list[Result]], ours: dict[str, list[Result]]) -> tuple[float, float, float]:
    """The geometric mean over scenarios of makespan / that of lookahead under the same seed, with its 95% interval
    over seeds (in the logarithm; as wide as a point where there is none)."""
    seeds = range(len(next(iter(ours.values()))))
    logs = [fmean(log(of_policy[name][k].makespan_s / ours[name][k].makespan_s) for name in of_policy) for k in seeds]
    mean = fmean(logs)
    low, high = interval(logs) or (mean, mean)
    return exp(mean), exp(low), exp(high)


def table(results: Sequence[Result], scenarios: Sequence[str]) -> Table:
    policies = by_policy(results)
    ours = policies.get(OURS)
    shown = Table(header_style="bold", title="makespan / bound of the same workers")
    shown.add_column("policy")
    for heading in (*scenarios, "mean", "worst", f"x {OURS}"):
        shown.add_column(heading, justify="right")
    order = sorted(policies, key=lambda name: (not takes_part(policies[name]), mean_ratio(policies[name])))
    for name in order:
        of_policy = policies[name]
        cells = [
            "refused" if any(r.error for r in of_policy[s]) else f"{fmean(r.ratio for r in of_policy[s]):.3f}"
            for s in scenarios
        ]
        if takes_part(of_policy):
            worst = max(fmean(r.ratio for r in runs) for runs in of_policy.values())
            cells += [f"{mean_ratio(of_policy):.3f}", f"{worst:.3f}"]
            if ours is not None:
                mean, low, high = slower_than_ours(of_policy, ours)
                cells.append(f"{mean:.3f} ({low:.3f} .. {high:.3f})" if low < high else f"{mean:.3f}")
        else:
            cells += ["trains less or refuses", "", ""]
        shown.add_row(name, *cells)
    return shown


def write(results: Sequence[Result], path: Path) -> None:
    """The runs as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field for field in Result._fields if field != "decision_ms"])
        for r in results:
            figures = (f"{r.makespan_s:.3f}", f"{r.mean_jct_s:.3f}", f"{r.ratio:.4f}", f"{r.accuracy:.4f}")
            writer.writerow([r.scenario, r.policy, r.seed, *figures, r.whole, r.error])


def draw(results: Sequence[Result], family: Sequence[str], scenarios: Sequence[str], path: Path) -> None:
    """A picture of a family of policies beside lookahead and least-progress: makespan / bound by scenario."""
    from matplotlib import pyplot as plot  # only here: the table needs no pictures

    policies = by_policy(results)
    figure, axes = plot.subplots(figsize=(11, 4.2), layout="constrained")
    references = [name for name in ("least-progress", OURS) if name not in family]
    for number, name in enumerate([*references, *family]):
        runs = policies[name]
        points = [
            (place, fmean(result.ratio for result in runs[scenario]))
            for place, scenario in enumerate(scenarios)
            if all(result.whole for result in runs[scenario])
        ]
        style: dict[str, Any] = {"color": "black", "marker": "_x"[number]} if name in references else {}
        style = style or {"marker": "osD^vP*"[number % 7]}
        shift = 0.0 if name in references else 0.1 * (number - len(references) - (len(family) - 1) / 2)
        axes.scatter([p + shift for p, _ in points], [ratio for _, ratio in points], label=name, zorder=3, **style)
    axes.axhline(1.0, color="grey", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_yticks([1, 1.2, 1.5, 2, 3, 5, 10, 20], ["1", "1.2", "1.5", "2", "3", "5", "10", "20"])
    axes.minorticks_off()
    axes.set_xticks(range(len(scenarios)), scenarios, rotation=30, ha="right")
    axes.set_ylabel("makespan / bound")
    axes.grid(axis="y", linewidth=0.3)
    axes.legend(ncols=4, fontsize="small", loc="upper left")
    figure.savefig(path, dpi=110)
    plot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = sorted(path.stem for path in FOLDER.glob("*.toml"))
    parser.add_argument("--overheads", action="store_true", help="with the profiles' overheads and noise")
    parser.add_argument("--seeds", type=int, default=1, help="default: 1 (without noise seeds do not matter)")
    parser.add_argument("--scenarios", nargs="+", default=every, choices=every, metavar="NAME")
    parser.add_argument("--policies", nargs="+", default=scheduling.policies.names(), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=len(available_cores()))
    parser.add_argument("--out", type=Path, help="a folder for suite.csv or suite-overheads.csv")
    options = parser.parse_args()
    results = run_all(options.scenarios, options.policies, range(options.seeds), options.overheads, options.jobs)
    Console(width=None if Console().is_terminal else 400).print(table(results, options.scenarios))
    for error in dict.fromkeys(f"{r.policy} on {r.scenario}: {r.error}" for r in results if r.error):
        print(error)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        name = "suite-overheads" if options.overheads else "suite"
        write(results, options.out / f"{name}.csv")
        ran = {result.policy for result in results}
        for family, members in FAMILIES.items():
            if ran.issuperset({*members, OURS, "least-progress"}):
                draw(results, members, options.scenarios, options.out / f"{family}-{name}.png")


if __name__ == "__main__":
    main()
