"""Simulate what the pages of docs/policies say beside the suite, and put the figures into
docs/measured.

    python -m benchmarks.policy_studies                        # all studies
    python -m benchmarks.policy_studies populations gavel      # these studies

A study writes the file of its name:

- `populations`: the demo with other populations under seed 0, and the bundle that `uniform` takes
- `allocations`: the cluster of HRFS by allocation policy, five seeds
- `scores_for_a_budget`: the demo with prices and a budget, five seeds
- `deadline`: the demo under `hypersched` with a deadline, five seeds
- `drawn`: `lookahead` and the best other policy on scenarios of `hetsched suite generate`, under
  seed 0
- `drawn_suites`: all policies on three other draws, five seeds
- `gavel`: the worst deviations from the answers of Gavel's own simulator
"""

import argparse
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import hetsched
from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.analysis.intervals import spread
from hetsched.analysis.over_scenarios.aggregates import in_order
from hetsched.domain.registry import Strategy
from hetsched.scenario.drawing import draw
from hetsched.scenario.loading import load
from hetsched.scenario.packaged import packaged_scenario
from hetsched.scenario.scenario import Scenario
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.suite.result import OverScenarios
from sim.engine import simulate
from tests.gavel_runs import NAMES, TYPES, gavel_scenario, rows

SEEDS = 5
BUNDLE = re.compile(r"uniform: .*\(bundle: (?P<bundle>[^;]+);.*; next: (?P<next>[^,]+), (?P<as_fast>[\d.]+) as fast\)")

DEADLINE_S = 1500.0
BUDGET = 1.0
PRICES = {"server": 0.90, "box": 0.08}
"""Prices of the demo's nodes per hour."""

FOR_A_BUDGET = ("fifo", "srtf", "hypersched", "sequential-halving", "least-progress", "asha")
OF_ANY_ALLOCATION = ("sliced", "fusion", "gpu-only", "cpu-only", "uniform")
DRAWN = (501, 502, 503)
"""The seeds under which scenarios are drawn."""

DRAWN_FRESH = (1, 2, 3)
PER_SEED = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"of {', '.join(STUDIES)}; default: all")
    options = parser.parse_args()
    if unknown := set(options.studies) - set(STUDIES):
        parser.error(f"expected studies of {', '.join(STUDIES)}, got {', '.join(sorted(unknown))}")
    for name in options.studies or STUDIES:
        study, key = STUDIES[name]
        file = MEASURED / f"{name}.csv"
        found = list(study())
        file.unlink(missing_ok=True)
        keep(file, found, key)
        print(f"{file.name}: {len(found)} rows", flush=True)


@cache
def demo() -> Scenario:
    return load(packaged_scenario("demo"))


def with_experiment(scenario: Scenario, **changes: Any) -> Scenario:
    """The scenario with other values of its only experiment."""
    [experiment] = scenario.workload.experiments
    tables = [experiment.model_dump(exclude_unset=True) | changes]
    return scenario.replace(workload={"experiments": tables})


def populations() -> Iterator[Row]:
    strategies = ["uniform+fifo", "fusion+fifo", "fusion+hrfs"]
    for population in (5, 10, 20, 40):
        setup = with_experiment(demo(), population=population).resolve()
        [line] = chosen_workers(setup, strategies)
        chosen = BUNDLE.fullmatch(line)
        assert chosen, line
        found = hetsched.compare(setup, strategies, 1).comparisons
        yield {
            "population": population,
            "bundle": chosen["bundle"],
            "workers": len(setup.workers(Strategy("uniform", "fifo"))),
            "next_bundle": chosen["next"],
            "next_as_fast": float(chosen["as_fast"]),
            **{name.replace("+", "_") + "_s": found[name].makespan_s.mean for name in strategies},
        }


def allocations() -> Iterator[Row]:
    strategies = [f"{allocation}+lookahead" for allocation in OF_ANY_ALLOCATION]
    strategies += ["sliced+least-progress", "fusion+least-progress"]
    setup = load(packaged_scenario("hrfs-cluster")).resolve()
    for strategy, figures in hetsched.compare(setup, strategies, SEEDS, baseline=strategies[0]).comparisons.items():
        allocation, scheduling = strategy.split("+")
        yield {
            "allocation": allocation,
            "scheduling": scheduling,
            "makespan_s": figures.makespan_s.mean,
            "own_ratio": figures.workers_bound_ratio,
            "any_ratio": figures.bound_ratio,
        }


def scores_for_a_budget() -> Iterator[Row]:
    nodes = [node.model_dump(exclude_unset=True) | {"price_per_h": PRICES[node.name]} for node in demo().cluster.nodes]
    paid = demo().replace(cluster={"nodes": nodes}, metrics={"budget": BUDGET})
    independent = with_experiment(paid, pbt={"enabled": False}, checkpoint_interval=50)
    strategies = [f"fusion+{policy}" for policy in FOR_A_BUDGET]
    for trials, scenario in (("pbt", paid), ("independent", independent)):
        result = hetsched.compare(scenario, strategies, SEEDS, baseline="fusion+fifo")
        scores = {name: [_known(run.metrics.score_at_budget) for run in of] for name, of in result.by_strategy.items()}
        for name, figures in result.comparisons.items():
            ahead = [mine - first for mine, first in zip(scores[name], scores["fusion+fifo"], strict=True)]
            low, high = spread(ahead).ci95 or (ahead[0], ahead[0])
            yield {
                "trials": trials,
                "policy": name.removeprefix("fusion+"),
                "cost": figures.cost,
                "score": fmean(scores[name]),
                "ahead_of_fifo_low": low,
                "ahead_of_fifo_high": high,
            }


