"""`hetsched simulate`."""

import argparse

from hetsched.cli.shared import Emit, TrialProgress, about, check_in, finish, print_heading, report_runs, seeds_of, show
from hetsched.domain.registry import Strategy
from hetsched.report import tables
from hetsched.report.folder import new_folder, write_summary
from hetsched.report.progress import ProgressLine
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load
from hetsched.scenario.scenario import Scenario
from hetsched.studies import ablation
from hetsched.studies.one_run import carry_out


def simulate(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate one strategy; logs and figures go to the results folder. Repetitions use the seeds from --seed on. With
    --ablate, print instead what start-up, restore, evaluation, checkpoint, noise, sharing, dispatch and faults
    contribute to the makespan, each by leaving it out under the same seeds."""
    scenario = load(options.scenario)
    strategy = parse_strategy(options.strategy)
    check_in(options.scenario, scenario, strategy)
    if options.ablate:
        ablate(options, emit, scenario, strategy)
        return
    folder = new_folder(options.out, "simulate", scenario)
    runs = []
    for seed in seeds_of(options, scenario):
        home = folder if options.repeat == 1 else folder / f"seed-{seed}"
        with TrialProgress(f"simulating seed {seed}", scenario) as progress:
            runs.append(carry_out("sim", scenario, strategy, seed, home, progress.listen))
    report_runs(options, emit, scenario, "simulate", runs, folder)


def ablate(options: argparse.Namespace, emit: Emit, scenario: Scenario, strategy: Strategy) -> None:
    """Simulate with each part of the world left out in turn."""
    seeds = seeds_of(options, scenario)
    folder = new_folder(options.out, "ablate", scenario)
    with ProgressLine("simulating", len(ablation.variants(scenario)) * len(seeds)) as progress:
        found = ablation.ablate(scenario, strategy, seeds, folder, progress.advance)
    document = {
        **about(scenario),
        "strategy": str(strategy),
        "seeds": list(seeds),
        "folder": str(folder),
        "variants": found,
    }
    write_summary(folder, "ablate", document)

    def table() -> None:
        print_heading(f"{scenario.name}: what the makespan of {strategy} is made of ({len(seeds)} seeds)", scenario)
        show(tables.ablation_table(found))

    finish(options, emit, document, table, folder)
