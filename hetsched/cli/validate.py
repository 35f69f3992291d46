"""`hetsched validate`."""

import argparse
from pathlib import Path

from hetsched.analysis.metrics import Metrics
from hetsched.cli.shared import (
    Emit,
    about,
    check_in,
    finish,
    live_view,
    print_heading,
    real_scenario,
    say,
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
from hetsched.scenario.scenario import Scenario
from hetsched.studies import validation as validating
from hetsched.studies.fan_out import run_folder
from hetsched.studies.one_run import carry_out


def validate(options: argparse.Namespace, emit: Emit) -> None:
    """Measure a profile of what will run (or take --profile), predict with the simulator, run for real, and print
    predicted against measured with signed errors."""
    scenario = real_scenario(options, options.scenario)
    names = dict.fromkeys(options.strategies or scenario.strategies)
    strategies = [parse_strategy(name, "--strategies") for name in names]
    seeds = seeds_of(options, scenario)
    given = None
    if options.profile:
        given = StepTimes(read_profile(options.profile), extrapolate=scenario.profile.extrapolate)
        scenario = scenario.replace_times(given)
    scenario = scenario.keep_workers(strategies)  # probed, predicted and measured on the same ones
    for strategy in strategies:
        if given is not None:
            check_in(options.profile, scenario, strategy)
        else:
            validating.check_pace(scenario.workers(strategy))
    folder = new_folder(options.out, "validate", scenario)
    agreements: dict[str, validating.Agreement] = {}
    everything: dict[str, list[Metrics]] = {}
    probed: dict[str, Scenario] = {}
    for strategy in strategies:
        if given is None and strategy.allocation not in probed:
            probed[strategy.allocation] = probe(scenario, strategy.allocation, folder)
        predicting = probed.get(strategy.allocation, scenario)
        predicting.save(folder / "predicted" / str(strategy))
        scenario.save(folder / "measured" / str(strategy))  # for `hetsched replay`
        predicted, measured = [], []
        for seed in seeds:
            home = run_folder(folder / "predicted", strategy, seed)
            predicted.append(validating.Repetition.of(carry_out("sim", predicting, strategy, seed, home)[0]))
        for seed in seeds:
            home = run_folder(folder / "measured", strategy, seed)
            with live_view("running", scenario, strategy, seed) as view:
                run, _ = carry_out("ray", scenario, strategy, seed, home, view.listen)
                measured.append(validating.Repetition.of(run))
        agreements[str(strategy)] = validating.agreement(predicted, measured)
        everything[str(strategy)] = [repetition.metrics for repetition in measured]
    order = validating.order_agreement(agreements.values())
    mean_error = validating.mean_absolute_error_percent(agreements.values())
    document = {
        **about(scenario),
        "seeds": list(seeds),
        "folder": str(folder),
        "mean_absolute_makespan_error_percent": mean_error,
        "order": order,
        "strategies": agreements,
    }
    write_summary(folder, "validate", document)
    write_running_results(folder, scenario, "ray", everything)

    def table() -> None:
        print_heading(f"{scenario.name}: predicted against measured, {len(seeds)} runs a strategy", scenario)
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


def probe(scenario: Scenario, allocation: str, folder: Path) -> Scenario:
    """The scenario as a short real run on the workers of that allocation policy shows it to be."""
    strategy = Strategy(allocation, validating.PROBE)
    workers = scenario.workers(strategy)
    probing = validating.probe_scenario(scenario, len(workers))
    home = folder / "probe" / allocation
    with live_view("profiling with", probing, strategy, scenario.first_seed) as view:
        run, _ = carry_out("ray", probing, strategy, scenario.first_seed, home, view.listen)
    calibration = validating.calibrate(read_log(run.log), f"measured by the probe run in {home}")
    calibration = validating.completed(calibration, scenario, workers)
    write_profile(home / "profile.csv", calibration.rows)
    return validating.calibrated(scenario, calibration)
