"""What commands share: from options to a scenario, from a result to a table or a document."""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from hetsched.cli.document import Emit
from hetsched.core.events import CheckpointLost, Event, SegmentEnded, TrialCompleted
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.report import tables
from hetsched.report.live import LiveView
from hetsched.report.progress import ProgressLine
from hetsched.scenario.real_scenario import for_real, load_real_setup
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Listener
from hetsched.studies.results import StrategyResult


def real_scenario(options: argparse.Namespace, path: Path) -> Setup:
    """The scenario of a file, with what the command line says of real runs."""
    if options.data_dir is not None and not options.data_dir.is_dir():
        raise InputError(f"--data-dir: {options.data_dir}: no such folder")
    setup = load_real_setup(path, options.address)
    try:
        setup = for_real(setup, options.data_dir, options.address)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    changes: dict[str, Any] = {}
    if options.report_interval is not None:
        changes["report_interval_s"] = options.report_interval
    if options.tensorboard:
        changes["tensorboard"] = True
    return setup.replace(real=setup.scenario.real.model_copy(update=changes))


def seeds_of(options: argparse.Namespace, setup: Setup) -> range:
    first = setup.scenario.first_seed if options.seed is None else options.seed
    return range(first, first + options.repeat)


@contextmanager
def live_view(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener]:
    """What a real run shows while it goes on."""
    interval_s = setup.scenario.real.report_interval_s
    with LiveView(f"{doing} {strategy}, seed {seed}", setup, strategy, interval_s) as view:
        yield view.listen


@contextmanager
def trial_progress(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener]:
    """What a simulated run shows while it goes on."""
    with TrialProgress(f"{doing} seed {seed}", setup) as progress:
        yield progress.listen


@contextmanager
def runs_progress(runs: int) -> Iterator[Callable[[], None]]:
    """What many simulated runs show while they go on."""
    with ProgressLine("simulating", runs) as progress:
        yield progress.advance


class TrialProgress(ProgressLine):
    """Progress of one simulated run, by the iterations that its trials have done: less after a lost checkpoint."""

    def __init__(self, what: str, setup: Setup) -> None:
        super().__init__(what, sum(e.population * e.stop_iterations for e in setup.workload.experiments))
        self._of_trial: Counter[TrialId] = Counter()

    def listen(self, state: State, event: Event) -> None:
        if not isinstance(event, SegmentEnded | CheckpointLost | TrialCompleted):
            return
        trial = state.trials[event.trial]
        completed = isinstance(event, TrialCompleted)  # one that stopped on accuracy does not need the rest
        done = state.experiments[trial.experiment].stop_iterations if completed else trial.iterations
        note = f"({len(state.running)} segments running, best accuracy {max(state.best_score.values()):.3f})"
        self.advance(done - self._of_trial[trial.id], note)
        self._of_trial[trial.id] = done


def show_strategy(options: argparse.Namespace, emit: Emit, result: StrategyResult, how: str) -> None:
    """Print the figures of the repetitions of one strategy, and the final state of their trials."""

    def table() -> None:
        metrics = [run.metrics for run in result.runs]
        print_heading(f"{result.setup.scenario.name}: {how}", result.setup)
        show(tables.trials_table(result.states[-1]))
        show(tables.workers_table(metrics[-1]))
        show(tables.runs_table(metrics))

    finish(options, emit, result.document(), table, result.folder)


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


def print_heading(text: str, setup: Setup) -> None:
    """Print the heading of a table; it says when nodes are paced or data is synthetic."""
    notes = [note for note, so in (("paced", setup.paced), ("synthetic data", setup.synthetic)) if so]
    text += f" ({', '.join(notes)})" if notes else ""
    say(text, style="bold")


def say(text: str, style: str | None = None) -> None:
    Console(highlight=False, soft_wrap=True).print(text, style=style)


def show(table: Table) -> None:
    tables.print_table(table, Console())
