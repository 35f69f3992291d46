"""`hetsched fidelity`."""

import argparse
from pathlib import Path

import msgspec

from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, live_view, say, say_remarks, show
from hetsched.errors import InputError
from hetsched.report import fidelity_tables
from hetsched.studies.fidelity.fidelity import FidelityResult, fidelity
from hetsched.studies.fidelity.record import record
from hetsched.studies.fidelity.table import write_table


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["record"], help="run for real the cells that have no recording")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("fidelity"),
        metavar="DIR",
        help="the folder of cells and recordings (default: fidelity)",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these cells instead of all")
    parser.add_argument("--write", action="store_true", help="write the errors to DIR/errors.csv, for the next version")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Predict every recorded real run again from the profile that a probe measured before it, and print by how much the
    predictions are off. With 'record', make the recordings that are missing. See docs/validation.md."""
    if options.action == "record":
        print_recorded(options, emit)
        return
    if options.write and options.only:
        raise InputError("--write: the table has all recordings: leave --only out")
    result = fidelity(options.folder, options.only)
    finish(options, emit, result.document(), lambda: print_fidelity(result), None)
    if options.write:
        write_table(options.folder, result.errors)


def print_recorded(options: argparse.Namespace, emit: Emit) -> None:
    """A line for each recording when it is made, or a document of all at the end."""
    names = []
    for name in record(options.folder, options.only, watch=live_view):
        names.append(name)
        if not options.json:
            say(f"recorded: {name}")
    if options.json:
        emit(msgspec.json.encode({"recorded": names}))
    elif not names:
        say("every cell has its recording")


def print_fidelity(result: FidelityResult) -> None:
    show(fidelity_tables.recordings_table(result))
    show(fidelity_tables.figures_table(result))
    show(fidelity_tables.factors_table(result))
    show(fidelity_tables.parts_table(result))
    for name, warnings in result.warnings.items():
        say_remarks(f"{name}: {warning}" for warning in warnings)
    for line in fidelity_tables.lines(result):
        say(line)
