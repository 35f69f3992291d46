"""A results folder is carried out by one process at a time."""

import errno
import fcntl
from pathlib import Path

import pytest

import hetsched
from hetsched.studies.record import record
from hetsched.studies.recording_plan import RecordingPlan
from hetsched.studies.run_plan import AUTO, RunPlan
from hetsched.studies.sole_owner import sole_owner, sole_writer
from tests.conftest import make_setup


def test_a_run_that_is_being_planned_is_not_resumed_beside_it(tmp_path: Path) -> None:
    """Both planned, and the second wrote another strategy over that of the first."""
    RunPlan(AUTO, [0], [], "1").save(tmp_path)
    with sole_owner(tmp_path, "run"), pytest.raises(hetsched.InputError, match="another process is carrying this run"):
        hetsched.resume(tmp_path)
    with sole_owner(tmp_path, "run"):  # the lock is gone with its owner
        pass


def test_two_processes_do_not_record_into_one_file(tmp_path: Path) -> None:
    """Each wrote the file anew from the recordings that it knew, and took away those of the other."""
    [experiment] = make_setup().workload.experiments
    plan = RecordingPlan(experiment, "accuracy", 4, 20, 10, 0, 0.0, 0)
    out = tmp_path / "recordings.csv"
    with (
        sole_writer(out, "recording"),
        pytest.raises(hetsched.InputError, match=r"recordings.csv: another process is carrying this recording out"),
    ):
        record(plan, out, lambda *_: None)
    assert not list(tmp_path.iterdir()), "the lock is gone with its owner"


def test_a_disk_without_locks_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with sole_owner(tmp_path, "run"):
        pass
