"""`hetsched plan`."""

import argparse

from hetsched.argument_types import count
from hetsched.cli.arguments import add_cluster, add_out, add_scenario
from hetsched.cli.json_output import Emit
from hetsched.cli.planning import add_planning, planning, print_plan
from hetsched.cli.shared import finish, live_view, real_scenario, runs_progress
from hetsched.studies.plan import plan


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_out(parser)
    add_planning(parser)
    parser.add_argument("--seeds", type=count, metavar="N", help="how many seeds (default: the scenario's)")
    parser.add_argument("--all", action="store_true", help="show every strategy, not only the best ones")
    add_cluster(parser)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure the scenario's training for a moment on one worker of each kind, simulate every strategy that fits, and
    print what each would take, the best first, and the command that runs the best one. See docs/planning.md."""
    result = plan(
        real_scenario(options, options.scenario),
        seeds=options.seeds,
        folder=options.out,
        **planning(options),
        watch=live_view,
        progress=runs_progress,
    )
    finish(options, emit, result.document(), lambda: print_plan(result, whole=options.all), result.folder)
