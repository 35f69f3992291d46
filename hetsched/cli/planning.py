"""The options and the output of commands that make plans."""

import argparse
from collections.abc import Collection
from shlex import quote
from typing import TypedDict

from hetsched.argument_types import seconds
from hetsched.cli.arguments import Arguments, add_jobs, add_strategies
from hetsched.cli.shared import print_heading, say, say_caveats, say_whole, show
from hetsched.cores import available_cores
from hetsched.domain.registry import Strategy
from hetsched.errors import counted
from hetsched.report.legend import PLAN, legend
from hetsched.report.plan_tables import plan_table, predicted, reasons
from hetsched.scenario.checks import parse_strategy
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.plan import PlanResult

ROWS = 10
"""The number of strategies in the table, unless all are shown."""


def add_planning(arguments: Arguments) -> None:
    add_strategies(arguments, "all that are registered")
    text = "the longest time for measuring and simulating, in seconds (default: no limit)"
    arguments.add_argument("--budget-s", type=seconds, metavar="SECONDS", help=text)
    text = "measure even what an earlier plan beside this one has measured"
    arguments.add_argument("--measure-again", action="store_true", help=text)
    add_jobs(arguments)


class Planning(TypedDict):
    """The arguments with which a plan is made."""

    strategies: list[Strategy] | None
    budget_s: float | None
    measure_again: bool
    jobs: int


def planning(options: argparse.Namespace) -> Planning:
    """The arguments of a plan from the options of `add_planning`."""
    names: list[str] | None = options.strategies
    return Planning(
        strategies=None if names is None else [parse_strategy(name, "--strategies") for name in names],
        budget_s=options.budget_s,
        measure_again=options.measure_again,
        jobs=options.jobs or len(available_cores()),
    )


def _warnings(plan: PlanResult, whole: bool, named: Collection[str]) -> dict[str, str]:
    """The warnings about the best strategy and the named ones, all with `whole`. The number of
    other strategies that have one."""
    warned = {name: found.warning for name, found in plan.forecasts.items() if found.warning is not None}
    asked = {plan.best, *named, *plan.setup.scenario.strategies}
    shown = {name: warning for name, warning in warned.items() if whole or name in asked}
    if hidden := len(warned) - len(shown):
        shown["others"] = (
            f"the figures of {hidden} are not to be trusted; why: hetsched show {quote(str(plan.folder))} --all"
        )
    return shown


def planning_words(options: argparse.Namespace) -> list[str]:
    """The options of `add_planning` with which the same command goes on with a plan.

    --measure-again is left out, because what was measured is not measured again.
    """
    words = [] if options.strategies is None else ["--strategies", *options.strategies]
    words += [] if options.budget_s is None else ["--budget-s", f"{options.budget_s:g}"]
    return words + ([] if options.jobs is None else ["--jobs", str(options.jobs)])


def print_plan(plan: PlanResult, *, whole: bool = False, named: Collection[str] = ()) -> None:
    """Print the table of a plan, the assumptions behind it, and the command that runs the best
    strategy. The strategies that the user `named` have their warnings in full."""
    seeds = counted(len(plan.seeds), "seed")
    print_heading(f"{plan.setup.scenario.name}: what each strategy would take, by {seeds}", plan.setup)
    hidden = 0 if whole else max(0, len(plan.forecasts) - ROWS)
    more = f"and {hidden} slower ones, which --all shows\n" if hidden else ""
    show(plan_table(plan.forecasts, None if whole else ROWS), more + legend(PLAN))
    for line in chosen_workers(plan.setup, plan.forecasts):
        say(line)
    for name, others in plan.same_workers.items():
        say(f"{name} makes the same workers as {', '.join(others)}: its rows hold for them, too")
    for folder in plan.reused:
        say(f"measured before, in {folder}; --measure-again measures anew")
    for folder in plan.probes:
        say(f"measured now, in {folder}")
    for line in reasons(plan.left_out):
        say(f"left out: {line}")
    if plan.seeds_left_out:
        say(f"left out: {counted(plan.seeds_left_out, 'seed')}, as the budget was over")
    say_caveats(plan.assumptions, _warnings(plan, whole, named))
    say(f"planned in {plan.planned_s:.0f} s")
    say(predicted(plan.prediction))
    say_whole(f"run it: {plan.command()}", style="bold")
