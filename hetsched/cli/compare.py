"""`hetsched compare`."""

import argparse
from pathlib import Path

from hetsched.argument_types import AUTO, a_path, count, count_or_auto
from hetsched.cli.arguments import SCENARIO, add_baseline, add_jobs, add_out, add_ray, add_strategies
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import (
    finish,
    print_heading,
    runs_progress,
    say,
    say_caveats,
    say_whole,
    show,
    simulated_scenario,
)
from hetsched.cli.suite import print_suite
from hetsched.errors import InputError, counted
from hetsched.report import tables
from hetsched.report.figures_in_words import share
from hetsched.report.further_table import further_columns, further_table
from hetsched.report.legend import COMPARISON, legend, where_time_goes
from hetsched.scenario.checks import check_profile_covers, parse_strategy
from hetsched.scenario.loading import load_tables
from hetsched.scenario.packaged import scenario_file
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.compare import MAX_SEEDS, ComparisonResult, Interrupted, compare, resume_comparison
from hetsched.studies.comparison import NARROW
from hetsched.studies.folder import default_folder
from hetsched.studies.suite.suite import SEEDS, suite

EXAMPLES = (
    "hetsched compare examples/demo.toml --strategies fusion+hrfs --seeds 8",
    "hetsched compare --resume results/demo-compare-20260101-120000",
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario", type=a_path, nargs="?", metavar="SCENARIO", help=f"{SCENARIO}; or one of 'hetsched suite list'"
    )
    parser.add_argument(
        "more",
        type=a_path,
        nargs="*",
        metavar="MORE",
        help="further scenarios: strategies are ranked over all of them",
    )
    compared = parser.add_argument_group("what is compared")
    add_strategies(compared, "those of the first scenario")
    add_baseline(compared, "that of the first scenario")
    compared.add_argument(
        "--seeds",
        type=count_or_auto,
        metavar="N|auto",
        help=f"number of seeds (default: the scenario's; of several scenarios: {SEEDS}). "
        "auto: seeds are added until the interval of every difference is under 1%%",
    )
    text = f"the largest number of seeds for --seeds auto (default: {MAX_SEEDS})"
    compared.add_argument("--max-seeds", type=count, metavar="N", help=text)
    results = parser.add_argument_group("results")
    add_out(results)
    results.add_argument(
        "--resume",
        type=a_path,
        metavar="DIR",
        help="instead of SCENARIO: go on with the comparison in this folder. "
        "Of several scenarios, 'hetsched suite --resume DIR' goes on",
    )
    where = parser.add_argument_group("where it is simulated")
    add_jobs(where)
    add_ray(where)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate every strategy under the same seeds, seed by seed, and print one table. Each
    strategy has a verdict: whether a difference to the baseline is shown. The baseline is always
    simulated, too. After Ctrl-C the table has the seeds under which all strategies are finished.
    --resume goes on. See docs/statistics.md.

    Over several scenarios, strategies are ranked as in a suite, under the seeds from 0 on.
    'hetsched suite --resume' goes on. See docs/suite.md.
    """
    if options.more:
        over_scenarios(options, emit)
        return
    try:
        result = begun_comparison(options) if options.resume else new_comparison(options)
    except Interrupted as stop:
        if stop.result is not None and not options.json:
            print_comparison(stop.result)
        cause = stop.__cause__ or stop  # SIGTERM and Ctrl-C have their own exit statuses
        cause.__notes__ = getattr(stop, "__notes__", [])
        raise cause from None

    def table() -> None:
        print_comparison(result)
        # the scenario in the folder names the copies of policy files, and has the chosen periods
        whole = options.resume or options.policy_file or result.periods
        print_overhead(result, result.folder / SCENARIO_NAME if whole else options.named)

    finish(options, emit, result.document(), table, result.folder)


def over_scenarios(options: argparse.Namespace, emit: Emit) -> None:
    """Rank the strategies over all scenarios. The default strategies and baseline are those of the
    first scenario."""
    given = {"--resume": options.resume, "--max-seeds": options.max_seeds}
    if superfluous := [name for name, value in given.items() if value is not None]:
        raise InputError(f"{', '.join(superfluous)}: for one scenario only; leave it out")
    if options.seeds == "auto":
        raise InputError("--seeds auto: for one scenario only; give a number")
    first = load_tables(options.scenario)
    strategies = options.strategies or first.strategies
    result = suite(
        [options.scenario, *map(scenario_file, options.more)],
        strategies,
        options.seeds or SEEDS,
        options.out,
        baseline=options.baseline or first.baseline or strategies[0],
        policy_files=options.policy_file,
        jobs=options.jobs,
        ray_address=options.ray,
        progress=runs_progress,
    )
    finish(options, emit, result.document(), lambda: print_suite(result), result.folder)


def new_comparison(options: argparse.Namespace) -> ComparisonResult:
    """Carry out the comparison of the command line in a new folder. Raises InputError if the input
    is wrong."""
    if options.scenario is None:
        raise InputError("hetsched compare needs SCENARIO, or --resume DIR")
    setup = simulated_scenario(options)
    strategies = [parse_strategy(name, "--strategies") for name in options.strategies or setup.scenario.strategies]
    baseline = options.baseline and parse_strategy(options.baseline, "--baseline")
    if options.max_seeds is not None and options.seeds != AUTO:
        raise InputError("--max-seeds: only --seeds auto adds seeds; add it, or leave out --max-seeds")
    for strategy in [*strategies, *([baseline] if baseline else [])]:
        check_profile_covers(options.scenario, setup, strategy)
    return compare(
        setup,
        strategies,
        options.seeds,
        options.out or default_folder("compare", setup),
        baseline=baseline,
        max_seeds=options.max_seeds or MAX_SEEDS,
        jobs=options.jobs,
        ray_address=options.ray,
        progress=runs_progress,
    )


def begun_comparison(options: argparse.Namespace) -> ComparisonResult:
    """Go on with the comparison in the folder of --resume. Raises InputError if the command line
    has other options."""
    given = {
        "SCENARIO": options.scenario,
        "--out": options.out,
        "--strategies": options.strategies,
        "--baseline": options.baseline,
        "--seeds": options.seeds,
        "--max-seeds": options.max_seeds,
        "--policy-file": options.policy_file or None,
    }
    if superfluous := [name for name, value in given.items() if value is not None]:
        raise InputError(f"--resume: the folder says what to compare; leave out {', '.join(superfluous)}")
    return resume_comparison(options.resume, jobs=options.jobs, ray_address=options.ray, progress=runs_progress)


def print_overhead(result: ComparisonResult, scenario: Path) -> None:
    """Print which strategy has the most overhead, if it is large, and the command that shows
    why."""
    logs = {name: runs[0].log for name, runs in result.by_strategy.items()}
    if (found := where_time_goes(logs, result.seeds[0], scenario)) is not None:
        line, command = found
        say(line)
        say_whole(f"  {command}")


def print_comparison(result: ComparisonResult) -> None:
    seeds = len(result.seeds)
    so_far = "" if result.complete else " (of more that were asked for)"
    print_heading(f"{result.setup.scenario.name}: {counted(seeds, 'seed')}{so_far}, simulated", result.setup)
    arriving = result.setup.workload.arriving
    columns = legend(COMPARISON, next(iter(result.comparisons.values())).metric, arriving)
    show(tables.comparison_table(result.comparisons, result.baseline, arriving), columns)
    show(further_table(result.comparisons, arriving), legend(further_columns(result.comparisons, arriving)))
    for line in chosen_workers(result.setup, result.by_strategy):
        say(line)
    for name, verdict in result.verdicts.items():
        say(f"{name}: {verdict}")
    for name, periods in result.periods.items():
        say(f"{name} was given {periods}")
    say_caveats(result.assumptions, result.warnings)
    if result.by_width and result.complete:
        width = f"{share(NARROW)} of the ratio of makespans"
        found = f"every interval is under {width}" if result.narrow else f"an interval is still {width} or wider"
        say(
            f"--seeds auto: {counted(seeds, 'seed')}, {found}{'' if result.narrow else ' (--max-seeds allows no more)'}"
        )
