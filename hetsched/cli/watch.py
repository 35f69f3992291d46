"""`hetsched watch`."""

import argparse
import time
from pathlib import Path

import msgspec

from hetsched.argument_types import a_path
from hetsched.cli.arguments import add_report_interval
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, print_heading, say_caveats, show_run
from hetsched.report.following import FollowedRun, newest_log
from hetsched.report.terminal import say_meanwhile
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.studies.folder_caveats import caveats_of_folder
from hetsched.studies.one_run import look_up
from hetsched.studies.results import scenario_of

LOOK_EVERY_S = 0.25


EXAMPLES = ("hetsched watch results",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=a_path, metavar="DIR", help="the results folder of a run, or one with runs below it: the newest"
    )
    parser.add_argument(
        "--stay",
        action="store_true",
        help="when the run has ended, wait for it to be resumed, or for the next one in DIR",
    )
    add_report_interval(parser, 10.0)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Follow a run of another process, with the live view of 'hetsched run', until the run has
    ended. The run may also begin later, or be over. Nothing is written, and the run is not
    disturbed. See docs/serve.md."""
    log = _begun_log(options.folder)
    while True:
        with FollowedRun(log, options.report_interval) as run:
            run.look()
            if run.state.run is None:
                say_meanwhile(f"{log}: its first line is not finished yet; waiting for the rest")
            while not run.over or (options.stay and newest_log(options.folder) == log):
                time.sleep(LOOK_EVERY_S)
                run.look()
        if not options.stay:
            break
        log = _begun_log(options.folder)
    _show_end(options, emit, log)


def _begun_log(folder: Path) -> Path:
    """The newest log in the folder. Waits until there is one."""
    said = False
    while (log := newest_log(folder)) is None:
        if not said:
            say_meanwhile(f"{folder}: no run has begun there yet; waiting for one")
        said = True
        time.sleep(LOOK_EVERY_S)
    return log


def _show_end(options: argparse.Namespace, emit: Emit, log: Path) -> None:
    """Print the figures of the run."""
    setup = load_setup_of_logs(scenario_of(log.parent))
    result, state = look_up(setup, log)
    metrics, caveats = result.metrics, caveats_of_folder(log.parent, [log])

    def table() -> None:
        print_heading(f"{setup.scenario.name}: {metrics.strategy}, seed {metrics.seed}: {state.ended}", setup)
        show_run(state, [metrics], setup.workload.arriving)
        say_caveats(*caveats)

    found = {"log": str(log), "ended": state.ended, **msgspec.to_builtins(metrics)}
    document = {**found, **caveats.document(), "state": state.snapshot()}
    finish(options, emit, document, table, log.parent)
