"""`hetsched validate`."""

import argparse
from pathlib import Path

from hetsched.analysis.metrics import Metrics
from hetsched.cli.arguments import add_out, add_real, add_scenario, add_seed, add_strategies
from hetsched.cli.document import Emit
from hetsched.cli.shared import (
    check_profile_covers,
    finish,
    live_view,
    print_heading,
    real_scenario,
    say,
    scenario_facts,
    seeds_of,
    show,
)
from hetsched.core.log import read_log
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.report import tables
from hetsched.report.folder import new_folder, write_running_results, write_summary
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies import validation as validating
from hetsched.studies.fan_out import run_folder
from hetsched.studies.one_run import carry_out


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    add_out(parser)
    add_strategies(parser)
    add_seed(parser)
    parser.add_argument(
        "--profile", type=Path, metavar="FILE.csv", help="predict from this profile instead of measuring one first"
    )
    add_real(parser)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Measure a profile of what will run (or take --profile), predict with the simulator, run for real, and print
    predicted against measured with signed errors."""
    setup = real_scenario(options, options.scenario)
    names = dict.fromkeys(options.strategies or setup.scenario.strategies)
    strategies = [parse_strategy(name, "--strategies") for name in names]
    seeds = seeds_of(options, setup.scenario)
    given = None
    if options.profile:
        given = StepTimes(read_profile(options.profile), extrapolate=setup.scenario.profile.extrapolate)
        setup = setup.replace_times(given)
    setup = setup.freeze_workers(strategies)  # probed, predicted and measured on the same ones
    for strategy in strategies:
        if given is not None:
            check_profile_covers(options.profile, setup, strategy)
        else:
            validating.check_pace(setup.workers(strategy))
    folder = new_folder(options.out, "validate", setup)
    agreements: dict[str, validating.Agreement] = {}
    everything: dict[str, list[Metrics]] = {}
    probed: dict[str, Setup] = {}
    for strategy in strategies:
        if given is None and strategy.allocation not in probed:
            probed[strategy.allocation] = probe(setup, strategy.allocation, folder)
        predicting = probed.get(strategy.allocation, setup)
        predicting.save(folder / "predicted" / str(strategy))
        setup.save(folder / "measured" / str(strategy))  # for `hetsched replay`
        predicted, measured = [], []
        for seed in seeds:
            home = run_folder(folder / "predicted", strategy, seed)
            predicted.append(validating.Repetition.of(carry_out("sim", predicting, strategy, seed, home)[0]))
        for seed in seeds:
            home = run_folder(folder / "measured", strategy, seed)
            with live_view("running", setup, strategy, seed) as view:
                run, _ = carry_out("ray", setup, strategy, seed, home, view.listen)
                measured.append(validating.Repetition.of(run))
        agreements[str(strategy)] = validating.agreement(predicted, measured)
        everything[str(strategy)] = [repetition.metrics for repetition in measured]
    order = validating.order_agreement(agreements.values())
    mean_error = validating.mean_absolute_error_percent(agreements.values())
    document = {
        **scenario_facts(setup),
        "seeds": list(seeds),
        "folder": str(folder),
        "mean_absolute_makespan_error_percent": mean_error,
        "order": order,
        "strategies": agreements,
    }
    write_summary(folder, "validate", document)
    write_running_results(folder, setup, "ray", everything)

    def table() -> None:
        print_heading(f"{setup.scenario.name}: predicted against measured, {len(seeds)} runs a strategy", setup)
        show(tables.agreement_table(agreements))
        if mean_error is not None:
            say(f"mean absolute error of the makespan: {mean_error:.1f}%")
        if order.kendall_tau is not None:
            distinct = "none" if order.kendall_tau_distinct is None else f"{order.kendall_tau_distinct:.2f}"
            say(
                f"Kendall's tau of predicted against measured order: {order.kendall_tau:.2f}; over the "
                f"{order.distinct_pairs} pairs whose measured intervals do not overlap: {distinct}"
            )

    finish(options, emit, document, table, folder)


def probe(setup: Setup, allocation: str, folder: Path) -> Setup:
    """The scenario as a short real run on the workers of that allocation policy shows it to be."""
    strategy = Strategy(allocation, validating.PROBE)
    workers, seed = setup.workers(strategy), setup.scenario.first_seed
    probing = validating.probe_scenario(setup, len(workers))
    home = folder / "probe" / allocation
    with live_view("profiling with", probing, strategy, seed) as view:
        run, _ = carry_out("ray", probing, strategy, seed, home, view.listen)
    calibration = validating.calibrate(read_log(run.log), f"measured by the probe run in {home}")
    calibration = validating.completed(calibration, setup, workers)
    write_profile(home / "profile.csv", calibration.rows)
    return validating.calibrated(setup, calibration)
