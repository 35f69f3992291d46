"""Results folders: they are never shared nor written to twice; a run that could not begin leaves nothing behind."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from hetsched.errors import InputError
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies import run as study
from hetsched.studies.folder import new_folder
from tests.conftest import make_setup

AT_ONCE = 8


def taken(make: Callable[[], object]) -> str | None:
    """Why the folder could not be had; None if it could."""
    try:
        make()
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("is_there", [False, True])
def test_of_several_that_want_a_folder_at_once_one_gets_it(is_there: bool, tmp_path: Path) -> None:
    setup, start = make_setup(), Barrier(AT_ONCE)
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        if is_there:
            folder.mkdir()

        def make(folder: Path = folder) -> str | None:
            start.wait()
            return taken(lambda: new_folder(folder, setup))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = [each.result() for each in [pool.submit(make) for _ in range(AT_ONCE)]]
        assert said.count(None) == 1
        assert set(said) - {None} == {f"{folder}: is not empty, and results are never overwritten; name a new folder"}
        assert (folder / SCENARIO_NAME).stat().st_size > 0


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("kept")
    assert taken(lambda: new_folder(tmp_path / "results", make_setup())) == (
        f"{tmp_path / 'results'}: is a file; name a new folder"
    )
    assert "cannot be made" in str(taken(lambda: new_folder(tmp_path / "results" / "x", make_setup())))
    assert (tmp_path / "results").read_text() == "kept"


@pytest.mark.parametrize("error", [InputError("there is no cluster"), KeyboardInterrupt()])
@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("there", ["made", "not made"])
def test_a_run_that_could_not_begin_leaves_the_folder_as_it_was(
    there: str, seeds: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(backend: str, setup: Any, strategy: Any, seed: int, home: Path, listen: Any) -> None:
        home.mkdir(parents=True, exist_ok=True)
        (home / "events.jsonl").touch()
        assert (tmp_path / "out" / "scenario.toml").exists()
        raise error

    monkeypatch.setattr(study, "carry_out", refuse)
    folder = tmp_path / "out"
    if there == "made":
        folder.mkdir()
    with pytest.raises(type(error)):
        study.run(make_setup(), "fusion+fifo", seeds, folder)
    assert folder.exists() == (there == "made")
    assert not folder.exists() or not list(folder.iterdir())
