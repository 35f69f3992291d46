"""`hetsched figures`."""

import argparse

from hetsched.argument_types import a_path
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, say_caveats
from hetsched.report.figures.folder import COLUMN_IN, FORMATS, KINDS, PAGE_IN, figures_by_study
from hetsched.studies.folder_caveats import together

EXAMPLES = ("hetsched figures results/tutorial --only gantt --format pdf,png",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=a_path, metavar="DIR", help="a results folder")
    drawn = parser.add_argument_group("what is drawn")
    drawn.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="FIGURE",
        help=f"of {', '.join(KINDS)} (default: all)",
    )
    drawn.add_argument("--out", type=a_path, metavar="DIR", help="the folder for the files (default: figures/ in DIR)")
    drawn.add_argument(
        "--format",
        type=lambda text: text.split(","),
        default=["pdf"],
        metavar="FORMATS",
        help=f"of {','.join(FORMATS)}, with commas between them (default: pdf)",
    )
    drawn.add_argument(
        "--width",
        type=float,
        default=COLUMN_IN,
        metavar="INCHES",
        help=f"width in inches: {COLUMN_IN:g} for one column of a paper, {PAGE_IN:g} for two (default: {COLUMN_IN:g})",
    )
    drawn.add_argument("--dpi", type=int, default=300, metavar="N", help="dots per inch of a PNG (default: 300)")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Draw the figures of a results folder at paper size: Gantt charts, utilisation, scores, and
    the results of a comparison, a validation or an ablation. In a folder with several studies, each
    study has a folder of its name. Files of the same names are replaced. Needs matplotlib, the
    extra 'figures'. See docs/figures.md."""
    drawn = figures_by_study(
        options.folder,
        options.out,
        width=options.width,
        formats=options.format,
        only=options.only,
        dpi=options.dpi,
    )
    caveats = together(options.folder, {study: of_study.caveats for study, of_study in drawn.items()})
    names = [str(file) for of_study in drawn.values() for file in of_study.files]
    without = [str(study) for study, of_study in drawn.items() if not of_study.files]

    def table() -> None:
        for line in (*names, *(f"{study}: has nothing to draw" for study in without)):
            say(line)
        say_caveats(*caveats)

    lacking = {"without_figures": without} if without else {}
    finish(options, emit, {"files": names, **lacking, **caveats.document()}, table, None)
