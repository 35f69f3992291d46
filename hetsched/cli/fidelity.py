"""`hetsched fidelity`."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hetsched.argument_types import a_path
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, live_view, say, say_caveats, say_remarks, say_whole, show
from hetsched.errors import InputError
from hetsched.report import fidelity_tables, fitted_tables
from hetsched.report.legend import legend
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.fidelity.add import add
from hetsched.studies.fidelity.fidelity import FidelityResult, fidelity
from hetsched.studies.fidelity.fitting import fit_profile
from hetsched.studies.fidelity.record import record
from hetsched.studies.fidelity.table import write_table

EXAMPLES = (
    "hetsched fidelity",
    "hetsched fidelity --calibrate results/first results/second --out fitted.csv",
    "hetsched fidelity add results/validate",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=["record", "add"],
        help="record: run for real the cells that have no recording. add: take over the real runs of validations",
    )
    parser.add_argument(
        "validations", nargs="*", type=a_path, metavar="RESULTS", help="with add: folders of validations"
    )
    recordings = parser.add_argument_group("recordings")
    recordings.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="the cells or recordings that are used (default: all)"
    )
    recordings.add_argument(
        "--folder",
        type=a_path,
        default=Path("fidelity"),
        metavar="DIR",
        help="the folder of cells and recordings (default: fidelity)",
    )
    recordings.add_argument(
        "--calibrate",
        nargs="+",
        type=a_path,
        default=[],
        metavar="RUNS",
        help="instead: fit a profile to these real runs (recordings, or results folders), and test it on each in turn",
    )
    recordings.add_argument("--out", type=a_path, metavar="FILE", help="with --calibrate, the CSV file of the profile")
    tables = parser.add_argument_group("tables")
    tables.add_argument("--markdown", action="store_true", help="print the tables as Markdown, and nothing else")
    tables.add_argument("--write", action="store_true", help="write the errors to DIR/errors.csv")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Predict every recorded real run again from the profile that a probe measured before the run,
    and print the errors of the predictions. With 'record', make the recordings that are missing.
    With --calibrate, fit a profile to real runs. See docs/validation.md."""
    if bool(options.calibrate) != bool(options.out):
        raise InputError("--calibrate RUNS goes with --out FILE, a profile for scenarios, such as measured.csv")
    if options.calibrate:
        return calibrate(options, emit)
    if (options.action == "add") != bool(options.validations):
        raise InputError("add: name the results folders of validations, such as hetsched fidelity add results/validate")
    if options.action is not None:
        return print_made(options, emit, made(options))
    if options.write and options.only:
        raise InputError("--write: the table has all recordings: leave --only out")
    result = fidelity(options.folder, options.only)
    finish(options, emit, result.document(), lambda: show_result(result, options.markdown), None)
    if options.write:
        write_table(options.folder, result.errors)
    return None


def calibrate(options: argparse.Namespace, emit: Emit) -> None:
    """Fit a profile to real runs, write it, and print the errors of its predictions of runs that
    the fit left out."""
    if options.action is not None or options.write or options.only:
        raise InputError("--calibrate: leave record, add, --only and --write out")
    if options.out.exists():
        raise InputError(f"--out: {options.out} is there, and no profile is overwritten; name a new file")
    fitted = fit_profile(options.calibrate)
    write_profile(options.out, fitted.calibration.rows)

    def table() -> None:
        for listing in fitted_tables.listings(fitted):
            print(listing.markdown()) if options.markdown else show(listing.table(), legend(listing.says))
        for line in fitted_tables.lines(fitted):
            say(line)
        say_caveats(fitted_tables.assumed(fitted))
        say(f"profile: {options.out}")

    finish(options, emit, {**fitted.document(), "file": str(options.out)}, table, None)


def made(options: argparse.Namespace) -> Iterator[str]:
    """Make recordings, and yield the name of each when it is made."""
    if options.action == "record":
        yield from record(options.folder, options.only, watch=live_view)
    for validation in options.validations:
        yield from add(options.folder, validation)


def print_made(options: argparse.Namespace, emit: Emit, names: Iterator[str]) -> None:
    """Print one line per recording when it is made. With --json, print one document of all at the
    end."""
    new = []
    for name in names:
        new.append(name)
        if not options.json:
            say_whole(f"recorded: {name}")
    if options.json:
        emit(msgspec.json.encode({"recorded": new}))
    elif not new:
        say("all are recorded already")


def show_result(result: FidelityResult, markdown: bool) -> None:
    """Print the tables, warnings about changed machines, what has changed, and what was assumed.
    With `markdown`, print only the tables."""
    if markdown:
        print("\n".join(listing.markdown() for listing in fidelity_tables.listings(result)), end="")
        return
    for listing in fidelity_tables.listings(result):
        show(listing.table(), legend(listing.says))
    for name, warnings in result.warnings.items():
        say_remarks(f"{name}: {warning}" for warning in warnings)
    for line in fidelity_tables.lines(result):
        say(line)
    say_caveats(fidelity_tables.assumed(result))
