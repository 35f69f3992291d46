"""`hetsched plan`."""

import argparse

from hetsched.argument_types import count
from hetsched.cli.arguments import add_cluster, add_out, add_scenario
from hetsched.cli.json_output import Emit
from hetsched.cli.planning import add_planning, planning, print_plan
from hetsched.cli.shared import finish, live_view, real_scenario, runs_progress
from hetsched.studies.plan import plan

EXAMPLES = (
    "hetsched plan examples/cifar10-quick.toml --data-dir DIR",
    "hetsched plan examples/cifar10-quick.toml --address auto --budget-s 120",
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    planned = parser.add_argument_group("what is simulated")
    planned.add_argument("--seeds", type=count, metavar="N", help="number of seeds (default: the scenario's)")
    add_planning(planned)
    real = parser.add_argument_group("where it is measured")
    add_cluster(real)
    results = parser.add_argument_group("results")
    add_out(results)
    results.add_argument("--all", action="store_true", help="show every strategy (default: the best ones only)")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure the scenario's training for a moment on one worker of each kind, and simulate every
    strategy that fits. Print the makespan of each in seconds, the best first, and the command that
    runs the best one. See docs/planning.md."""
    result = plan(
        real_scenario(options, options.scenario),
        seeds=options.seeds,
        folder=options.out,
        **planning(options),
        watch=live_view,
        progress=runs_progress,
    )
    named = options.strategies or ()
    finish(options, emit, result.document(), lambda: print_plan(result, whole=options.all, named=named), result.folder)
