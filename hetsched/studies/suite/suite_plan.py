"""The plan of a `hetsched suite` in its folder (`suite.json`), and the finished runs
(`runs.jsonl`)."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import product
from pathlib import Path
from shlex import join
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from hetsched import allocation, scheduling
from hetsched.domain.learning import models
from hetsched.domain.limits import Seeds
from hetsched.domain.registry import Registry
from hetsched.domain.user_files import registered_again
from hetsched.errors import InputError
from hetsched.scenario.json_text import decoded
from hetsched.scenario.policy_files import POLICIES
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.comparison_plan import SUITE_PLAN_NAME
from hetsched.studies.folder import SCENARIOS
from hetsched.studies.json_file import not_as_written, write_json
from hetsched.studies.periods import Fit
from hetsched.studies.suite.record import Cell, Record
from hetsched.studies.sums import check_sums, copied_files, scenario_files, sums
from hetsched.version import __version__

PLAN_NAME = SUITE_PLAN_NAME

RUNS_NAME = "runs.jsonl"


class SuitePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Scenarios, policies and seeds of a suite.

    - `suite`: the version of the set. None: users' own scenarios rank the policies.
    - `scenarios`: by name, the digest of what the scenario simulates
    - `held_out`: scenarios on which the order of the policies is checked
    - `policy_files`: copies in the folder
    - `periods`: by scenario and strategy, the periods that were set to fit a run
    - `assumed`: by scenario of the user, what its simulations assume
    - `rounds`: by scenario of the user and policy, the warning about periods that do not fit
    - `targets`: the scenarios of the user that have a target
    - `files`: the SHA-256 sums of the copies of scenarios and policy files in the folder. The runs
      follow from them.
    """

    suite: str | None
    scenarios: Annotated[dict[str, str], Meta(min_length=1)]
    policies: list[str]
    baseline: str
    seeds: Seeds
    policy_files: list[str]
    periods: dict[str, dict[str, Fit]]
    files: dict[str, str]
    costs: bool = True
    held_out: list[str] = []
    assumed: dict[str, list[str]] = {}
    rounds: dict[str, dict[str, str]] = {}
    targets: list[str] = []
    hetsched: str = __version__

    def __post_init__(self) -> None:
        """Raises ValueError if one field names what another one lacks."""
        if self.baseline not in self.policies:
            raise ValueError(f"baseline: {self.baseline!r} is not in 'policies'")
        if strange := [name for name in (*self.held_out, *self.targets) if name not in self.scenarios]:
            raise ValueError(f"{strange[0]!r} of 'held_out' or 'targets' is not in 'scenarios'")
        if not self.scenarios.keys() - set(self.held_out):
            raise ValueError("held_out: no other scenario is in 'scenarios'")

    @property
    def has_strategies(self) -> bool:
        """Whether a policy is a whole strategy, with workers of its own."""
        return any("+" in name for name in self.policies)

    def cells(self) -> list[Cell]:
        """All runs of the suite."""
        return [Cell(*one) for one in product(self.scenarios, self.policies, self.seeds)]

    def save(self, folder: Path) -> None:
        write_json(folder / PLAN_NAME, self)

    def check(self, folder: Path) -> None:
        """Raise InputError, in words, if further runs would not be comparable with the present
        ones."""
        if self.hetsched != __version__:
            raise InputError(
                f"--resume {folder}: begun with hetsched {self.hetsched}, this is {__version__}; begin a new suite"
            )
        check_sums(folder, self.files, files_in(folder), "suite")


def files_in(folder: Path) -> dict[str, str]:
    """The SHA-256 sums of the copies of scenarios and policy files in a suite's folder."""
    scenarios = [file for path in (folder / SCENARIOS).glob("*") for file in scenario_files(path)]
    return sums(folder, [*scenarios, *copied_files(folder / POLICIES)])


def scenario_in(folder: Path, name: str) -> Path:
    """The path of the copy of a scenario in a suite's folder."""
    return folder / SCENARIOS / name / SCENARIO_NAME


def resume_command(folder: Path) -> str:
    return join(["hetsched", "suite", "--resume", str(folder)])


def digest(setup: Setup) -> str:
    """The SHA-256 sum of all that a scenario simulates: its tables, the step times, the jobs of its
    trace, and the files of policies and options that it names. The code of hetsched is not
    included."""
    parts = (
        setup.scenario.to_toml().encode(),
        *(row.model_dump_json(exclude_none=True).encode() for row in setup.times.rows),
        *(msgspec.json.encode(job) for job in setup.jobs),
        *(file.read_bytes() for file in [*setup.policy_files, *_option_files(setup)]),
    )
    return sha256(b"\n".join(parts)).hexdigest()


def _option_files(setup: Setup) -> Iterator[Path]:
    scenario = setup.scenario
    tables: list[tuple[Registry[Any], Mapping[str, Mapping[str, Any]]]] = [
        (allocation.policies, scenario.allocation),
        (scheduling.policies, scenario.scheduling),
        (models, {scenario.learning.model: scenario.learning.options}),
    ]
    with registered_again(setup.policy_files):
        for registry, table in tables:
            for name, options in table.items():
                yield from map(scenario.path, registry.files(name, options).values())


def load_plan(folder: Path) -> SuitePlan:
    """The plan in the folder. Raises InputError, with the path, if `hetsched suite` did not make
    the folder."""
    path = folder / PLAN_NAME
    try:
        return decoded(path.read_bytes(), SuitePlan)
    except OSError as error:
        raise InputError(
            f"--resume {folder}: no suite to go on with ({PLAN_NAME}: {error.strerror}); name the results folder of a "
            "'hetsched suite'"
        ) from error
    except msgspec.DecodeError as error:
        raise not_as_written(path, "'hetsched suite' wrote", error) from error


class Runs:
    """The finished runs, in a file to which each run is added at its end."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RUNS_NAME

    def add(self, record: Record) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def mend(self) -> None:
        """Remove a last line that was cut off, so that further lines can follow. Only the process
        that carries the suite out may call this: another process may see a line that is being
        written."""
        if self._path.exists():
            text = self._path.read_bytes()
            if len(whole := _whole_lines(text)) < len(text):
                with self._path.open("r+b") as file:
                    file.truncate(len(whole))

    def read(self) -> Iterator[Record]:
        """The runs in the file, without a last line that was cut off. Raises InputError, with file
        and line, for any other line that is no run."""
        if not self._path.exists():
            return
        for number, line in enumerate(_whole_lines(self._path.read_bytes()).splitlines(), start=1):
            try:
                yield decoded(line, Record)
            except msgspec.DecodeError as error:
                raise InputError(
                    f"{self._path}:{number}: not a run of a suite: {error}: remove the line, and the run is simulated "
                    "again"
                ) from error


def _whole_lines(text: bytes) -> bytes:
    return text[: text.rfind(b"\n") + 1]
