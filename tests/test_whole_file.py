"""Files that are rewritten are whole: the old one or the new one."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from hetsched.scenario.profile_files import write_profile
from hetsched.studies.json_file import write_json
from tests.conftest import make_setup, profile_row


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("run.json", lambda folder: write_json(folder / "run.json", {"seeds": [1, 2, 3]})),
        ("measured.csv", lambda folder: write_profile(folder / "measured.csv", [profile_row(cores=1)])),
        ("scenario.toml", lambda folder: make_setup().save(folder)),
    ],
)
def test_a_file_that_cannot_be_rewritten_is_as_it_was(
    name: str, write: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the plan of a run, its scenario and what was profiled so far were lost."""
    write(tmp_path)
    before = (tmp_path / name).read_bytes()
    assert before

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as raised:
        write(tmp_path)
    assert Path(str(raised.value.filename)).name in {name, "profile.csv"}
    assert (tmp_path / name).read_bytes() == before
    assert not list(tmp_path.glob("*.unfinished")) and not list(tmp_path.glob(".*"))