def _known(score: float | None) -> float:
    assert score is not None, "some trial reports before the budget is spent"
    return score


def deadline() -> Iterator[Row]:
    scenario = demo().replace(scheduling={"hypersched": {"deadline_s": DEADLINE_S}})
    runs = hetsched.compare(scenario, ["fusion+hypersched"], SEEDS, baseline="fusion+hypersched").runs
    ends = [run.metrics.makespan_s for run in runs]
    late = sum(end > DEADLINE_S for end in ends)
    yield {"policy": "hypersched", "deadline_s": DEADLINE_S, "runs": len(ends), "late": late, "last_end_s": max(ends)}


def on_drawn(draws: Sequence[int], seeds: int) -> Mapping[str, OverScenarios]:
    """All policies on the scenarios that are drawn under each of `draws`."""
    with tempfile.TemporaryDirectory() as folder:
        files = [file for number in draws for file in draw(Path(folder) / f"{number}", number, PER_SEED)]
        return hetsched.suite(files, None, seeds, Path(folder) / "suite").over_scenarios


def drawn_suites() -> Iterator[Row]:
    for number in DRAWN_FRESH:
        for policy, found in on_drawn([number], SEEDS).items():
            yield {"seed": number, "policy": policy, "ratio": found.interquartile_mean.mean}


def drawn() -> Iterator[Row]:
    ratios = {
        policy: {name: one.bound_ratio for name, one in found.scenarios.items()}
        for policy, found in on_drawn(DRAWN, 1).items()
    }
    mine = ratios.pop("lookahead")
    for scenario, ratio in mine.items():
        best, *_ = in_order({policy: of_policy[scenario] for policy, of_policy in ratios.items()})
        yield {"scenario": scenario, "lookahead": ratio, "best_other": best, "best_other_ratio": ratios[best][scenario]}


def gavel() -> Iterator[Row]:
    """A row per policy: the largest deviations of its runs, makespan and mean completion time
    relatively, and single completion times in seconds where there is no linear program."""
    found: defaultdict[str, list[tuple[float, float, float | None]]] = defaultdict(list)
    for run in rows("results.csv"):
        found[NAMES[run["policy"]]].append(deviations(run))
        print(run["trace"], run["policy"], found[NAMES[run["policy"]]][-1], flush=True)
    for policy in NAMES.values():
        makespan, mean, each = zip(*found[policy], strict=True)
        known = [value for value in each if value is not None]
        yield {
            "policy": policy,
            "runs": len(makespan),
            "job_s": max(known, default=None) if policy == "gavel-fifo" else None,
            "makespan_percent": 100 * max(makespan),
            "mean_jct_percent": 100 * max(mean),
        }


def deviations(run: Mapping[str, str]) -> tuple[float, float, float | None]:
    """How far the run is from Gavel's: makespan, mean completion time, and the worst single
    completion time if Gavel's are known."""
    with tempfile.TemporaryDirectory() as folder:
        state = simulate(gavel_scenario(dict(run)), Strategy("gpu-only", NAMES[run["policy"]]), 0, Path(folder)).state
    ends = {name.removesuffix("-0").removeprefix("job"): trial for name, trial in state.trials.items()}
    times = {job: (trial.completed or 0.0) - trial.arrived for job, trial in ends.items()}
    makespan = max(trial.completed or 0.0 for trial in ends.values())
    theirs = jcts_of_gavel().get(tuple(run[name] for name in ("trace", *TYPES, "policy")), {})
    usual = (run["round_s"], run["min_realloc_s"], run["seed"]) == ("360", "1920", "0")
    each = max(abs(times[job] - jct) for job, jct in theirs.items()) if theirs and usual else None
    asked = float(run["makespan_s"]), float(run["avg_jct_s"])
    return abs(makespan / asked[0] - 1), abs(fmean(times.values()) / asked[1] - 1), each


@cache
def jcts_of_gavel() -> Mapping[tuple[str, ...], Mapping[str, float]]:
    """Gavel's completion times by trace, cluster and policy, and then by job, in rounds of 360 s."""
    found: defaultdict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for row in rows("jcts.csv"):
        found[tuple(row[name] for name in ("trace", *TYPES, "policy"))][row["job_id"]] = float(row["jct_s"])
    return found


Study = Callable[[], Iterator[Row]]

STUDIES: Mapping[str, tuple[Study, list[str]]] = {
    "populations": (populations, ["population"]),
    "allocations": (allocations, ["allocation", "scheduling"]),
    "scores_for_a_budget": (scores_for_a_budget, ["trials", "policy"]),
    "deadline": (deadline, ["policy"]),
    "gavel": (gavel, ["policy"]),
    "drawn": (drawn, ["scenario"]),
    "drawn_suites": (drawn_suites, ["seed", "policy"]),
}
"""The studies by the names of their files, each with what tells its rows apart."""

if __name__ == "__main__":
    main()
