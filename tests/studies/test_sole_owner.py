"""A results folder is carried out by one process at a time."""

import errno
import fcntl
from pathlib import Path

import pytest

import hetsched
from hetsched.studies.run_plan import AUTO, RunPlan
from hetsched.studies.sole_owner import sole_owner


def test_a_run_that_is_being_planned_is_not_resumed_beside_it(tmp_path: Path) -> None:
    """Both planned, and the second wrote another strategy over that of the first."""
    RunPlan(AUTO, [0], [], "1").save(tmp_path)
    with sole_owner(tmp_path, "run"), pytest.raises(hetsched.InputError, match="another process is carrying this run"):
        hetsched.resume(tmp_path)
    with sole_owner(tmp_path, "run"):  # the lock is gone with its owner
        pass


def test_a_disk_without_locks_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with sole_owner(tmp_path, "run"):
        pass
