"""Replay: a run's policy decides again with the durations of the run's log. It must decide the
same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from hetsched.core.events import AnyEvent, ExperimentArrived, RunStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.errors import InputError, listed, path_of
from hetsched.scenario.loading import load_setup, load_tables
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Replayed, backend
from hetsched.studies.inputs import chosen_files, studied
from hetsched.studies.one_run import check_run
from hetsched.studies.probe import is_probe, register_measure
from hetsched.studies.results import scenario_facts, scenario_of


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """The replay of one log. `error_percent` is 100 x (replayed - logged) / logged makespan.
    None: the run or the replay has no makespan."""

    setup: Setup = field(repr=False)
    log: Path
    found: Replayed
    error_percent: float | None

    @property
    def same(self) -> bool:
        """Whether the policy repeated every decision."""
        return self.found.difference is None

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        found = msgspec.to_builtins(self.found)
        return {
            **scenario_facts(self.setup),
            "log": str(self.log),
            **found,
            "cut_short": self.found.cut_short,
            "error_percent": self.error_percent,
        }


def replay(run: Path | str, *, policy_files: Sequence[Path | str] = ()) -> ReplayResult:
    """Replay the run in the folder on the simulator's clock. See docs/replay.md.

    Each of `policy_files` replaces the file of the same name in the run's scenario.

    Raises InputError for a folder without a log or a scenario, for a damaged log, and for a run
    without a decision.
    """
    run = path_of(run, "run")
    log = run / LOG_NAME
    if not log.is_file():
        raise InputError(f"{run}: has no {LOG_NAME}; name the folder of one run, such as results/X/seed-0")
    if is_probe(run):
        register_measure()
    with studied(_setup(scenario_of(run), chosen_files(policy_files))) as setup:
        events = list(read_log(log))
        if events and isinstance(events[0], RunStarted):
            check_run(log, events[0], setup)
        _check_experiments(log, events, setup)
        try:
            found = backend("sim").replay(setup, events)
        except InputError as error:
            raise InputError(f"{log}: {error}") from error
        error_percent = None
        if found.replayed_makespan_s is not None and found.makespan_s:
            error_percent = 100 * (found.replayed_makespan_s - found.makespan_s) / found.makespan_s
        return ReplayResult(setup=setup, log=log, found=found, error_percent=error_percent)


def _setup(scenario: Path, policy_files: Sequence[Path]) -> Setup:
    """The setup of the run. Raises InputError as `load_setup` does. Where copies of policy files are
    gone, the message says how to name other ones."""
    try:
        return load_setup(scenario, policy_files=policy_files)
    except InputError as error:
        replaced = {file.name for file in policy_files}
        copies = [scenario.parent / name for name in load_tables(scenario).policy_files]
        if not (gone := [copy.name for copy in copies if not copy.exists() and copy.name not in replaced]):
            raise
        raise InputError(
            f"{error}; put the copy back, or name your own {listed(gone)}: --policy-file FILE on the command line, "
            "policy_files in Python"
        ) from error


def _check_experiments(log: Path, events: Iterable[AnyEvent], setup: Setup) -> None:
    """Raise InputError if the run trained an experiment that the scenario lacks. With a wrong
    scenario a policy would be accused although it decides the same."""
    known = {experiment.id: experiment for experiment in setup.workload.experiments}
    for event in events:
        if isinstance(event, ExperimentArrived) and event.experiment != known.get(event.experiment.id):
            raise InputError(
                f"{log}: its experiment {event.experiment.id!r} differs from the one in the scenario.toml beside or "
                "above it: put the run's own scenario.toml beside the log"
            )
