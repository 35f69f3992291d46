"""The result of a study as a value: its runs, their figures and where their logs are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hetsched.analysis.step_times import WorkerSteps, pace_remarks, profile_remarks
from hetsched.core.state import State
from hetsched.domain.prediction import Prediction
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.caveats import Caveats
from hetsched.studies.folder import ResultsFolder
from hetsched.studies.folder_caveats import by_study, late_workers, said_of, summary_of, unfinished
from hetsched.studies.foretold import Foretold
from hetsched.studies.frames import runs_frame, table_frame
from hetsched.studies.lost_segments import lost_segments
from hetsched.studies.named_folder import results_folder, results_logs, scenario_in_suite
from hetsched.studies.one_run import RunResult, look_up
from hetsched.studies.resumed_runs import resumed_runs
from hetsched.studies.unknown_scores import joined

if TYPE_CHECKING:
    from pandas import DataFrame


def by_strategy(runs: Iterable[RunResult]) -> dict[str, list[RunResult]]:
    """The runs of each strategy, in the given order."""
    found: dict[str, list[RunResult]] = {}
    for run in runs:
        found.setdefault(run.metrics.strategy, []).append(run)
    return found


@dataclass(frozen=True, kw_only=True)
class Results:
    """Runs and their logs. `home` is the folder of the logs. A temporary folder is deleted together
    with this object."""

    home: ResultsFolder = field(repr=False)
    runs: Sequence[RunResult] = field(repr=False)
    assumptions: Sequence[str] = ()
    """What the simulations assumed where nothing was measured, with one line per assumption."""
    warnings: Mapping[str, str] = field(default_factory=dict)
    """By strategy, in words, why its figures should not be trusted."""

    @property
    def folder(self) -> Path:
        """The folder of the logs."""
        return self.home.path

    @property
    def by_strategy(self) -> dict[str, list[RunResult]]:
        """The runs of each strategy, in the given order."""
        return by_strategy(self.runs)

    @property
    def caveats(self) -> dict[str, Any]:
        """What every document has beside its figures."""
        return Caveats(self.assumptions, self.warnings).document()

    def warned(self, strategy: str) -> list[str]:
        """The warning about the figures of a strategy, if there is one."""
        return [self.warnings[strategy]] if strategy in self.warnings else []

    def to_frame(self) -> "DataFrame":
        """A row per run, a column per figure. Raises InputError without pandas."""
        return runs_frame(self.runs)

    def events_frame(self) -> "DataFrame":
        """A row per line of every log. Raises InputError without pandas."""
        return table_frame("events", self.runs)

    def segments_frame(self) -> "DataFrame":
        """A row per segment of every run: trial, worker, start, end, iterations, score and the
        seconds of its parts. Raises InputError without pandas."""
        return table_frame("segments", self.runs)

    def trials_frame(self) -> "DataFrame":
        """A row per trial of every run: iterations, scores, exploits and hyperparameters at the end
        of the run. Raises InputError without pandas."""
        return table_frame("trials", self.runs)

    def workers_frame(self) -> "DataFrame":
        """A row per worker of every run: its resources and how long it was in the cluster. Raises
        InputError without pandas."""
        return table_frame("workers", self.runs)

    def decisions_frame(self) -> "DataFrame":
        """A row per decision of the policy and per exploit of PBT. Raises InputError without
        pandas."""
        return table_frame("decisions", self.runs)

    def resources_frame(self) -> "DataFrame":
        """A row per sample of a node's cores and memory, and of each of its GPUs. Only real runs
        have samples. Raises InputError without pandas."""
        return table_frame("resources", self.runs)


@dataclass(frozen=True, kw_only=True)
class StrategyResult(Results):
    """One strategy, simulated or run for real under each seed, and the state in which each run
    ended.

    - `steps`: the step times of real workers, by type
    - `prediction`: what a plan has predicted of the runs. None: there was no plan.
    """

    setup: Setup = field(repr=False)
    strategy: str
    states: Sequence[State] = field(repr=False)
    steps: Sequence[WorkerSteps] = field(default=(), repr=False)
    prediction: Prediction | None = None

    @property
    def foretold(self) -> Foretold | None:
        """The prediction beside what was measured. None: there is no prediction."""
        if self.prediction is None:
            return None
        return Foretold.of(self.prediction, [run.metrics.makespan_s for run in self.runs])

    @property
    def remarks(self) -> list[str]:
        """Which real runs were resumed. Which segments were lost, and why. Which workers were slower
        or faster than predicted, and what to do. Empty: there is nothing to report."""
        lost, planned = lost_segments(self.runs), self.prediction is not None
        paces = pace_remarks(self.steps, self.setup.scenario.real.time_scale, planned=planned)
        return resumed_runs(self.runs) + lost + paces + profile_remarks(self.steps, lost=bool(lost))

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **scenario_facts(self.setup),
            "strategy": self.strategy,
            **self.caveats,
            "folder": str(self.folder),
            "steps": self.steps,
            "foretold": self.foretold,
            "remarks": self.remarks,
            "runs": [
                {
                    **msgspec.to_builtins(run.metrics),
                    "decision_s": run.decision_s,
                    "decisions": run.decisions,
                    "log": str(run.log),
                    "state": state.snapshot(),
                }
                for run, state in zip(self.runs, self.states, strict=True)
            ],
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class LoadedResults(Results):
    """The runs of a results folder. `decision_s` and `decisions` of a run are None, because a log
    lacks them."""

    def __repr__(self) -> str:
        """The folder, the command that wrote it (if the folder has a summary), and the number of
        runs."""
        try:
            kind = self.summary.get("command")
        except InputError:
            kind = None
        said = "" if kind is None else f", command={kind!r}"
        return f"{type(self).__name__}(folder={str(self.folder)!r}{said}, runs={len(self.runs)})"

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The folder's `summary.json`. Empty: the folder has none. Raises InputError if the file is
        damaged."""
        return summary_of(self.folder)


