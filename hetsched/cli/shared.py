"""What each command does: it reads its input, calls one part of the package, prints and writes what came of it."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from hetsched.core.events import Event, SegmentEnded, TrialCompleted
from hetsched.core.state import State
from hetsched.domain.entry_points import load_part
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.report.folder import SUMMARY_NAME, write_running_results, write_summary
from hetsched.report.live import LiveView
from hetsched.report.progress import ProgressLine
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.loading import load
from hetsched.scenario.scenario import Scenario
from hetsched.studies.one_run import Run

Emit = Callable[[bytes], None]
Command = Callable[[argparse.Namespace, Emit], None]


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
