"""`hetsched report`."""

import argparse

from hetsched.argument_types import a_path
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say_whole
from hetsched.report.page.page import write_reports
from hetsched.studies.folder import REPORT_NAME

EXAMPLES = ("hetsched report results/tutorial",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=a_path, metavar="DIR", help="a results folder, finished or not, or one run in it, or recordings"
    )
    parser.add_argument("--out", type=a_path, metavar="FILE", help=f"the file to write (default: DIR/{REPORT_NAME})")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Write the report of a results folder as one HTML file, which opens without a network. It
    shows which trial ran where and when, and the figures of the study. In a folder with several
    studies, each study also gets a report in its own folder. An earlier report is replaced. The
    report of a folder of recordings, such as fidelity, has the tables of hetsched fidelity. See
    docs/report.md."""
    whole, *of_studies = map(str, write_reports(options.folder, options.out))
    document = {"report": whole, **({"reports_of_studies": of_studies} if of_studies else {})}

    def table() -> None:
        say_whole(f"report: {whole}")
        for path in of_studies:
            say_whole(f"report of a study: {path}")

    finish(options, emit, document, table, None)
