"""`hetsched bound`."""

import argparse

from hetsched.analysis import bounds
from hetsched.cli.arguments import add_scenario
from hetsched.cli.document import Emit
from hetsched.cli.shared import finish, print_heading, say, scenario_facts, show
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Lower bounds on the makespan and on the mean job completion time (JCT: completion minus arrival, of trials and
    of experiments) of a scenario when every trial trains to its stop iteration (those that stop on accuracy may end
    sooner): for any allocation, and for the workers of each strategy's allocation policy. Arrivals count."""
    setup = load_setup(options.scenario)
    workload, times = setup.workload, setup.times
    try:
        overall = bounds.workload_bounds(workload, bounds.cluster_devices(setup.cluster, times), times)
        by_allocation = {}
        for strategy in map(parse_strategy, setup.scenario.strategies):
            devices = bounds.worker_devices(setup.workers(strategy))
            own = bounds.workload_bounds(workload, devices, times)
            # What no schedule under any allocation can beat, none under this one can.
            by_allocation[strategy.allocation] = bounds.Bounds(*map(max, own, overall))
    except InputError as error:
        raise InputError(f"{options.scenario}: {error}") from error
    document = {
        **scenario_facts(setup),
        "bound_s": overall.makespan_s,
        "by_allocation_s": {name: own.makespan_s for name, own in by_allocation.items()},
        "trial_jct_bound_s": overall.trial_jct_s,
        "trial_jct_by_allocation_s": {name: own.trial_jct_s for name, own in by_allocation.items()},
        "experiment_jct_bound_s": overall.experiment_jct_s,
        "experiment_jct_by_allocation_s": {name: own.experiment_jct_s for name, own in by_allocation.items()},
    }

    def table() -> None:
        early = any(experiment.stop_accuracy is not None for experiment in workload.experiments)
        print_heading(f"{setup.scenario.name}: no schedule of all iterations takes less than", setup)
        show(tables.bound_table({"any": overall, **by_allocation}))
        say("Overheads and noise are left out." + " Trials that stop on accuracy may need fewer iterations." * early)

    finish(options, emit, document, table, None)
