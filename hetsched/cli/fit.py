"""`hetsched fit`."""

import argparse
from typing import get_args

from hetsched.argument_types import a_path, count, seed
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, say_whole, show
from hetsched.domain.metric import DEFAULT, Mode
from hetsched.errors import InputError, counted
from hetsched.report.fit_tables import diverged_line, fit_columns, fit_table, learning_toml, noise_lines, unscored_line
from hetsched.report.legend import legend
from hetsched.report.progress import ProgressLine
from hetsched.studies.fit import document, fit, fits
from hetsched.studies.fit_result import FitOrder

EXAMPLES = (
    "hetsched fit examples/validate-accuracy/recordings.csv",
    "hetsched fit FILE.csv --metric loss --mode min",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", type=a_path, metavar="FILE.csv", help="recordings (default: those that come with hetsched)"
    )
    score = parser.add_argument_group("the score")
    score.add_argument("--metric", default=DEFAULT.name, help="a column of the files (default: %(default)s)")
    score.add_argument(
        "--mode",
        choices=get_args(Mode),
        help=f"which scores are better (default for {DEFAULT.name}: {DEFAULT.mode}). Other metrics need it",
    )
    score.add_argument(
        "--chance", type=float, metavar="SCORE", help="the score of an untrained trial, if recordings begin later"
    )
    fitted = parser.add_argument_group("what is fitted")
    fitted.add_argument("--model", help="the network whose recordings are used. Files with several networks need it")
    fitted.add_argument(
        "--constants",
        nargs="+",
        default=[],
        metavar="NAME",
        help="fit only these constants of 'sgd', if there are few recordings. The others keep their defaults",
    )
    text = "number of folds, each of which is held out once (default: 5)"
    fitted.add_argument("--folds", type=count, default=5, metavar="N", help=text)
    text = "random seed, which deals recordings to folds (default: 0)"
    fitted.add_argument("--seed", type=seed, default=0, metavar="N", help=text)
    fitted.add_argument(
        "--show", metavar="MODEL", help="print the options of this learning model (default: the best one)"
    )


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Fit learning models to recordings, and choose the best one by its errors on recordings
    that were held out. Prints the mean absolute error of each model, Spearman's rank correlation
    of final scores, and the table [learning] of a scenario with the best model. See
    docs/learning.md."""
    order = order_of(options)
    with ProgressLine("fitting", fits(order)) as progress:
        fitted = fit(order, lambda name: progress.advance(1, name))
    by_name = {judged.name: judged for judged in fitted.judged}
    if options.show is not None and options.show not in by_name:
        raise InputError(f"--show {options.show!r}: expected one of {', '.join(map(repr, by_name))}")
    shown = fitted.best if options.show is None else by_name[options.show]

    def table() -> None:
        recordings = counted(sum(fitted.files.values()), "recording")
        say(f"{fitted.metric} of {fitted.network}: {recordings}, {fitted.folds} folds", style="bold")
        show(fit_table(fitted), legend(fit_columns(fitted)))
        for name, why in fitted.left_out.items():
            say(f"left out: {name}: {why}")
        if fitted.unscored:
            say(unscored_line(fitted))
        if fitted.diverged:
            say(diverged_line(fitted))
        for line in fitted.mixed:
            say(line)
        for line in noise_lines(fitted.noise):
            say(line)
        if shown is None:
            say("no model that a scenario can have beats the mean curve: record more, or choose another search space")
        elif shown.learning is None:
            say(f"{shown.name}: a scenario cannot have it; tabular has one file, so put the recordings into one")
        else:
            for line in shown.undecided:
                say(line)
            say_whole(f"\n{learning_toml(shown.learning)}")

    finish(options, emit, document(fitted), table, None)


def order_of(options: argparse.Namespace) -> FitOrder:
    """The fit that the command line describes. Raises InputError if it is impossible."""
    if options.mode is None and options.metric != DEFAULT.name:
        raise InputError(f"--metric {options.metric}: say which scores are better: --mode max, or --mode min")
    return FitOrder(
        files=tuple(options.files),
        network=options.model,
        metric=options.metric,
        mode=options.mode or DEFAULT.mode,
        folds=options.folds,
        seed=options.seed,
        constants=tuple(options.constants),
        chance=options.chance,
    )
