"""What each command does: it reads its input, calls one part of the package, prints and writes what came of it."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import tomli_w
from msgspec.structs import replace
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hetsched import ablation, allocation, bounds, scheduling
from hetsched import compare as comparing
from hetsched import validate as validating
from hetsched.backend import LOG_NAME, load_part
from hetsched.errors import HetschedError, InputError, nearest
from hetsched.events import Event, SegmentEnded, TrialCompleted, read_log
from hetsched.fan_out import fan_out, run_folder
from hetsched.metrics import Metrics
from hetsched.profiles import ProfileRow, StepTimes, read_profile, write_profile
from hetsched.registry import Registry, Strategy, load_file
from hetsched.report import tables
from hetsched.report.folder import SUMMARY_NAME, new_folder, write_running_results, write_summary
from hetsched.report.live import LiveView
from hetsched.report.progress import ProgressLine
from hetsched.run import Run, carry_out, look_up
from hetsched.run_plan import RunPlan, is_complete, load_plan
from hetsched.scenario import Scenario, load, parse_strategy, profiled_workers
from hetsched.state import State

Emit = Callable[[bytes], None]
Command = Callable[[argparse.Namespace, Emit], None]

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


def replay(options: argparse.Namespace, emit: Emit) -> None:
    """Feed the measured durations and scores of a run to its policy again, on the simulator's clock: the same policy
    must take the same decisions, all of them. RUN is the folder with the run's events.jsonl. See docs/replay.md."""
    log = options.run / LOG_NAME
    if not log.is_file():
        raise InputError(f"{options.run}: has no {LOG_NAME}; name the folder of one run, such as results/X/seed-0")
    homes = [home for home in (options.run, *options.run.absolute().parents[:2]) if (home / "scenario.toml").is_file()]
    if not homes:
        raise InputError(f"{options.run}: there is no scenario.toml in it or above it, so what was run is unknown")
    scenario = load(homes[0] / "scenario.toml")
    found = load_part("hetsched.replays", "sim", "replaying")(scenario, list(read_log(log)))
    error = None
    if found.replayed_makespan_s is not None and found.makespan_s:
        error = 100 * (found.replayed_makespan_s - found.makespan_s) / found.makespan_s
    document = {**about(scenario), "log": str(log), **msgspec.to_builtins(found), "error_percent": error}

    def table() -> None:
        print_heading(f"{scenario.name}: {found.strategy}, seed {found.seed}, replayed", scenario)
        say(f"decisions: {found.alike} of {found.decisions} taken again")
        if found.replayed_makespan_s is not None:
            percent = "" if error is None else f" ({error:+.2f}%)"
            say(f"makespan: {found.makespan_s:,.3f} s measured, {found.replayed_makespan_s:,.3f} s replayed{percent}")

    finish(options, emit, document, table, None)
    if found.difference is not None:
        raise HetschedError(f"{log}: {found.difference}")


def profile(options: argparse.Namespace, emit: Emit) -> None:
    """Measure seconds per iteration, evaluation, start-up, restore and checkpoint on this machine."""
    if options.out.exists():
        raise InputError(f"--out {options.out}: exists, and results are never overwritten; name a new file")
    if not options.out.parent.is_dir():
        raise InputError(f"--out {options.out}: there is no folder {options.out.parent}")
    measure = load_part("hetsched.profilers", "torch", "profiling")
    for name in ("models", "batch_sizes", "cores"):  # a profile has one row for each
        setattr(options, name, list(dict.fromkeys(getattr(options, name))))
    points = len(options.models) * len(options.batch_sizes) * (len(options.cores) if options.device == "cpu" else 1)
    options.out.touch()  # before the work, not after it, is the time to find out that this cannot be written
    measured: list[ProfileRow] = []
    with ProgressLine("profiling", points) as progress:
        progress.note(f"{points} points of at least {options.seconds:g} s each")

        def on_row(row: ProfileRow) -> None:
            measured.append(row)
            write_profile(options.out, measured)
            progress.advance(1, f"{row.kind} on {row.worker_type}: {row.seconds_per_iteration:.3g} s")

        try:
            rows = measure(
                options.models,
                options.batch_sizes,
                options.cores,
                dataset=options.dataset,
                device=options.device,
                speed_ups=options.speed_ups,
                seconds_per_point=options.seconds,
                on_row=on_row,
            )
        except ValueError as error:
            raise InputError(str(error)) from error
        finally:
            if not measured:
                options.out.unlink()
    write_profile(options.out, rows)
    document = {"profile": str(options.out), "rows": [row.model_dump() for row in rows]}

    def table() -> None:
        show(tables.profile_table(rows))

    finish(options, emit, document, table, options.out)


