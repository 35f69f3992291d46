"""`hetsched run`."""

import argparse
import sys
from functools import partial
from pathlib import Path

from hetsched.argument_types import a_path
from hetsched.cli.arguments import SCENARIO, add_cluster, add_out, add_repeat, add_seed, add_track
from hetsched.cli.json_output import Emit
from hetsched.cli.planning import add_planning, planning, planning_words, print_plan
from hetsched.cli.shared import hand_over, live_view, real_scenario, runs_progress, seeds_of, show_strategy
from hetsched.errors import InputError
from hetsched.report.printable import printable
from hetsched.report.tracking.tracking import Tracking
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.plan import PlanResult, plan
from hetsched.studies.results import StrategyResult
from hetsched.studies.run import resume, run
from hetsched.studies.run_plan import AUTO
from hetsched.studies.watching import Watch

EXAMPLES = (
    "hetsched run examples/cifar10-quick.toml --strategy fusion+hrfs --data-dir DIR",
    "hetsched run --resume results/cifar10-quick-run-20260101-120000",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", type=a_path, nargs="?", metavar="SCENARIO", help=SCENARIO)
    what = parser.add_argument_group("what is run")
    what.add_argument(
        "--strategy", metavar="A+S", help="such as fusion+hrfs. auto: the best one of a plan, which is made first"
    )
    add_seed(what)
    add_repeat(what)
    what.add_argument(
        "--resume",
        type=a_path,
        metavar="DIR",
        help="instead of SCENARIO and --strategy: go on with the run in this folder",
    )
    where = parser.add_argument_group("where it is run")
    add_cluster(where)
    results = parser.add_argument_group("results")
    add_out(results)
    add_track(results)
    add_planning(parser.add_argument_group("the plan of --strategy auto"))


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Run one strategy for real on Ray Tune's PBT. With --strategy auto, find the best strategy
    first, as 'hetsched plan' does. At the end, the predicted makespan is printed beside the
    measured one. Repetitions use the seeds from --seed on. After Ctrl-C the running segments are
    finished first. A second Ctrl-C stops at once. With --resume, go on with a stopped run from the
    content of its folder. See docs/real-runs.md."""
    with Tracking(options.track, live_view) as tracking:
        result = (begun_run if options.resume else new_run)(options, tracking.watch)
        show_strategy(options, emit, result, "run on Ray Tune")
        hand_over(tracking, result)


def new_run(options: argparse.Namespace, watch: Watch) -> StrategyResult:
    """Carry out the run of the command line in a new folder. Raises InputError if the input is
    wrong."""
    if options.scenario is None or options.strategy is None:
        raise InputError("hetsched run needs SCENARIO and --strategy A+S (or auto), or --resume DIR")
    if options.strategy != AUTO and (given := _planning_options(options)):
        raise InputError(f"{', '.join(given)}: with --strategy auto only, not with {options.strategy}")
    setup = real_scenario(options, options.scenario)
    return run(
        setup,
        AUTO if options.strategy == AUTO else parse_strategy(options.strategy),
        seeds_of(options, setup),
        options.out,
        policy_files=options.policy_file,
        planner=partial(shown_plan, options),
        planning=planning_words(options),
        watch=watch,
    )


def shown_plan(options: argparse.Namespace, setup: Setup, folder: Path, beside: Path) -> PlanResult:
    """Make the plan for --strategy auto, print it, and return it."""
    found = plan(setup, folder=folder, beside=beside, **planning(options), watch=live_view, progress=runs_progress)
    if not options.json:
        print_plan(found, named=options.strategies or ())
    return found


def _planning_options(options: argparse.Namespace) -> list[str]:
    """The given options among those of `add_planning`."""
    given = {
        "--strategies": options.strategies,
        "--budget-s": options.budget_s,
        "--measure-again": options.measure_again or None,
        "--jobs": options.jobs,
    }
    return [name for name, value in given.items() if value is not None]


def begun_run(options: argparse.Namespace, watch: Watch) -> StrategyResult:
    """Go on with the run in the folder of --resume. Raises InputError if the command line has other
    options."""
    given = {
        "SCENARIO": options.scenario,
        "--strategy": options.strategy,
        "--seed": options.seed,
        "--repeat": options.repeat if options.repeat > 1 else None,
        "--out": options.out,
    }
    if superfluous := [name for name, value in given.items() if value is not None]:
        raise InputError(f"--resume: the folder says what to run; leave out {', '.join(superfluous)}")
    return resume(
        options.resume,
        read=partial(real_scenario, options),
        policy_files=options.policy_file,
        planner=partial(shown_plan, options),
        watch=watch,
        complete=lambda home: print(printable(f"hetsched: {home}: complete already"), file=sys.stderr),
    )
