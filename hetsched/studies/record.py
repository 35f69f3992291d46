"""A study that records learning curves of a scenario's training. Learning models are fitted to the
files that it makes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hetsched.domain.hyperparameters import OF_SGD
from hetsched.domain.recordings import OF_TRIAL
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError, nearest
from hetsched.scenario.scenario import Scenario
from hetsched.studies.backends import backend
from hetsched.studies.recording_file import RecordingFile
from hetsched.studies.recording_plan import Recorded, RecordingPlan
from hetsched.studies.sole_owner import sole_writer


@dataclass(frozen=True, kw_only=True)
class RecordResult:
    """The file, how many recordings it has, and how many of them were made now."""

    file: Path
    recordings: int
    recorded_now: int

    @property
    def assumptions(self) -> list[str]:
        """What is assumed of the recordings that the file had before."""
        before = self.recordings - self.recorded_now
        said = "are of the training as it is now; the file does not say its code, options or data"
        return [f"the {before} before {said}"] if before else []

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "file": str(self.file),
            "recordings": self.recordings,
            "recorded_now": self.recorded_now,
            "assumptions": self.assumptions,
        }


def experiment_of(scenario: Scenario, name: str | None) -> Experiment:
    """The experiment of that name. Without a name it is the only experiment. Raises InputError if
    there is no such experiment, or if a name is needed."""
    listed = {str(experiment.id): experiment for experiment in scenario.workload.listed_experiments()}
    if name is None and len(listed) == 1:
        return next(iter(listed.values()))
    if name is None:
        found = ", ".join(listed) or "none"
        raise InputError(f"--experiment: name the one that is recorded, of {found}")
    if name not in listed:
        raise InputError(f"--experiment: no experiment {name!r}: {nearest(name, listed)}")
    return listed[name]


def check_plan(plan: RecordingPlan) -> None:
    """Raise InputError for a plan that cannot be carried out."""
    if plan.iterations % plan.every:
        raise InputError(f"--iterations {plan.iterations}: must be a multiple of --every {plan.every}")
    if plan.repeats > plan.recordings:
        raise InputError(f"--repeats {plan.repeats}: expected at most --recordings {plan.recordings}")
    if plan.metric in (*OF_TRIAL, *OF_SGD):
        raise InputError(f"metric {plan.metric!r}: a recording file has another column of this name: rename the metric")


def record(plan: RecordingPlan, out: Path, on_recorded: Callable[[Recorded, int], object]) -> RecordResult:
    """Record what the file lacks. `on_recorded` is called when a recording is in the file, with the
    recording and the number of recordings in the file.

    Raises InputError for a plan that cannot be carried out, and for a file that another plan began.
    Raises InputError, too, if the file's folder does not exist, or if another process records into
    the file.
    """
    check_plan(plan)
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    with sole_writer(out, "recording"):
        file = RecordingFile(out, plan)
        lacking = [number for number in range(plan.recordings) if number not in file.finished]
        for recorded in backend("ray").record(plan, lacking) if lacking else ():
            file.add(recorded)
            on_recorded(recorded, len(file.finished))
    return RecordResult(file=out, recordings=len(file.finished), recorded_now=len(lacking))