def scenario_facts(setup: Setup) -> dict[str, Any]:
    """What every document has about its scenario."""
    facts: dict[str, Any] = {"scenario": setup.scenario.name, "paced": setup.paced, "synthetic": setup.synthetic}
    return facts if setup.reading is None else facts | {"trace": setup.reading.document()}


def load_results(folder: Path | str) -> LoadedResults:
    """The runs whose logs are in the folder or below it, without the probes of plans and
    validations.

    Each run is measured by the scenario beside its log or above it. Policy files are not executed.
    Assumptions and warnings are those of the runs' studies (`hetsched.studies.folder_caveats`).
    There are further warnings if paced workers were late, and if runs did not come to their end or
    are of several scenarios. A run that has not begun is left out, with a warning (`logging`).

    Raises InputError for a folder without logs, for a file or folder that cannot be read, and, with
    file and line, for a damaged log. Raises NoResultError if no run has begun.
    """
    folder = results_folder(folder)
    logs = results_logs(folder)
    scenarios: dict[Path, Setup] = {}
    runs, ended, homes = [], [], defaultdict[str, dict[str, None]](dict)
    for log in logs:
        path = scenario_of(log.parent)
        if path not in scenarios:
            scenarios[path] = load_setup_of_logs(path)
        run, state = look_up(scenarios[path], log)
        runs.append(run)
        ended.append((run.metrics.strategy, state.ended))
        homes[run.metrics.strategy][relpath(path.parent, folder)] = None
    found = LoadedResults(home=ResultsFolder(folder), runs=tuple(runs))
    mixed = {
        name: f"runs of {len(of_one)} scenarios, which a mean would mix, in {', '.join(of_one)}: load one"
        for name, of_one in homes.items()
        if len(of_one) > 1
    }
    said = said_of(folder, logs)
    late = joined(*(late_workers(study, of_one) for study, of_one in by_study(folder, logs).items()))
    return replace(found, assumptions=said.assumptions, warnings=joined(said.warnings, late, unfinished(ended), mixed))


def scenario_of(run: Path) -> Path:
    """The scenario of the run in that folder: beside its log, in one of the two folders above, or
    among the scenarios of the suite to which the run belongs. Raises InputError if there is
    none."""
    for home in (run, *run.absolute().parents[:2], *scenario_in_suite(run)):
        if (home / SCENARIO_NAME).is_file():
            return home / SCENARIO_NAME
    raise InputError(
        f"{run}: there is no {SCENARIO_NAME} in it or above it, so what was run is unknown: put the run's own there"
    )
