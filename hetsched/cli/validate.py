"""`hetsched validate`."""

import argparse

from hetsched.argument_types import a_path, count
from hetsched.cli.arguments import add_cluster, add_out, add_repeat, add_scenario, add_seed, add_strategies
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
from hetsched.report.agreement_in_words import agreement_lines
from hetsched.report.legend import AGREEMENT, SCORES, legend
from hetsched.report.score_agreement_table import score_agreement_table, score_lines
from hetsched.scenario.checks import parse_strategy
from hetsched.studies.draws import PREDICTIONS
from hetsched.studies.folder import default_folder
from hetsched.studies.validate import ValidationResult, validate

EXAMPLES = ("hetsched validate examples/validate.toml --repeat 3 --data-dir DIR",)


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    validated = parser.add_argument_group("what is validated")
    add_strategies(validated)
    add_seed(validated)
    add_repeat(validated)
    text = "a profile to predict from (default: one is measured first)"
    validated.add_argument("--profile", type=a_path, metavar="FILE.csv", help=text)
    text = "simulations per real run: their mean is the prediction (default: %(default)s)"
    validated.add_argument("--predictions", type=count, metavar="N", default=PREDICTIONS, help=text)
    add_cluster(parser.add_argument_group("where it is run"))
    add_out(parser.add_argument_group("results"))


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure a profile of the training (or take --profile), predict with the simulator, run for
    real, and print the predicted and the measured figures with signed errors. See
    docs/validation.md."""
    setup = real_scenario(options, options.scenario)
    names = options.strategies or setup.scenario.strategies
    result = validate(
        setup,
        [parse_strategy(name, "--strategies") for name in names],
        seeds_of(options, setup),
        options.out or default_folder("validate", setup),
        profile=options.profile,
        predictions=options.predictions,
        watch=live_view,
    )
    finish(options, emit, result.document(), lambda: print_agreements(result), result.folder)


def print_agreements(result: ValidationResult) -> None:
    runs = counted(len(result.seeds), "run")
    name = result.setup.scenario.name
    print_heading(f"{name}: predicted against measured, {runs} per strategy", result.setup)
    show(tables.agreement_table(result.agreements), legend(AGREEMENT))
    scores = score_agreement_table(result.scores, result.metric)
    if scores.row_count:
        show(scores, legend(SCORES))
    for strategy in result.agreements:
        say_remarks(f"{strategy}: {remark}" for remark in result.remarks(strategy))
    say_caveats(result.assumptions, result.warnings)
    for line in (*agreement_lines(result), *score_lines(result)):
        say(line)
