"""The plan of a `hetsched run` in its folder (`run.json`), so that `hetsched run --resume` can go
on."""

from pathlib import Path
from shlex import join

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.events import COMPLETED, RunEnded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.limits import Seed
from hetsched.domain.prediction import Prediction
from hetsched.errors import InputError
from hetsched.scenario.json_text import decoded
from hetsched.studies.folder import SEGMENT_ENDED
from hetsched.studies.json_file import not_as_written, write_json
from hetsched.studies.sums import check_sums, run_sums

PLAN_NAME = "run.json"

AUTO = "auto"
"""The name of the strategy before a plan has chosen the best one."""


class RunPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """One strategy, carried out under every seed. The scenario is beside the plan.

    - `strategy`: "auto" until a plan has chosen one
    - `policy_files`: files of the command line. The folder has copies. The command that goes on
      reads the files as they are then.
    - `hetsched`: the version that began the run
    - `prediction`: what the plan that chose the strategy predicted
    - `assumed`: what the prediction assumes
    - `planning`: the words of the command line for that plan
    - `files`: the SHA-256 sums of `run_sums`. Plans of older versions have none.
    """

    strategy: str
    seeds: list[Seed]
    policy_files: list[str]
    hetsched: str
    prediction: Prediction | None = None
    planning: list[str] = []
    files: dict[str, str] = {}
    assumed: list[str] = []

    def save(self, folder: Path) -> None:
        write_json(folder / PLAN_NAME, self)

    def with_files(self, folder: Path) -> "RunPlan":
        """The plan with the sums of the files that are in the folder now."""
        return replace(self, files=run_sums(folder))

    def check(self, folder: Path) -> None:
        """Raise InputError, with the path of the file, if the rest of the run would be of another
        scenario."""
        if self.files:
            check_sums(folder, self.files, run_sums(folder), "run")

    def home(self, folder: Path, seed: int) -> Path:
        """The folder of the log of the run under this seed."""
        return folder if len(self.seeds) == 1 else folder / f"seed-{seed}"

    def resume_command(self, folder: Path) -> str:
        policies = [word for file in self.policy_files for word in ("--policy-file", file)]
        planning = self.planning if self.strategy == AUTO else []
        return join(["hetsched", "run", "--resume", str(folder), *policies, *planning])

    def begun(self, folder: Path) -> bool:
        """Whether a log has any content, so that the run can go on."""
        logs = (self.home(folder, seed) / LOG_NAME for seed in self.seeds)
        return any(log.exists() and log.stat().st_size for log in logs)

    def segments_finished(self, folder: Path) -> bool:
        """Whether a segment was finished, so that going on saves work."""
        logs = (self.home(folder, seed) / LOG_NAME for seed in self.seeds)
        return any(SEGMENT_ENDED in log.read_bytes() for log in logs if log.exists())


def load_plan(folder: Path) -> RunPlan:
    """The plan in the folder. Raises InputError, with the path, if `hetsched run` did not make the
    folder."""
    path = folder / PLAN_NAME
    try:
        plan = decoded(path.read_bytes(), RunPlan)
    except OSError as error:
        raise InputError(
            f"--resume {folder}: no run to go on with ({PLAN_NAME}: {error.strerror}); name the results folder of a "
            "'hetsched run', not one inside it"
        ) from error
    except msgspec.DecodeError as error:
        raise not_as_written(path, "'hetsched run' wrote", error) from error
    if not plan.seeds:
        raise InputError(f"{path}: expected at least one seed in 'seeds', found none: begin a new run")
    return plan


def is_complete(log: Path) -> bool:
    """Whether the run of the log has nothing left to do."""
    last = None
    for last in read_log(log) if log.exists() else ():  # noqa: B007
        pass
    return isinstance(last, RunEnded) and last.reason == COMPLETED
