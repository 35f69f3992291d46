"""`hetsched run`."""

import argparse
import sys
from functools import partial
from pathlib import Path

from hetsched.cli.arguments import SCENARIO, add_out, add_real, add_seed
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import live_view, real_scenario, seeds_of, show_strategy
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.studies.results import StrategyResult
from hetsched.studies.run import resume, run


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scenario", type=Path, nargs="?", metavar="SCENARIO", help=SCENARIO)
    add_out(parser)
    parser.add_argument("--strategy", metavar="A+S", help="such as fusion+hrfs")
    add_seed(parser)
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="instead of SCENARIO and --strategy: go on with the run in this folder",
    )
    add_real(parser)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Run one strategy for real on Ray Tune's PBT. Repetitions use the seeds from --seed on. After Ctrl-C the segments
    that run are finished first; a second Ctrl-C stops at once. With --resume, go on with a run that stopped, for
    whatever reason, from what its folder holds. See docs/real-runs.md."""
    result = begun_run(options) if options.resume else new_run(options)
    show_strategy(options, emit, result, "run on Ray Tune")


def new_run(options: argparse.Namespace) -> StrategyResult:
    """What the command line asks for, in a new folder."""
    if options.scenario is None or options.strategy is None:
        raise InputError("hetsched run needs SCENARIO and --strategy A+S, or --resume DIR")
    setup = real_scenario(options, options.scenario)
    return run(
        setup,
        parse_strategy(options.strategy),
        seeds_of(options, setup),
        options.out,
        policy_files=options.policy_file,
        watch=live_view,
    )


def begun_run(options: argparse.Namespace) -> StrategyResult:
    """What an earlier command has begun in the folder of --resume."""
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
        watch=live_view,
        complete=lambda home: print(f"hetsched: {home}: complete already", file=sys.stderr),
    )
