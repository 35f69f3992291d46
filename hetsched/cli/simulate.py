"""`hetsched simulate`."""

import argparse

from hetsched.cli.arguments import add_out, add_repeat, add_scenario, add_seed
from hetsched.cli.document import Emit
from hetsched.cli.shared import (
    TrialProgress,
    check_profile_covers,
    finish,
    print_heading,
    report_runs,
    scenario_facts,
    seeds_of,
    show,
)
from hetsched.domain.registry import Strategy
from hetsched.report import tables
from hetsched.report.folder import new_folder, write_summary
from hetsched.report.progress import ProgressLine
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.studies import ablation
from hetsched.studies.one_run import carry_out


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_out(parser)
    parser.add_argument("--strategy", required=True, metavar="A+S", help="such as fusion+hrfs")
    add_seed(parser)
    add_repeat(parser)
    parser.add_argument("--ablate", action="store_true", help="show what each overhead contributes to the makespan")


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate one strategy; logs and figures go to the results folder. Repetitions use the seeds from --seed on. With
    --ablate, print instead what start-up, restore, evaluation, checkpoint, noise, sharing, dispatch and faults
    contribute to the makespan, each by leaving it out under the same seeds."""
    setup = load_setup(options.scenario)
    strategy = parse_strategy(options.strategy)
    check_profile_covers(options.scenario, setup, strategy)
    if options.ablate:
        ablate(options, emit, setup, strategy)
        return
    folder = new_folder(options.out, "simulate", setup)
    runs = []
    for seed in seeds_of(options, setup.scenario):
        home = folder if options.repeat == 1 else folder / f"seed-{seed}"
        with TrialProgress(f"simulating seed {seed}", setup) as progress:
            runs.append(carry_out("sim", setup, strategy, seed, home, progress.listen))
    report_runs(options, emit, setup, "simulate", runs, folder)


def ablate(options: argparse.Namespace, emit: Emit, setup: Setup, strategy: Strategy) -> None:
    """Simulate with each part of the world left out in turn."""
    seeds = seeds_of(options, setup.scenario)
    folder = new_folder(options.out, "ablate", setup)
    with ProgressLine("simulating", len(ablation.variants(setup)) * len(seeds)) as progress:
        found = ablation.ablate(setup, strategy, seeds, folder, progress.advance)
    document = {
        **scenario_facts(setup),
        "strategy": str(strategy),
        "seeds": list(seeds),
        "folder": str(folder),
        "variants": found,
    }
    write_summary(folder, "ablate", document)

    def table() -> None:
        name = setup.scenario.name
        print_heading(f"{name}: what the makespan of {strategy} is made of ({len(seeds)} seeds)", setup)
        show(tables.ablation_table(found))

    finish(options, emit, document, table, folder)
