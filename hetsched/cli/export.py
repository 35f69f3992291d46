"""`hetsched export`."""

import argparse

from hetsched.argument_types import a_path
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say_caveats, say_whole
from hetsched.report.export.exporting import EXPORT, FORMATS, exported

EXAMPLES = (
    "hetsched export results/tutorial --to chrome-trace",
    "hetsched export results/tutorial --to csv --out tables",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=a_path, metavar="DIR", help="a results folder, of one run or of many")
    files = parser.add_argument_group("files")
    formats = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    files.add_argument("--to", required=True, choices=FORMATS, metavar="FORMAT", help=formats)
    files.add_argument(
        "--out", type=a_path, metavar="DIR", help=f"the folder for the files (default: {EXPORT}/ in DIR)"
    )


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Write the runs in DIR for other programs: a trace for Perfetto, tables for notebooks and
    spreadsheets, or a description for archives. Runs that are not finished are exported as far as
    they came. See docs/results.md."""
    files, caveats = exported(options.folder, options.to, options.out)

    def table() -> None:
        for file in files:
            say_whole(str(file))
        say_caveats(*caveats)

    finish(options, emit, {"files": list(map(str, files)), **caveats.document()}, table, None)