def bound(options: argparse.Namespace, emit: Emit) -> None:
    """Lower bounds on the makespan and on the mean job completion time (JCT: completion minus arrival, of trials and
    of experiments) of a scenario when every trial trains to its stop iteration (those that stop on accuracy may end
    sooner): for any allocation, and for the workers of each strategy's allocation policy. Arrivals count."""
    scenario = load(options.scenario)
    workload, times = scenario.workload_spec(), scenario.times
    try:
        overall = bounds.workload_bounds(workload, bounds.cluster_devices(scenario.cluster_spec(), times), times)
        by_allocation = {}
        for strategy in map(parse_strategy, scenario.strategies):
            devices = bounds.worker_devices(scenario.workers(strategy))
            own = bounds.workload_bounds(workload, devices, times)
            # What no schedule under any allocation can beat, none under this one can.
            by_allocation[strategy.allocation] = bounds.Bounds(*map(max, own, overall))
    except InputError as error:
        raise InputError(f"{options.scenario}: {error}") from error
    document = {
        **about(scenario),
        "bound_s": overall.makespan_s,
        "by_allocation_s": {name: own.makespan_s for name, own in by_allocation.items()},
        "trial_jct_bound_s": overall.trial_jct_s,
        "trial_jct_by_allocation_s": {name: own.trial_jct_s for name, own in by_allocation.items()},
        "experiment_jct_bound_s": overall.experiment_jct_s,
        "experiment_jct_by_allocation_s": {name: own.experiment_jct_s for name, own in by_allocation.items()},
    }

    def table() -> None:
        early = any(experiment.stop_accuracy is not None for experiment in workload.experiments)
        print_heading(f"{scenario.name}: no schedule of all iterations takes less than", scenario)
        show(tables.bound_table({"any": overall, **by_allocation}))
        say("Overheads and noise are left out." + " Trials that stop on accuracy may need fewer iterations." * early)

    finish(options, emit, document, table, None)


def nodes(options: argparse.Namespace, emit: Emit) -> None:
    """Print the nodes of a running Ray cluster as a scenario lists them. See docs/clusters.md."""
    found = discovered(options.address)

    def listed() -> None:
        print("\n".join(f"[[cluster.nodes]]\n{tomli_w.dumps(table)}" for table in found), end="")

    finish(options, emit, {"cluster": {"nodes": found}}, listed, None)


def policies(options: argparse.Namespace, emit: Emit) -> None:
    """List the policies: built in, from installed packages, and from --policy-file."""
    registries: dict[str, Registry[Any]] = {
        "allocation": allocation.policies,
        "scheduling": scheduling.policies,
    }
    document = {
        kind: {name: registry.summary(name) for name in registry.names()} for kind, registry in registries.items()
    }
    finish(options, emit, document, lambda: show(tables.policies_table(document)), None)


