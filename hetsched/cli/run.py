"""`hetsched run`."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree

from msgspec.structs import replace

from hetsched.cli.shared import Emit, live_view, real_scenario, report_runs, seeds_of
from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.report.folder import new_folder
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Scenario
from hetsched.studies.one_run import carry_out, look_up
from hetsched.studies.run_plan import RunPlan, is_complete, load_plan


def run(options: argparse.Namespace, emit: Emit) -> None:
    """Run one strategy for real on Ray Tune's PBT. Repetitions use the seeds from --seed on. After Ctrl-C the segments
    that run are finished first; a second Ctrl-C stops at once. With --resume, go on with a run that stopped, for
    whatever reason, from what its folder holds. See docs/real-runs.md."""
    scenario, strategy, plan, folder = begun_run(options) if options.resume else new_run(options)
    runs, complete = [], True
    for seed in plan.seeds:
        home = plan.home(folder, seed)
        log = home / LOG_NAME
        if is_complete(log):
            runs.append(look_up(scenario, log))
            print(f"hetsched: {home}: complete already", file=sys.stderr)
            continue
        complete = False
        with what_stays(plan, folder, new=not options.resume), live_view("running", scenario, strategy, seed) as view:
            runs.append(carry_out("ray", scenario, strategy, seed, home, view.listen))
    report_runs(options, emit, scenario, "run", runs, folder, keep=complete)


def new_run(options: argparse.Namespace) -> tuple[Scenario, Strategy, RunPlan, Path]:
    """What the command line asks for, in a new folder."""
    if options.scenario is None or options.strategy is None:
        raise InputError("hetsched run needs SCENARIO and --strategy A+S, or --resume DIR")
    scenario = real_scenario(options, options.scenario)
    strategy = parse_strategy(options.strategy)
    files = [str(path.resolve()) for path in options.policy_file]
    plan = RunPlan(str(strategy), list(seeds_of(options, scenario)), files, version("hetsched"))
    scenario.workers(strategy)
    folder = new_folder(options.out, "run", scenario)
    plan.save(folder)
    return scenario, strategy, plan, folder


def begun_run(options: argparse.Namespace) -> tuple[Scenario, Strategy, RunPlan, Path]:
    """What an earlier command has begun in the folder of --resume."""
    given = {
        "SCENARIO": options.scenario,
        "--strategy": options.strategy,
        "--seed": options.seed,
        "--repeat": options.repeat if options.repeat > 1 else None,
        "--out": options.out,
    }
    if superfluous := [name for name, value in given.items() if value is not None]:
        raise InputError(f"--resume: the folder says what to run; leave out {', '.join(superfluous)}")
    folder: Path = options.resume
    plan = load_plan(folder)
    if options.policy_file:
        plan = replace(plan, policy_files=[str(path.resolve()) for path in options.policy_file])
    scenario = real_scenario(options, folder / "scenario.toml")
    try:
        strategy = parse_strategy(plan.strategy)
    except InputError as error:
        raise InputError(f"{error}; the run was started with: {plan.resume_command(folder)}") from error
    return scenario, strategy, plan, folder


@contextmanager
def what_stays(plan: RunPlan, folder: Path, *, new: bool) -> Iterator[None]:
    """If the run stops before its end, say how to go on with it; of one that could not begin, leave no folder."""
    try:
        yield
    except BaseException:
        if plan.begun(folder):
            print(f"hetsched: what was finished is kept; go on with: {plan.resume_command(folder)}", file=sys.stderr)
        elif new:
            rmtree(folder)
        raise
