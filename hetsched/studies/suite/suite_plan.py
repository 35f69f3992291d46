"""What `hetsched suite` set out to do in its folder (`suite.json`), and the runs that are finished (`runs.jsonl`)."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import product
from pathlib import Path
from shlex import join

import msgspec
from msgspec import Struct

from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.json_file import other_version, write_json
from hetsched.studies.suite.record import Cell, Record
from hetsched.version import __version__

PLAN_NAME = "suite.json"

RUNS_NAME = "runs.jsonl"


class SuitePlan(Struct, frozen=True, forbid_unknown_fields=True):
    """Scenarios with the digests of what they simulate, policies and seeds. `suite` is the version of the set, None
    where scenarios of one's own take part, which are in `files`. `held_out` are those of the scenarios that say whether
    an order holds elsewhere. `policy_files` are copies in the folder."""

    suite: str | None
    scenarios: dict[str, str]
    files: dict[str, str]
    policies: list[str]
    baseline: str
    seeds: list[int]
    policy_files: list[str]
    use_cached: bool
    costs: bool = True
    held_out: list[str] = []
    hetsched: str = __version__

    def cells(self) -> list[Cell]:
        """All runs of the suite."""
        return [Cell(*one) for one in product(self.scenarios, self.policies, self.seeds)]

    def save(self, folder: Path) -> None:
        write_json(folder / PLAN_NAME, self)

    def check(self, folder: Path, scenarios: Mapping[str, Setup]) -> None:
        """Raises InputError, in words, if further runs would not be comparable with those that are there."""
        begin = "begin a new suite"
        if self.hetsched != __version__:
            raise InputError(f"--resume {folder}: begun with hetsched {self.hetsched}, this is {__version__}; {begin}")
        for name, wanted in self.scenarios.items():
            if digest(scenarios[name]) != wanted:
                raise InputError(f"--resume {folder}: the scenario {name!r} has changed since the suite began; {begin}")


def resume_command(folder: Path) -> str:
    return join(["hetsched", "suite", "--resume", str(folder)])


def digest(setup: Setup) -> str:
    """The SHA-256 sum of all that a scenario simulates: its tables, the step times and the jobs of its trace."""
    parts = (
        setup.scenario.to_toml().encode(),
        *(row.model_dump_json().encode() for row in setup.times.rows),
        *(msgspec.json.encode(job) for job in setup.jobs),
    )
    return sha256(b"\n".join(parts)).hexdigest()


def load_plan(folder: Path) -> SuitePlan:
    """Raises InputError, naming the folder, if `hetsched suite` did not make it."""
    path = folder / PLAN_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=SuitePlan)
    except OSError as error:
        raise InputError(
            f"--resume {folder}: no suite to go on with ({PLAN_NAME}: {error.strerror}); name the results folder of a "
            "'hetsched suite'"
        ) from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not what 'hetsched suite' wrote: {error}{other_version(path)}") from error


class Runs:
    """The runs that are finished, in a file to which each is added when it is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RUNS_NAME

    def add(self, record: Record) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def read(self) -> Iterator[Record]:
        """A last line that was cut off is removed. Raises InputError, naming file and line, for any other that is no
        run."""
        if not self._path.exists():
            return
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            self._path.write_bytes(whole)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                yield msgspec.json.decode(line, type=Record)
            except msgspec.DecodeError as error:
                raise InputError(f"{self._path}:{number}: not a run of a suite: {error}") from error
