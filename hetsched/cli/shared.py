"""Functions that commands share: they make a scenario from options, and a table or a document from
a result."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from rich.table import Table

from hetsched.analysis.metrics import Metrics
from hetsched.cli.json_output import Emit
from hetsched.core.dispatcher import Listener
from hetsched.core.events import CheckpointLost, Event, SegmentEnded, TrialAdded, TrialCompleted
from hetsched.core.state import State
from hetsched.domain.metric import shared
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError, counted
from hetsched.report import tables
from hetsched.report.further_table import further_columns, further_table, named_by_seed
from hetsched.report.legend import RUNS, WORKERS, legend, trials_columns
from hetsched.report.live import LiveView
from hetsched.report.plan_tables import foretold
from hetsched.report.printable import printable
from hetsched.report.progress import ProgressLine
from hetsched.report.scores import metric_name, shown
from hetsched.report.terminal import Terminal, wrapped
from hetsched.report.tracking.tracking import Tracking
from hetsched.report.whole_tables import print_table
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.studies.caveats import Caveats
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.folder import report_command
from hetsched.studies.real_scenario import for_real, load_real_setup
from hetsched.studies.results import StrategyResult


def simulated_scenario(options: argparse.Namespace) -> Setup:
    """The scenario of the command line. Policy files of the command line are added to the
    scenario's own."""
    return _with_policies(options, load_setup(options.scenario))


def _with_policies(options: argparse.Namespace, setup: Setup) -> Setup:
    """The setup with the policy files of the command line. They go before files of their names that
    the scenario has. All these files count until the command ends."""
    setup = setup.with_policy_files(options.policy_file)
    setup.scenario.load_policies()
    return setup


def real_scenario(options: argparse.Namespace, path: Path) -> Setup:
    """The scenario of a file, with the options of the command line about real runs. Raises
    InputError if it is wrong."""
    if options.data_dir is not None and not options.data_dir.is_dir():
        raise InputError(f"--data-dir: {options.data_dir}: no such folder")
    setup = load_real_setup(path, options.address)
    try:
        setup = for_real(setup, options.data_dir, options.address)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    setup = _with_policies(options, setup)
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
    """A `Watch` with the live view of a real run."""
    interval_s = setup.scenario.real.report_interval_s
    with LiveView(f"{doing} {strategy}, seed {seed}", setup, strategy, interval_s) as view:
        yield view


@contextmanager
def trial_progress(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener]:
    """A `Watch` with the progress of one simulated run."""
    with TrialProgress(f"{doing} seed {seed}", setup) as progress:
        yield progress.listen


def hand_over(tracking: Tracking, result: StrategyResult) -> None:
    """Send the results of a study to the trackers, and print where they can be seen."""
    for line in tracking.finish(result):
        print(printable(f"hetsched: {line}"), file=sys.stderr)


@contextmanager
def runs_progress(runs: int) -> Iterator[Callable[[], None]]:
    """The progress of many simulated runs. The function in the context is called at the end of each
    run."""
    with ProgressLine("simulating", runs) as progress:
        yield progress.advance


ADDED_AT_ONCE = 1000
"""The progress of a run looks at the clock once for so many trials that are added."""


class TrialProgress(ProgressLine):
    """The progress of one simulated run, by the iterations of its trials. After a lost checkpoint
    it is lower. While trials are added, it says how many there are."""

    def __init__(self, what: str, setup: Setup) -> None:
        super().__init__(what, sum(e.population * e.stop_iterations for e in setup.workload.experiments))
        self._population = sum(experiment.population for experiment in setup.workload.experiments)
        self._of_trial: Counter[TrialId] = Counter()
        self._metric = shared(experiment.metric for experiment in setup.workload.experiments)
        self._best: float | None = None

    def listen(self, state: State, event: Event) -> None:
        if isinstance(event, TrialAdded) and (added := len(state.trials)) % ADDED_AT_ONCE == 0:
            self.advance(0, f"({added:,} of {self._population:,} trials added)")
        if not isinstance(event, SegmentEnded | CheckpointLost | TrialCompleted):
            return
        trial = state.trials[event.trial]
        completed = isinstance(event, TrialCompleted)  # a trial that stopped early does not need its other iterations
        done = state.experiments[trial.experiment].stop_iterations if completed else trial.iterations
        if isinstance(event, SegmentEnded) and self._metric and self._metric.better(event.score, self._best):
            self._best = event.score
        best = f"best {metric_name(self._metric)} {shown(self._best, 'unknown')}"
        note = f"({counted(len(state.running), 'segment')} running, {best})"
        self.advance(done - self._of_trial[trial.id], note)
        self._of_trial[trial.id] = done


