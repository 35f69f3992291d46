"""`hetsched validate`."""

import argparse
from pathlib import Path

from hetsched.cli.arguments import add_out, add_real, add_scenario, add_seed, add_strategies
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import (
    finish,
    live_view,
    print_heading,
    real_scenario,
    say,
    say_caveats,
    say_remarks,
    seeds_of,
    show,
)
from hetsched.errors import counted
from hetsched.report import tables
from hetsched.scenario.checks import parse_strategy
from hetsched.studies.folder import default_folder
from hetsched.studies.validate import ValidationResult, validate


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_out(parser)
    add_strategies(parser)
    add_seed(parser)
    parser.add_argument(
        "--profile", type=Path, metavar="FILE.csv", help="predict from this profile instead of measuring one first"
    )
    add_real(parser)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure a profile of what will run (or take --profile), predict with the simulator, run for real, and print
    predicted against measured with signed errors."""
    setup = real_scenario(options, options.scenario)
    names = options.strategies or setup.scenario.strategies
    result = validate(
        setup,
        [parse_strategy(name, "--strategies") for name in names],
        seeds_of(options, setup),
        options.out or default_folder("validate", setup),
        profile=options.profile,
        watch=live_view,
    )
    finish(options, emit, result.document(), lambda: print_agreements(result), result.folder)


def print_agreements(result: ValidationResult) -> None:
    setup, mean_error, order = result.setup, result.mean_absolute_error_percent, result.order
    runs = counted(len(result.seeds), "run")
    strategies = "one strategy" if len(result.agreements) == 1 else f"over {len(result.agreements)} strategies"
    print_heading(f"{setup.scenario.name}: predicted against measured, {runs} per strategy", setup)
    show(tables.agreement_table(result.agreements))
    for strategy in result.agreements:
        say_remarks(f"{strategy}: {remark}" for remark in result.remarks(strategy))
    say_caveats(result.assumptions, result.warnings)
    if mean_error is not None:
        say(f"mean absolute error of the makespan, {strategies}: {mean_error:.1f}%")
    if order.kendall_tau is not None:
        distinct = "none" if order.kendall_tau_distinct is None else f"{order.kendall_tau_distinct:.2f}"
        say(
            f"Kendall's tau of predicted against measured order, {strategies}: {order.kendall_tau:.2f}; over the "
            f"{counted(order.distinct_pairs, 'pair')} without overlap of the measured intervals: {distinct}"
        )
