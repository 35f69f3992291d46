"""`hetsched bound`."""

import argparse

from hetsched.analysis import bounds
from hetsched.cli.shared import Emit, about, finish, print_heading, say, show
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load


def bound(options: argparse.Namespace, emit: Emit) -> None:
    """Lower bounds on the makespan and on the mean job completion time (JCT: completion minus arrival, of trials and
    of experiments) of a scenario when every trial trains to its stop iteration (those that stop on accuracy may end
    sooner): for any allocation, and for the workers of each strategy's allocation policy. Arrivals count."""
    scenario = load(options.scenario)
    workload, times = scenario.workload_spec(), scenario.times
    try:
        overall = bounds.workload_bounds(workload, bounds.cluster_devices(scenario.cluster_spec(), times), times)
        by_allocation = {}
        for strategy in map(parse_strategy, scenario.strategies):
            devices = bounds.worker_devices(scenario.workers(strategy))
            own = bounds.workload_bounds(workload, devices, times)
            # What no schedule under any allocation can beat, none under this one can.
            by_allocation[strategy.allocation] = bounds.Bounds(*map(max, own, overall))
    except InputError as error:
        raise InputError(f"{options.scenario}: {error}") from error
    document = {
        **about(scenario),
        "bound_s": overall.makespan_s,
        "by_allocation_s": {name: own.makespan_s for name, own in by_allocation.items()},
        "trial_jct_bound_s": overall.trial_jct_s,
        "trial_jct_by_allocation_s": {name: own.trial_jct_s for name, own in by_allocation.items()},
        "experiment_jct_bound_s": overall.experiment_jct_s,
        "experiment_jct_by_allocation_s": {name: own.experiment_jct_s for name, own in by_allocation.items()},
    }

    def table() -> None:
        early = any(experiment.stop_accuracy is not None for experiment in workload.experiments)
        print_heading(f"{scenario.name}: no schedule of all iterations takes less than", scenario)
        show(tables.bound_table({"any": overall, **by_allocation}))
        say("Overheads and noise are left out." + " Trials that stop on accuracy may need fewer iterations." * early)

    finish(options, emit, document, table, None)
