"""What `hetsched run` set out to do in its folder (`run.json`), so that `hetsched run --resume` can finish it."""

from pathlib import Path
from shlex import join

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.events import RunEnded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.prediction import Prediction
from hetsched.errors import InputError
from hetsched.studies.folder import SEGMENT_ENDED
from hetsched.studies.json_file import other_version, write_json
from hetsched.studies.resume import COMPLETED
from hetsched.studies.sums import check_sums, run_sums

PLAN_NAME = "run.json"

AUTO = "auto"
"""The best strategy, whichever that is."""


class RunPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One strategy, carried out under every seed; the scenario lies beside the plan. `policy_files` were given on the
    command line: the folder has copies, and the command that goes on takes the files as they are then. `hetsched` is
    the version that began the run. `auto` is the name of the strategy until a plan has chosen one, with the `planning`
    words of the command line, and `prediction` is what that plan has predicted. `files` are the SHA-256 sums of
    `run_sums`; plans of older versions have none.
    """

    strategy: str
    seeds: list[int]
    policy_files: list[str]
    hetsched: str
    prediction: Prediction | None = None
    planning: list[str] = []
    files: dict[str, str] = {}

    def save(self, folder: Path) -> None:
        write_json(folder / PLAN_NAME, self)

    def with_files(self, folder: Path) -> "RunPlan":
        """The plan of a run of the scenario as it is in the folder now."""
        return replace(self, files=run_sums(folder))

    def check(self, folder: Path) -> None:
        """Raises InputError, naming the file, if the rest of the run would be of another scenario."""
        if self.files:
            check_sums(folder, self.files, run_sums(folder), "run")

    def home(self, folder: Path, seed: int) -> Path:
        """Where the run of a seed has its log."""
        return folder if len(self.seeds) == 1 else folder / f"seed-{seed}"

    def resume_command(self, folder: Path) -> str:
        policies = [word for file in self.policy_files for word in ("--policy-file", file)]
        planning = self.planning if self.strategy == AUTO else []
        return join(["hetsched", "run", "--resume", str(folder), *policies, *planning])

    def begun(self, folder: Path) -> bool:
        """Whether there is anything to go on from."""
        logs = (self.home(folder, seed) / LOG_NAME for seed in self.seeds)
        return any(log.exists() and log.stat().st_size for log in logs)

    def segments_finished(self, folder: Path) -> bool:
        """Whether a segment was finished, so that it is of use to go on."""
        logs = (self.home(folder, seed) / LOG_NAME for seed in self.seeds)
        return any(SEGMENT_ENDED in log.read_bytes() for log in logs if log.exists())


def load_plan(folder: Path) -> RunPlan:
    """Raises InputError, naming the folder, if `hetsched run` did not make it."""
    path = folder / PLAN_NAME
    try:
        plan = msgspec.json.decode(path.read_bytes(), type=RunPlan)
    except OSError as error:
        raise InputError(
            f"--resume {folder}: no run to go on with ({PLAN_NAME}: {error.strerror}); name the results folder of a "
            "'hetsched run', not one inside it"
        ) from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not what 'hetsched run' wrote: {error}{other_version(path)}") from error
    if not plan.seeds:
        raise InputError(f"{path}: expected at least one seed in 'seeds', found none: begin a new run")
    return plan


def is_complete(log: Path) -> bool:
    """Whether a run has nothing left to do."""
    last = None
    for last in read_log(log) if log.exists() else ():  # noqa: B007
        pass
    return isinstance(last, RunEnded) and last.reason == COMPLETED
