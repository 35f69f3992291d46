"""`results.csv`, as it is read again."""

import csv
from errno import ENOSPC
from pathlib import Path

import pytest

from hetsched.errors import InputError
from hetsched.studies.results import load_results
from hetsched.studies.results_csv import RESULTS_NAME, decided, write_results_csv
from hetsched.studies.simulate import simulate
from tests.conftest import make_setup


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    simulate(make_setup(population=2, stop_iterations=20), "fusion+fifo", folder=tmp_path / "study")
    return tmp_path / "study"


def test_what_decisions_took_is_read_again(folder: Path) -> None:
    [(log, found)] = decided(folder).items()
    assert (folder / log).is_file() and found.decisions > 0 and found.decision_s >= 0.0


@pytest.mark.parametrize("damage", ["a column is gone", "a word for a number", "not UTF-8"])
def test_a_damaged_file_is_named(damage: str, folder: Path) -> None:
    content = (folder / RESULTS_NAME).read_bytes()
    head, row = content.splitlines()
    damaged = {
        "a column is gone": content.replace(b"decision_s", b"seconds"),
        "a word for a number": head + b"\n" + b",".join([b"n/a"] * len(row.split(b","))) + b"\n",
        "not UTF-8": content.replace(b"fusion", b"\xb5"),
    }
    (folder / RESULTS_NAME).write_bytes(damaged[damage])
    with pytest.raises(InputError, match=RESULTS_NAME):
        decided(folder)


def test_the_file_is_there_as_a_whole_or_as_before(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, runs = decided(folder), load_results(folder).runs

    def fails(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(csv.DictWriter, "writerows", fails)
    with pytest.raises(OSError, match="No space"):
        write_results_csv(folder, sim=runs)
    assert decided(folder) == before != {}
