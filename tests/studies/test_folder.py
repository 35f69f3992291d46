"""Results folders: they are never shared nor written to twice; a run that could not begin leaves
nothing behind."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from hetsched.core.dispatcher import Listener
from hetsched.core.events import Event, SegmentEnded, SegmentStarted
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies import run as study
from hetsched.studies.folder import new_folder
from hetsched.studies.simulate import simulate
from hetsched.studies.watching import Watch
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


def ctrl_c_at(kind: type[Event] | None) -> Watch:
    """Ctrl-C at the first event of that kind, or before the run begins."""

    @contextmanager
    def watch(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[Listener]:
        def listen(state: State, event: Event) -> None:
            if type(event) is kind:
                raise KeyboardInterrupt

        if kind is None:
            raise KeyboardInterrupt
        yield listen

    return watch


@pytest.mark.parametrize("is_there", [False, True])
def test_ctrl_c_says_what_is_left(is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It said that something was finished where nothing was."""
    monkeypatch.chdir(tmp_path)
    said = {}
    for kind in (None, SegmentStarted, SegmentEnded):
        out = Path("out", str(kind and kind.__name__))
        out.parent.mkdir(exist_ok=True)
        if is_there:
            out.mkdir()
        with pytest.raises(KeyboardInterrupt) as stopped:
            simulate(make_setup(), "fusion+fifo", folder=out, watch=ctrl_c_at(kind))
        said[kind] = getattr(stopped.value, "__notes__", [])
    assert said == {
        None: [],
        SegmentStarted: [
            "no segment was finished, so start again in another folder; out/SegmentStarted says what happened"
        ],
        SegmentEnded: ["what was finished is in out/SegmentEnded", "report: hetsched report out/SegmentEnded"],
    }
    assert Path("out/None").exists() == is_there and not list(Path("out").glob("None/*"))


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
