"""`hetsched fit`."""

import argparse
from pathlib import Path
from typing import get_args

from hetsched.argument_types import count, seed
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, say_whole, show
from hetsched.domain.metric import DEFAULT, Mode
from hetsched.errors import InputError, counted
from hetsched.report.fit_tables import fit_table, learning_toml, noise_lines
from hetsched.report.progress import ProgressLine
from hetsched.studies.fit import document, fit, fits
from hetsched.studies.fit_result import FitOrder


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE.csv", help="recordings (default: those that come with hetsched)"
    )
    parser.add_argument("--model", help="the network whose recordings count, where files have several")
    parser.add_argument("--metric", default=DEFAULT.name, help="a column of the files (default: %(default)s)")
    parser.add_argument(
        "--mode",
        choices=get_args(Mode),
        help=f"which scores are better (default of {DEFAULT.name}: {DEFAULT.mode}; other metrics need it)",
    )
    parser.add_argument("--folds", type=count, default=5, metavar="N", help="each is held out once (default: 5)")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="which recordings share a fold (default: 0)")
    parser.add_argument(
        "--constants",
        nargs="+",
        default=[],
        metavar="NAME",
        help="fit these of 'sgd' alone, where recordings are few: the others stay at their defaults",
    )
    parser.add_argument(
        "--chance", type=float, metavar="SCORE", help="of an untrained trial, where recordings begin later"
    )
    parser.add_argument("--show", metavar="MODEL", help="print the options of this model, not those of the best one")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Fit learning models to recordings, and choose among them by their errors on recordings that were held out. Prints
    the mean absolute error of each model, Spearman's rank correlation of final scores, and the table [learning] of a
    scenario that has the best one. See docs/learning.md."""
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
        show(fit_table(fitted))
        for name, why in fitted.left_out.items():
            say(f"left out: {name}: {why}")
        for line in noise_lines(fitted.noise):
            say(line)
        if shown is None:
            say("no model that a scenario can have beats the mean curve: record more, or choose another search space")
        elif shown.learning is None:
            say(f"{shown.name}: a scenario cannot have it; tabular has one file, so put the recordings into one")
        else:
            say_whole(f"\n{learning_toml(shown.learning)}")

    finish(options, emit, document(fitted), table, None)


def order_of(options: argparse.Namespace) -> FitOrder:
    """What the command line asks for. Raises InputError for what cannot be fitted."""
    if options.mode is None and options.metric != DEFAULT.name:
        raise InputError(f"--metric {options.metric}: say which scores are better: --mode max, or --mode min")
    order = FitOrder(
        files=tuple(options.files),
        network=options.model,
        metric=options.metric,
        mode=options.mode or DEFAULT.mode,
        folds=options.folds,
        seed=options.seed,
        constants=tuple(options.constants),
        chance=options.chance,
    )
    if order.folds < 2:
        raise InputError("--folds 1: expected at least 2: one fold is held out, the others are fitted to")
    return order