def check_policies(options: argparse.Namespace, emit: Emit) -> None:
    """Put policies through the conformance suite: all that a FILE.py registers, or those of a NAME. For every check
    that a policy fails it prints the smallest example found. See docs/testing-policies.md."""
    try:
        from hypothesis.configuration import set_hypothesis_home_dir

        from hetsched import testing
    except ModuleNotFoundError as error:
        raise InputError(
            f"checking policies needs {error.name}, which is not installed: pip install 'hetsched[testing]'"
        ) from error
    suites = {"scheduling": testing.scheduling_verdicts, "allocation": testing.allocation_verdicts}
    chosen = chosen_policies(options.policies)
    found: dict[str, dict[str, list[testing.Verdict]]] = {}
    with TemporaryDirectory() as folder, ProgressLine("checking", len(chosen)) as progress:
        set_hypothesis_home_dir(folder)  # it would leave a folder here otherwise
        try:
            for kind, name in chosen:
                found.setdefault(kind, {})[name] = suites[kind](name, options.examples)
                progress.advance(1, name)
        finally:
            set_hypothesis_home_dir(None)
    failures = [v.failure for of_kind in found.values() for of in of_kind.values() for v in of if v.failure]
    document = {
        "examples": options.examples,
        "conforms": not failures,
        **{
            kind: {name: {v.check: v.document() for v in verdicts} for name, verdicts in of_kind.items()}
            for kind, of_kind in found.items()
        },
    }

    def table() -> None:
        for kind, of_kind in found.items():
            show(testing.verdicts_table(kind, of_kind))
        for failure in failures:
            say(escape(f"\n{failure}"))

    finish(options, emit, document, table, None)
    if failures:
        policies = len({failure.policy for failure in failures})
        raise HetschedError(f"{policies} of {len(chosen)} policies do not conform ({len(failures)} checks failed)")


def chosen_policies(targets: Sequence[str]) -> list[tuple[str, str]]:
    """The policies, by kind and name, that files register and names name. Raises InputError if there are none."""
    registries: dict[str, Registry[Any]] = {
        "scheduling": scheduling.policies,
        "allocation": allocation.policies,
    }

    def known() -> dict[tuple[str, str], object]:
        return {(kind, name): of_kind.factory(name) for kind, of_kind in registries.items() for name in of_kind.names()}

    chosen: dict[tuple[str, str], None] = {}
    for target in targets:
        before = known()
        if target.endswith(".py"):
            load_file(Path(target))
            named = [key for key, factory in known().items() if before.get(key) is not factory]
            problem = "registers no policy; put @register(NAME) before the class"
        else:
            named = [key for key in before if key[1] == target]
            problem = f"no such policy: {nearest(target, (name for _, name in before))}"
        if not named:
            raise InputError(f"{target}: {problem}")
        chosen |= dict.fromkeys(named)
    return list(chosen)


# What the commands share.


def real_scenario(options: argparse.Namespace, path: Path) -> Scenario:
    """The scenario of a file, with what the command line says of real runs."""
    scenario = load(path, lambda address: discovered(options.address or address))
    changes: dict[str, Any] = {}
    data_dir, name = options.data_dir, "--data-dir"
    if data_dir is None and scenario.real.data_dir is not None:
        data_dir, name = path.parent / scenario.real.data_dir, f"{path}: real.data_dir"
    if data_dir is not None:
        if not data_dir.is_dir():
            raise InputError(f"{name}: {data_dir}: no such folder")
        changes["data_dir"] = str(data_dir.resolve())
    if scenario.real.model_file is not None:
        model_file = path.parent / scenario.real.model_file
        if not model_file.is_file():
            raise InputError(f"{path}: real.model_file: {model_file}: no such file")
        changes["model_file"] = str(model_file.resolve())
    if options.address is not None:
        changes["address"] = options.address
    if options.report_interval is not None:
        changes["report_interval_s"] = options.report_interval
    if options.tensorboard:
        changes["tensorboard"] = True
    return scenario.replace(real=scenario.real.model_copy(update=changes))


def discovered(address: str | None) -> list[dict[str, Any]]:
    """The nodes of the Ray cluster at this address, as a scenario lists them. Raises InputError without an address."""
    if address is None:
        raise InputError('cluster: "discover" needs a running Ray cluster: name it with --address or real.address')
    found: list[dict[str, Any]] = load_part("hetsched.discoveries", "ray", "discovering a cluster")(address)
    return found


