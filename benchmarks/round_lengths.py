"""Measure how many rounds are fair to policies that decide in rounds: makespan / bound by the
number of rounds in a bound.

    python benchmarks/round_lengths.py

It simulates seed 0 of every scenario of the suite and of its held-out scenarios, with overheads and
noise and without. The last row of each table is the rule of `hetsched.studies.periods`. It takes a
quarter of an hour on two cores.
"""

from collections import defaultdict
from math import exp, log
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import held_out_names, suite_file, suite_names
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import carry_out
from hetsched.studies.periods import fit, with_periods
from hetsched.studies.suite.asked import NO_COSTS
from hetsched.studies.suite.carry_out import strategy_of

ROUNDS = (10, 20, 40, 80)
POLICIES = {"gavel-las": 4.0, "gavel-makespan": 4.0, "gavel-ftf": 4.0, "allox": 4.0, "sia": None}
"""By policy, the number of rounds between two reallocations. None: it has no reallocations."""


def ratio(setup: Setup, policy: str) -> float:
    """Makespan / bound."""
    with TemporaryDirectory() as folder:
        run, _ = carry_out("sim", setup, strategy_of(setup, policy), 0, Path(folder) / "run")
    assert run.metrics.workers_bound_ratio is not None
    return run.metrics.workers_bound_ratio


def in_rounds(setup: Setup, policy: str, rounds: int) -> Setup:
    """The scenario with that many rounds in the policy's bound."""
    devices = worker_devices(setup.workers(strategy_of(setup, policy)))
    round_s = makespan_bound(full_jobs(setup.workload), devices, setup.times, setup.costs) / rounds
    between = POLICIES[policy]
    options = {"round_s": round_s} if between is None else {"round_s": round_s, "reallocation_s": between * round_s}
    return setup.replace(scheduling={policy: options})


def main() -> None:
    found = defaultdict[tuple[str, str, str], list[float]](list)
    for name in (*suite_names(), *held_out_names()):
        with_costs = load_setup(suite_file(name))
        for costs, setup in (("with", with_costs), ("without", with_costs.replace(overheads=NO_COSTS))):
            for policy in POLICIES:
                for rounds in ROUNDS:
                    found[costs, policy, str(rounds)].append(ratio(in_rounds(setup, policy, rounds), policy))
                of_rule = fit(setup, strategy_of(setup, policy))
                fitting = with_periods(setup, {} if of_rule is None else {policy: of_rule})
                found[costs, policy, "rule"].append(ratio(fitting, policy))
    for (costs, policy, number), ratios in found.items():
        print(f"{policy:16} {costs:8} costs, rounds: {number:5} {exp(fmean(map(log, ratios))):.3f}")


if __name__ == "__main__":
    main()
