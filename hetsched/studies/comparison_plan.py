"""The plan of a `hetsched compare` in its folder (`compare.json`), so that the comparison can go on
after a stop."""

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from shlex import join
from shutil import rmtree
from types import MappingProxyType
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta, Struct

from hetsched.core.log import LOG_NAME
from hetsched.domain.limits import Many, Seeds, StrategyName
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.json_text import decoded
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumptions import assumptions
from hetsched.studies.fan_out import Task, run_folder
from hetsched.studies.json_file import not_as_written, write_json
from hetsched.studies.one_run import RunResult, look_up
from hetsched.studies.results_csv import decided, with_decisions
from hetsched.studies.run_plan import is_complete
from hetsched.studies.run_warnings import of_any_runs
from hetsched.studies.sums import check_sums, scenario_files, sums
from hetsched.version import __version__

PLAN_NAME = "compare.json"
SUITE_PLAN_NAME = "suite.json"


class ComparisonPlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Strategies, the baseline first, and their seeds. "auto": at most `max_seeds`.

    `files` are the SHA-256 sums of the files beside the plan that decide the runs: the scenario and
    all files that it names. `hetsched` is the version that began the comparison. `assumed` is what
    its simulations assume. `warned` has, by strategy, the warnings that hold whatever the runs do.
    `periods` says in words which periods the comparison has set.
    """

    strategies: Annotated[list[StrategyName], Meta(min_length=1)]
    seeds: Seeds | Literal["auto"]
    max_seeds: Many
    files: dict[str, str]
    hetsched: str
    assumed: list[str] = []
    periods: dict[str, str] = {}
    warned: dict[str, str] = {}

    @property
    def asked(self) -> int | None:
        """How many runs were asked for. None: seeds are "auto"."""
        return None if self.seeds == "auto" else len(self.strategies) * len(self.seeds)

    def seeds_from(self, first: int) -> Sequence[int]:
        """The seeds that may be asked for. `first` is the scenario's first seed."""
        return range(first, first + self.max_seeds) if self.seeds == "auto" else self.seeds

    def logs(self, folder: Path, there: Iterable[Path]) -> list[Path]:
        """The logs of the runs that were asked for. If seeds are "auto", the logs of the seeds that
        are in `there`."""
        begun = dict.fromkeys(log.parent.name for log in there)
        seeds = list(begun) if self.seeds == "auto" else [f"seed-{seed}" for seed in self.seeds]
        return [folder / strategy / seed / LOG_NAME for strategy in self.strategies for seed in seeds]

    @classmethod
    def begun(
        cls,
        folder: Path,
        setup: Setup,
        strategies: list[Strategy],
        seeds: list[int] | Literal["auto"],
        max_seeds: int,
        periods: Mapping[str, str] = MappingProxyType({}),
    ) -> Self:
        """The plan of a new comparison, written to its folder. The folder must have the scenario
        already."""
        plan = cls(
            strategies=list(map(str, strategies)),
            seeds=seeds,
            max_seeds=max_seeds,
            files=sums(folder, scenario_files(folder)),
            hetsched=__version__,
            assumed=assumptions(setup, strategies),
            periods=dict(periods),
            warned=of_any_runs(setup, strategies),
        )
        write_json(folder / PLAN_NAME, plan)
        return plan

    def check(self, folder: Path) -> None:
        """Raise InputError if further runs would not be comparable with the present ones."""
        begin = "begin a new comparison"
        if self.hetsched != __version__:
            raise InputError(f"--resume {folder}: begun with hetsched {self.hetsched}, this is {__version__}; {begin}")
        check_sums(folder, self.files, sums(folder, scenario_files(folder)), "comparison")


def resume_command(folder: Path) -> str:
    return join(["hetsched", "compare", "--resume", str(folder)])


def load_plan(folder: Path) -> ComparisonPlan:
    """The plan in the folder. Raises InputError, naming the folder, if `hetsched compare` did not
    make it."""
    path = folder / PLAN_NAME
    try:
        return decoded(path.read_bytes(), ComparisonPlan)
    except OSError as error:
        if (folder / SUITE_PLAN_NAME).is_file():
            command = join(["hetsched", "suite", "--resume", str(folder)])
            raise InputError(f"--resume {folder}: is of several scenarios; go on with: {command}") from error
        raise InputError(
            f"--resume {folder}: no comparison to go on with ({PLAN_NAME}: {error.strerror}); name the results folder "
            "of a 'hetsched compare'"
        ) from error
    except msgspec.DecodeError as error:
        raise not_as_written(path, "'hetsched compare' wrote", error) from error


def finished(folder: Path, setup: Setup, strategies: list[Strategy], seeds: Container[int]) -> dict[Task, RunResult]:
    """The finished runs of the comparison under these seeds. The files of unfinished ones are
    removed.

    Raises InputError for a log of another strategy or seed.
    """
    known, done = decided(folder), {}
    for strategy in strategies:
        for home in sorted((folder / str(strategy)).glob("seed-*")):
            seed = home.name.removeprefix("seed-")
            task = Task(strategy, int(seed)) if seed.isascii() and seed.isdecimal() else None
            if task is None or task.seed not in seeds or home != run_folder(folder, *task) or not home.is_dir():
                continue  # somebody else's, such as a copy
            if is_complete(home / LOG_NAME):
                done[task] = with_decisions(look_up(setup, home / LOG_NAME, task)[0], known, folder)
            else:
                rmtree(home)
    return done


def unreported(folder: Path, setup: Setup, tasks: Iterable[Task]) -> dict[Task, RunResult]:
    """The tasks whose logs are complete. Ctrl-C may come before their processes report them."""
    logs = {task: run_folder(folder, *task) / LOG_NAME for task in tasks}
    return {task: look_up(setup, log, task)[0] for task, log in logs.items() if is_complete(log)}
