"""`hetsched show`."""

import argparse

from hetsched.argument_types import a_path
from hetsched.cli.compare import print_comparison, print_overhead
from hetsched.cli.json_output import Emit
from hetsched.cli.planning import print_plan
from hetsched.cli.shared import finish, say_whole, show_strategy
from hetsched.cli.simulate import show_ablation
from hetsched.cli.suite import print_suite
from hetsched.cli.validate import print_agreements
from hetsched.core.events import COMPLETED
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies import comparison_plan, run_plan
from hetsched.studies.ablation import AblationResult
from hetsched.studies.again import Result, is_complete, result_in, study_in
from hetsched.studies.compare import ComparisonResult, runs_finished
from hetsched.studies.named_folder import results_folder
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult
from hetsched.studies.suite import suite_plan
from hetsched.studies.suite.suite import suite_in
from hetsched.studies.suite.suite_plan import PLAN_NAME

EXAMPLES = ("hetsched show results/tutorial",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=a_path, metavar="DIR", help="the results folder of a study")
    text = "of a plan: show every strategy (default: the best ones only)"
    parser.add_argument("--all", action="store_true", help=text)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Print the tables of a study again, from its folder: a comparison, a simulation, a run, a
    validation, a plan, an ablation or a suite. The tables of a study that goes on or broke off have
    its results so far. Nothing in the folder is executed."""
    folder = results_folder(options.folder)
    if (folder / PLAN_NAME).is_file():
        show_suite(options, emit)
        return
    result = result_in(folder)

    def table() -> None:
        if isinstance(result, ComparisonResult):
            print_comparison(result)
            print_overhead(result, result.folder / SCENARIO_NAME)
        elif isinstance(result, PlanResult):
            print_plan(result, whole=options.all)
        elif not isinstance(result, (StrategyResult, AblationResult)):
            print_agreements(result)

    if isinstance(result, StrategyResult):
        how = "run on Ray Tune" if study_in(options.folder) == "run" else "simulated"
        show_strategy(options, emit, result, how)
    elif isinstance(result, AblationResult):
        show_ablation(options, emit, result)
    else:
        finish(options, emit, result.document(), table, result.folder)
    if not options.json and not is_complete(result) and (how_to := how_to_go_on(result)) is not None:
        say_whole(how_to)


def show_suite(options: argparse.Namespace, emit: Emit) -> None:
    """Print the tables of a suite. If the suite is not complete, print the command that goes on
    with it."""
    ranked = suite_in(options.folder)
    finish(options, emit, ranked.document(), lambda: print_suite(ranked), ranked.folder)
    if not options.json and not ranked.complete:
        so_far = runs_finished(len(ranked.records), len(ranked.plan.cells()))
        say_whole(to_go_on(so_far, suite_plan.resume_command(ranked.folder)))


def how_to_go_on(result: Result) -> str | None:
    """A line with how far an incomplete study came, and with the command that goes on with it.
    None: no such command."""
    if isinstance(result, ComparisonResult):
        so_far, command = result.so_far, comparison_plan.resume_command(result.folder)
    elif isinstance(result, StrategyResult) and (result.folder / run_plan.PLAN_NAME).is_file():
        ended = sum(state.ended == COMPLETED for state in result.states)
        plan = run_plan.load_plan(result.folder)
        so_far, command = runs_finished(ended, len(plan.seeds)), plan.resume_command(result.folder)
    else:
        return None
    return to_go_on(so_far, command)


def to_go_on(so_far: str, command: str) -> str:
    """The line about a study that is not complete. The study may be running in another process."""
    return f"{so_far}; unless it goes on already, go on with: {command}"
