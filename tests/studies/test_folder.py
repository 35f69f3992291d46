"""Results folders are never shared, nor written to twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from hetsched.errors import InputError
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.folder import new_folder
from tests.conftest import make_scenario

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
    setup, start = make_scenario(), Barrier(AT_ONCE)
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
    assert taken(lambda: new_folder(tmp_path / "results", make_scenario())) == (
        f"{tmp_path / 'results'}: is a file; name a new folder"
    )
    assert "cannot be made" in str(taken(lambda: new_folder(tmp_path / "results" / "x", make_scenario())))
    assert (tmp_path / "results").read_text() == "kept"
