"""Compare `lookahead` with other policies under a stop on a score: makespans on scenarios of the suite.

    python -m benchmarks.stop_on_score
    python -m benchmarks.stop_on_score --scenarios homogeneous --seeds 50 --first-seed 1000 --csv runs.csv

Each scenario is simulated with its costs and noise. Its experiments stop on one of two scores:

- `target`: the suite's target of the scenario.
- `late`: the best score that a run of `fifo` without the stop has at 70% of its makespan, in the
  mean of ten seeds.

All policies run under the same seeds, in one process. A ratio is the geometric mean over the seeds
of makespan of `lookahead` / makespan of the other policy, with its 95% interval. The best other
policy is chosen on the first half of the seeds, and judged on the second half. So its lead is not
the chance by which it was chosen.
"""

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from io import StringIO
from pathlib import Path
from statistics import fmean, geometric_mean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.analysis.best_over_time import best_over_time
from hetsched.analysis.over_scenarios.aggregates import in_order
from hetsched.analysis.paired import Difference, differences
from hetsched.core.log import read_log
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import suite_file, suite_names
from hetsched.scenario.scenario import Setup
from hetsched.studies.fan_out import Task, run_folder
from hetsched.studies.one_run import RunResult, carry_out
from hetsched.studies.suite.carry_out import strategy_of

OURS = "lookahead"
OTHERS = ("least-progress", "fifo", "hrfs", "srtf", "sia", "lpt")
LATE = 0.7
LATE_SEEDS = 10


class Case(NamedTuple):
    """A scenario whose experiments stop on a score."""

    scenario: str
    stop: str
    score: float
    setup: Setup


Makespans = Mapping[str, Sequence[float]]
"""By policy, the seconds of its runs, in the order of the seeds."""


def main() -> None:
    """Simulate, and put a row per case into docs/measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenarios", nargs="+", default=suite_names(), metavar="NAME")
    parser.add_argument("--policies", nargs="+", default=OTHERS, metavar="NAME", help="the other policies")
    parser.add_argument("--allocation", default="fusion", help="the allocation policy, which makes the workers")
    parser.add_argument("--seeds", type=int, default=200, help="an even number")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of the seeds")
    parser.add_argument("--csv", type=Path, help="file for the makespan of each run")
    options = parser.parse_args()
    strategies = {policy: f"{options.allocation}+{policy}" for policy in (OURS, *options.policies)}
    with options.csv.open("w", newline="", buffering=1) if options.csv else nullcontext() as file:
        rows = csv.writer(file or StringIO(), lineterminator="\n")
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        rows.writerow(["scenario", "stop", "score", "policy", "seed", "makespan_s"])
        for case in cases(options.scenarios, f"{options.allocation}+fifo"):
            found = {policy: makespans(case.setup, name, seeds) for policy, name in strategies.items()}
            rows.writerows(
                [*case[:3], policy, seed, makespan_s]
                for policy, seconds in found.items()
                for seed, makespan_s in zip(seeds, seconds, strict=True)
            )
            kept = {"seeds": options.seeds, **row(case, found)}
            print(kept, flush=True)
            keep(MEASURED / "stop_on_score.csv", [kept], ["scenario", "stop"])


def cases(scenarios: Sequence[str], reference: str) -> Iterator[Case]:
    """Both stops of each scenario. Leaves out a scenario without a target."""
    for name in scenarios:
        setup = load_setup(suite_file(name))
        if setup.target_score is None:
            print(f"{name}: has no target, and is left out", file=sys.stderr)
            continue
        yield Case(name, "target", setup.target_score, stopping(setup, setup.target_score))
        late = round(fmean(late_score(setup, reference, seed) for seed in range(LATE_SEEDS)), 3)
        yield Case(name, "late", late, stopping(setup, late))


def stopping(setup: Setup, score: float) -> Setup:
    """The scenario with the stop on the score."""
    workload = setup.scenario.workload
    experiments = [experiment.model_copy(update={"stop_score": score}) for experiment in workload.experiments]
    return setup.replace(workload=workload.model_copy(update={"experiments": experiments}))


def makespans(setup: Setup, strategy: str, seeds: Sequence[int]) -> list[float]:
    with TemporaryDirectory() as folder:
        return [simulated(setup, strategy, seed, Path(folder)).metrics.makespan_s for seed in seeds]


def late_score(setup: Setup, strategy: str, seed: int) -> float:
    """The best score of a run when the share `LATE` of its makespan has passed."""
    with TemporaryDirectory() as folder:
        run = simulated(setup, strategy, seed, Path(folder))
        return max(score for s, score in best_over_time(read_log(run.log)) if s <= LATE * run.metrics.makespan_s)


def simulated(setup: Setup, strategy: str, seed: int, folder: Path) -> RunResult:
    task = Task(strategy_of(setup, strategy), seed)
    return carry_out("sim", setup, *task, run_folder(folder, *task))[0]


def row(case: Case, found: Makespans) -> Row:
    """The ratio to each other policy, and to the best one, as text with its interval."""
    ours, half = found[OURS], len(found[OURS]) // 2
    others = {policy: seconds for policy, seconds in found.items() if policy != OURS}
    ratios = differences(ours, others)
    best, *_ = in_order({policy: geometric_mean(seconds[:half]) for policy, seconds in others.items()})
    judged = differences(ours[half:], {best: others[best][half:]})[best]
    cells = {policy.partition("-")[0]: cell(ratios[policy]) for policy in others}
    first = {"scenario": case.scenario, "stop": case.stop, "score": f"{case.score:g}"}
    return {**first, **cells, "best": f"`{best}` {cell(judged)}"}


def cell(difference: Difference) -> str:
    """The ratio, and its interval if the seeds differ."""
    if difference.ci95 is None:
        return f"{difference.ratio:.3f}"
    return "{:.3f} ({:.3f} to {:.3f})".format(difference.ratio, *difference.ci95)


if __name__ == "__main__":
    main()