def show_strategy(options: argparse.Namespace, emit: Emit, result: StrategyResult, how: str) -> None:
    """Print the figures of the repetitions of one strategy, and the last state of the last one's
    trials."""

    def table() -> None:
        metrics = [run.metrics for run in result.runs]
        print_heading(f"{result.setup.scenario.name}: {how}", result.setup)
        if len(metrics) > 1:
            say(f"seed {metrics[-1].seed}, the last of {len(metrics)}:")
        show_run(result.states[-1], metrics, result.setup.workload.arriving)
        for line in chosen_workers(result.setup, [result.strategy]):
            say(line)
        say_remarks(result.remarks)
        say_caveats(result.assumptions, result.warnings)
        if result.foretold is not None:
            for line in foretold(result.foretold):
                say(line, style="bold")

    finish(options, emit, result.document(), table, result.folder)


def show_run(state: State, runs: list[Metrics], arriving: bool) -> None:
    """Print the tables of trials and workers of the last run, and the figures of all runs."""
    show(tables.trials_table(state), legend(trials_columns(state)))
    show(tables.workers_table(runs[-1]), legend(WORKERS))
    show(tables.runs_table(runs), legend(RUNS, runs[-1].metric))
    further = named_by_seed(runs)
    show(further_table(further, arriving), legend(further_columns(further, arriving)))


def finish(
    options: argparse.Namespace, emit: Emit, document: Any, table: Callable[[], None], where: Path | None
) -> None:
    """Print the document with --json. Otherwise print the table, where the results are, and the
    command for the report of a results folder."""
    if options.json:
        emit(msgspec.json.format(msgspec.json.encode(document), indent=2))
        return
    table()
    if where is not None:
        say_whole(f"results: {where}")
        if where.is_dir():
            say_whole(f"report: {report_command(where)}")


def print_heading(text: str, setup: Setup) -> None:
    """Print the heading of a table. It says whether nodes are paced and whether data is
    synthetic."""
    notes = [note for note, so in (("paced", setup.paced), ("synthetic data", setup.synthetic)) if so]
    text += f" ({', '.join(notes)})" if notes else ""
    say(text, style="bold")


def say_remarks(remarks: Iterable[str]) -> None:
    """Print remarks on the steps of real workers."""
    for remark in remarks:
        say(remark, style="bold yellow")


def say_caveats(assumptions: Sequence[str], warnings: Mapping[str, str] = MappingProxyType({})) -> None:
    """Print the warnings about the figures of strategies, and the assumptions about costs that
    nobody measured."""
    for line in Caveats(assumptions, warnings).lines():
        say(line)


def say(text: str, style: str | None = None) -> None:
    """Print text. On a terminal it wraps between words at the terminal's width."""
    terminal = Terminal(highlight=False)
    say_whole(wrapped(text, terminal.width) if terminal.is_terminal else text, style)


def say_whole(text: str, style: str | None = None) -> None:
    """Print lines that are to be copied whole, such as commands, paths and programs."""
    Terminal(highlight=False, soft_wrap=True).print(text, style=style)


def show(table: Table | None, below: str) -> None:
    """Print the table, if there is one, and the text `below` it, which has a line per column."""
    if table is not None:
        print_table(table, Terminal())
        say(below)
