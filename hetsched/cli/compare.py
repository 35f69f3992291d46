"""`hetsched compare`."""

import argparse

from hetsched.cli.shared import Emit, about, check_in, finish, print_heading, say, show
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.report.folder import new_folder, write_running_results, write_summary
from hetsched.report.progress import ProgressLine
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load
from hetsched.studies import comparison as comparing
from hetsched.studies.fan_out import fan_out

AUTO = "auto"
"""What --seeds says instead of a number."""


def compare(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate every strategy under the same seeds, print one table, and say of each whether a difference to the
    baseline is shown. The baseline is always among them. See docs/statistics.md."""
    scenario = load(options.scenario)
    names = options.strategies or scenario.strategies
    baseline = parse_strategy(scenario.baseline or scenario.strategies[0], "baseline")
    strategies = list(dict.fromkeys([baseline, *(parse_strategy(name, "--strategies") for name in names)]))
    for strategy in strategies:
        check_in(options.scenario, scenario, strategy)
    if options.seeds == AUTO and len(strategies) < 2:
        raise InputError("--seeds auto: there is nothing to compare with the baseline; add a strategy")
    first, many = scenario.first_seed, options.seeds or scenario.seeds
    runs_at_most = len(strategies) * (options.max_seeds if many == AUTO else many)
    jobs = options.jobs and min(options.jobs, runs_at_most)
    with fan_out(scenario, jobs, options.policy_file, options.ray) as simulating:
        folder = new_folder(options.out, "compare", scenario)

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
        **about(scenario),
        "baseline": str(baseline),
        "seeds": [run.metrics.seed for run in runs[baseline]],
        "intervals_are_narrow": narrow,
        "rank_agreement": comparing.agreement_of_ranks(runs),
        "folder": str(folder),
        "strategies": comparisons,
    }
    write_summary(folder, "compare", document)
    figures = {str(strategy): [run.metrics for run in of_strategy] for strategy, of_strategy in runs.items()}
    write_running_results(folder, scenario, "simulation", figures)

    def table() -> None:
        print_heading(f"{scenario.name}: {seeds} seed{'s' * (seeds > 1)}, simulated", scenario)
        show(tables.comparison_table(comparisons, str(baseline)))
        for name, figures in comparisons.items():
            if figures.makespan_vs_baseline is not None:
                say(f"{name}: {figures.verdict}")
        if options.seeds == AUTO:
            width = f"{comparing.NARROW:.0%} of the ratio of makespans"
            found = f"every interval is under {width}" if narrow else f"an interval is still {width} or wider"
            say(f"--seeds auto: {seeds} seeds, {found}{'' if narrow else ' (--max-seeds allows no more)'}")

    finish(options, emit, document, table, folder)
