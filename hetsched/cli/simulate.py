"""`hetsched simulate`."""

import argparse

from hetsched.cli.arguments import add_out, add_repeat, add_scenario, add_seed, add_track
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import (
    finish,
    hand_over,
    print_heading,
    runs_progress,
    say_caveats,
    seeds_of,
    show,
    show_strategy,
    simulated_scenario,
    trial_progress,
)
from hetsched.errors import InputError, counted
from hetsched.report import tables
from hetsched.report.legend import ABLATION, legend
from hetsched.report.tracking.tracking import Tracking
from hetsched.scenario.checks import check_profile_covers, parse_strategy
from hetsched.studies.ablation import AblationResult, ablate
from hetsched.studies.folder import default_folder
from hetsched.studies.simulate import simulate

EXAMPLES = (
    "hetsched simulate examples/demo.toml --strategy fusion+hrfs --seed 1",
    "hetsched simulate examples/demo.toml --strategy fusion+hrfs --ablate",
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    simulated = parser.add_argument_group("what is simulated")
    simulated.add_argument("--strategy", required=True, metavar="A+S", help="such as fusion+hrfs")
    add_seed(simulated)
    add_repeat(simulated)
    text = "show what overheads, noise and faults contribute to the makespan"
    simulated.add_argument("--ablate", action="store_true", help=text)
    results = parser.add_argument_group("results")
    add_out(results)
    add_track(results)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Simulate one strategy. Logs and figures go to the results folder. Repetitions use the seeds
    from --seed on. With --ablate, print instead what start-up, restore, evaluation, checkpoint,
    noise, sharing, dispatch and faults contribute to the makespan. Each is left out in turn under
    the same seeds. See docs/simulator.md."""
    setup = simulated_scenario(options)
    strategy = parse_strategy(options.strategy)
    check_profile_covers(options.scenario, setup, strategy)
    seeds = seeds_of(options, setup)
    folder = options.out or default_folder("ablate" if options.ablate else "simulate", setup)
    if options.ablate and options.track:
        raise InputError("--track: not with --ablate, whose runs are no results")
    if options.ablate:
        show_ablation(options, emit, ablate(setup, strategy, seeds, folder, progress=runs_progress))
    else:
        with Tracking(options.track, trial_progress) as tracking:
            result = simulate(setup, strategy, seeds, folder, watch=tracking.watch)
            show_strategy(options, emit, result, "simulated")
            hand_over(tracking, result)


def show_ablation(options: argparse.Namespace, emit: Emit, result: AblationResult) -> None:
    name, strategy, seeds = result.setup.scenario.name, result.strategy, len(result.seeds)

    def table() -> None:
        print_heading(f"{name}: what the makespan of {strategy} is made of ({counted(seeds, 'seed')})", result.setup)
        columns = legend(ABLATION, next(iter(result.variants.values())).metric)
        show(tables.ablation_table(result.variants), columns)
        say_caveats(result.assumptions, result.warnings)

    finish(options, emit, result.document(), table, result.folder)