def about(scenario: Scenario) -> dict[str, Any]:
    """What every document says of its scenario."""
    return {"scenario": scenario.name, "paced": scenario.paced, "synthetic": scenario.synthetic}


def first_seed(options: argparse.Namespace, scenario: Scenario) -> int:
    seed: int = scenario.first_seed if options.seed is None else options.seed
    return seed


def seeds_of(options: argparse.Namespace, scenario: Scenario) -> range:
    first = first_seed(options, scenario)
    return range(first, first + options.repeat)


def check_in(path: Path, scenario: Scenario, strategy: Strategy) -> None:
    """Raise InputError, naming the file, for what the profile lacks."""
    try:
        profiled_workers(scenario, strategy)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


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


def live_view(doing: str, scenario: Scenario, strategy: Strategy, seed: int) -> LiveView:
    """What a real run shows while it goes on."""
    return LiveView(f"{doing} {strategy}, seed {seed}", scenario, strategy, scenario.real.report_interval_s)


class TrialProgress(ProgressLine):
    """Progress of one simulated run, by the iterations that its trials have done."""

    def __init__(self, what: str, scenario: Scenario) -> None:
        super().__init__(what, sum(e.population * e.stop_iterations for e in scenario.workload_spec().experiments))

    def listen(self, state: State, event: Event) -> None:
        if isinstance(event, SegmentEnded):
            best = max(state.best_score.values())
            self.advance(event.iterations, f"({len(state.running)} segments running, best accuracy {best:.3f})")
        elif isinstance(event, TrialCompleted):  # one that stopped on accuracy does not need the rest
            trial = state.trials[event.trial]
            self.advance(state.experiments[trial.experiment].stop_iterations - trial.iterations)


def report_runs(
    options: argparse.Namespace,
    emit: Emit,
    scenario: Scenario,
    command: str,
    runs: Sequence[tuple[Run, State]],
    folder: Path,
    *,
    keep: bool = False,
) -> None:
    """Print and write the figures of the repetitions of one strategy, and the final state of their trials. With `keep`
    what has been written before stays."""
    metrics = [run.metrics for run, _ in runs]
    document = {
        **about(scenario),
        "strategy": metrics[0].strategy,
        "folder": str(folder),
        "runs": [
            {
                **msgspec.to_builtins(run.metrics),
                "decision_s": run.decision_s,
                "decisions": run.decisions,
                "log": str(run.log),
                "state": state.snapshot(),
            }
            for run, state in runs
        ],
    }
    if not (keep and (folder / SUMMARY_NAME).exists()):
        write_summary(folder, command, document)
        backend = "simulation" if command == "simulate" else "ray"
        write_running_results(folder, scenario, backend, {metrics[0].strategy: metrics})

    def table() -> None:
        print_heading(f"{scenario.name}: {'simulated' if command == 'simulate' else 'run on Ray Tune'}", scenario)
        show(tables.trials_table(runs[-1][1]))
        show(tables.workers_table(metrics[-1]))
        show(tables.runs_table(metrics))

    finish(options, emit, document, table, folder)


def finish(
    options: argparse.Namespace, emit: Emit, document: Any, table: Callable[[], None], where: Path | None
) -> None:
    """Print the document, or the table and where the results are."""
    if options.json:
        emit(msgspec.json.format(msgspec.json.encode(document), indent=2))
        return
    table()
    if where is not None:
        say(f"results: {where}")


def print_heading(text: str, scenario: Scenario) -> None:
    """Print the heading of a table; it says when nodes are paced or data is synthetic."""
    notes = [note for note, so in (("paced", scenario.paced), ("synthetic data", scenario.synthetic)) if so]
    text += f" ({', '.join(notes)})" if notes else ""
    say(text, style="bold")


def say(text: str, style: str | None = None) -> None:
    Console(highlight=False, soft_wrap=True).print(text, style=style)


def show(table: Table) -> None:
    tables.print_table(table, Console())
