"""`hetsched compare`."""

import argparse

from hetsched.argument_types import AUTO, count, count_or_auto
from hetsched.cli.arguments import add_out, add_scenario, add_strategies
from hetsched.cli.document import Emit
from hetsched.cli.shared import check_profile_covers, finish, print_heading, say, scenario_facts, show
from hetsched.cores import available_cores
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.report.folder import new_folder, write_running_results, write_summary
from hetsched.report.progress import ProgressLine
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.studies import comparison as comparing
from hetsched.studies.fan_out import fan_out


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
    parser.add_argument(
        "--ray",
        metavar="ADDR",
        help="simulate on a running Ray cluster: auto, or host:port of its head; --jobs: on so many of its cores",
    )


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate every strategy under the same seeds, print one table, and say of each whether a difference to the
    baseline is shown. The baseline is always among them. See docs/statistics.md."""
    setup = load_setup(options.scenario)
    scenario = setup.scenario
    names = options.strategies or scenario.strategies
    baseline = parse_strategy(scenario.baseline or scenario.strategies[0], "baseline")
    strategies = list(dict.fromkeys([baseline, *(parse_strategy(name, "--strategies") for name in names)]))
    for strategy in strategies:
        check_profile_covers(options.scenario, setup, strategy)
    if options.seeds == AUTO and len(strategies) < 2:
        raise InputError("--seeds auto: there is nothing to compare with the baseline; add a strategy")
    first, many = scenario.first_seed, options.seeds or scenario.seeds
    runs_at_most = len(strategies) * (options.max_seeds if many == AUTO else many)
    jobs = options.jobs and min(options.jobs, runs_at_most)
    with fan_out(setup, jobs, options.policy_file, options.ray) as simulating:
        folder = new_folder(options.out, "compare", setup)

        def run_seeds(seeds: range) -> comparing.Runs:
            with ProgressLine("simulating", len(strategies) * len(seeds)) as progress:
                return comparing.run_all(strategies, seeds, folder, simulating, progress.advance)

        if many == AUTO:
            runs = comparing.run_until_narrow(run_seeds, baseline, first, scenario.seeds, options.max_seeds)
        else:
            runs = run_seeds(range(first, first + many))
    comparisons = comparing.compare(runs, baseline)
    seeds, narrow = len(runs[baseline]), comparing.widest(runs, baseline) < comparing.NARROW
    document = {
        **scenario_facts(setup),
        "baseline": str(baseline),
        "seeds": [run.metrics.seed for run in runs[baseline]],
        "intervals_are_narrow": narrow,
        "rank_agreement": comparing.agreement_of_ranks(runs),
        "folder": str(folder),
        "strategies": comparisons,
    }
    write_summary(folder, "compare", document)
    figures = {str(strategy): [run.metrics for run in of_strategy] for strategy, of_strategy in runs.items()}
    write_running_results(folder, setup, "simulation", figures)

    def table() -> None:
        print_heading(f"{scenario.name}: {seeds} seed{'s' * (seeds > 1)}, simulated", setup)
        show(tables.comparison_table(comparisons, str(baseline)))
        for name, figures in comparisons.items():
            if figures.makespan_vs_baseline is not None:
                say(f"{name}: {figures.verdict}")
        if options.seeds == AUTO:
            width = f"{comparing.NARROW:.0%} of the ratio of makespans"
            found = f"every interval is under {width}" if narrow else f"an interval is still {width} or wider"
            say(f"--seeds auto: {seeds} seeds, {found}{'' if narrow else ' (--max-seeds allows no more)'}")

    finish(options, emit, document, table, folder)
