"""`hetsched replay`."""

import argparse

from hetsched.argument_types import a_path
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, print_heading, say
from hetsched.core.events import SIMULATED
from hetsched.errors import HetschedError
from hetsched.report.figures_in_words import percent
from hetsched.studies.replay import replay

EXAMPLES = ("hetsched replay results/demo-run-20260101-120000",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=a_path, metavar="RUN", help="the folder of one run, with its events.jsonl")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Feed the durations and scores of a run's log to its policy again, on the simulator's clock.
    The same policy must take all of the same decisions. RUN is the folder with the run's
    events.jsonl. See docs/replay.md."""
    result = replay(options.run, policy_files=options.policy_file)
    found, name = result.found, result.setup.scenario.name

    def table() -> None:
        print_heading(f"{name}: {found.strategy}, seed {found.seed}, replayed", result.setup)
        say(f"decisions: {found.alike} of {found.decisions} taken again")
        if found.cut_short is not None:
            say(found.cut_short)
        if found.replayed_makespan_s is not None:
            error = "" if result.error_percent is None else f" ({percent(result.error_percent, 2)})"
            how = "simulated" if found.backend == SIMULATED else "measured"
            say(f"makespan: {found.makespan_s:,.3f} s {how}, {found.replayed_makespan_s:,.3f} s replayed{error}")

    finish(options, emit, result.document(), table, None)
    if found.difference is not None:
        raise HetschedError(f"{result.log}: {found.difference}")
