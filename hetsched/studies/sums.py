"""Whether the files that decide the runs of a study are as they were when the study began."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from hetsched.errors import InputError
from hetsched.scenario.policy_files import OPTIONS, POLICIES, SUMS, TRAINING
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.scenario.toml_file import read_toml
from hetsched.studies.results_csv import RESULTS_NAME


def scenario_files(folder: Path) -> list[Path]:
    """The scenario that is saved in the folder, and all files that it names. Results are not
    included."""
    copies = [file for each in (POLICIES, TRAINING, OPTIONS) for file in copied_files(folder / each)]
    return [folder / SCENARIO_NAME, *_tables(folder), *copies]


def run_sums(folder: Path) -> dict[str, str]:
    """The SHA-256 sums of the files from which a real run's decisions follow, by path in the
    folder.

    These files are the profile, the curves, the trace, the files that options name, and the
    scenario. The scenario's table `real` is left out: it says where the run is carried out. The
    copies of a training and of policies are left out: they may be mended before the run goes on.
    """
    files = sums(folder, [*_tables(folder), *copied_files(folder / OPTIONS)])
    scenario = read_toml(folder / SCENARIO_NAME, "scenario")
    scenario.pop("real", None)
    return {SCENARIO_NAME: sha256(msgspec.json.encode(scenario, order="sorted")).hexdigest(), **files}


def _tables(folder: Path) -> list[Path]:
    """The profile, the curves and the trace that the scenario in the folder names. Results are left
    out."""
    return [file for file in folder.glob("*.csv") if file.name != RESULTS_NAME]


def copied_files(folder: Path) -> list[Path]:
    """The copies of users' files in a folder of such copies."""
    found = (file for file in folder.rglob("*") if file.is_file())
    return [file for file in found if file.name != SUMS and file.suffix != ".pyc"]


def sums(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 sums of the files, by path in the folder. Files that are gone are left out."""
    there = sorted(file for file in files if file.is_file())
    return {str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest() for file in there}


def check_sums(folder: Path, before: Mapping[str, str], now: Mapping[str, str], study: str) -> None:
    """Raises InputError, naming the file, if one has changed, is gone or is new since the `study`
    began."""
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            what = "is gone" if name not in now else "is new" if name not in before else "has changed"
            raise InputError(
                f"{folder / name}: {what} since the {study} began, so what follows would be of another scenario; put "
                f"the file back, or begin a new {study}"
            )
