"""`hetsched compare`."""

import argparse
from pathlib import Path

from rich.markup import escape

from hetsched.argument_types import AUTO, count, count_or_auto
from hetsched.cli.arguments import add_out, add_scenario, add_strategies
from hetsched.cli.document import Emit
from hetsched.cli.shared import finish, print_heading, runs_progress, say, show
from hetsched.cores import available_cores
from hetsched.errors import counted
from hetsched.report import tables
from hetsched.report.legend import legend, where_time_goes
from hetsched.scenario.checks import check_profile_covers, parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.studies.compare import ComparisonResult, compare
from hetsched.studies.comparison import NARROW
from hetsched.studies.folder import default_folder


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_out(parser)
    add_strategies(parser)
    parser.add_argument(
        "--seeds",
        type=count_or_auto,
        metavar="N|auto",
        help="how many seeds (default: the scenario's); auto: until the interval of every difference is under 1%%",
    )
    parser.add_argument(
        "--max-seeds", type=count, default=100, metavar="N", help="the most that --seeds auto takes (default: 100)"
    )
    parser.add_argument(
        "--jobs", type=count, metavar="N", help=f"processes (default: the cores, {len(available_cores())})"
    )
    parser.add_argument("--explain", action="store_true", help="say under the table what its columns mean")
    parser.add_argument(
        "--ray",
        metavar="ADDR",
        help="simulate on a running Ray cluster: auto, or host:port of its head; --jobs: on so many of its cores",
    )


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate every strategy under the same seeds, print one table, and say of each whether a difference to the
    baseline is shown. The baseline is always among them. See docs/statistics.md."""
    setup = load_setup(options.scenario)
    strategies = [parse_strategy(name, "--strategies") for name in options.strategies or setup.scenario.strategies]
    for strategy in strategies:
        check_profile_covers(options.scenario, setup, strategy)
    result = compare(
        setup,
        strategies,
        options.seeds,
        options.out or default_folder("compare", setup),
        max_seeds=options.max_seeds,
        jobs=options.jobs,
        policy_files=options.policy_file,
        ray_address=options.ray,
        progress=runs_progress,
    )

    def table() -> None:
        print_comparison(result, options.seeds == AUTO)
        print_explanation(result, options.scenario, options.explain)

    finish(options, emit, result.document(), table, result.folder)


def print_explanation(result: ComparisonResult, scenario: Path, whole: bool) -> None:
    logs = {name: runs[0].log for name, runs in result.by_strategy.items()}
    say(escape(legend()) if whole else "--explain says what the columns mean")
    if (line := where_time_goes(logs, scenario)) is not None:
        say(escape(line))


def print_comparison(result: ComparisonResult, by_width: bool) -> None:
    seeds = len(result.seeds)
    print_heading(f"{result.setup.scenario.name}: {counted(seeds, 'seed')}, simulated", result.setup)
    show(tables.comparison_table(result.comparisons, result.baseline))
    for name, verdict in result.verdicts.items():
        say(f"{name}: {verdict}")
    if by_width:
        width = f"{NARROW:.0%} of the ratio of makespans"
        found = f"every interval is under {width}" if result.narrow else f"an interval is still {width} or wider"
        say(
            f"--seeds auto: {counted(seeds, 'seed')}, {found}{'' if result.narrow else ' (--max-seeds allows no more)'}"
        )
