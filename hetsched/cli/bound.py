"""`hetsched bound`."""

import argparse

from hetsched.cli.arguments import add_scenario
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, print_heading, say, say_caveats, show, simulated_scenario
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.report.legend import BOUNDS, legend
from hetsched.studies.bound import bound

EXAMPLES = (
    "hetsched bound demo",
    "hetsched bound examples/demo.toml --json",
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Print lower bounds on the makespan and on the mean job completion time (JCT), in seconds. JCT
    is completion minus arrival, of trials and of experiments. The bounds are for trials that train
    to their stop iteration. Trials that stop on a score may end sooner. One bound is for any
    allocation. One bound per allocation policy of the strategies is for the workers that the policy
    makes. The bounds include arrivals and overheads. The bound of training alone leaves overheads
    out. See docs/bounds.md."""
    setup = simulated_scenario(options)
    try:
        result = bound(setup)
    except InputError as error:
        raise InputError(f"{options.scenario}: {error}") from error

    def table() -> None:
        print_heading(f"{setup.scenario.name}: no schedule of all iterations takes less than", setup)
        show(tables.bound_table(result.with_costs, result.training_alone), legend(BOUNDS))
        say(" ".join(["Restores and noise are left out.", *result.notes]))
        say_caveats(result.assumptions)

    finish(options, emit, result.document(), table, None)
