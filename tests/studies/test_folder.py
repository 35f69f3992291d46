"""Results folders: what a run that could not begin leaves behind."""

from pathlib import Path
from typing import Any

import pytest

from hetsched.errors import InputError
from hetsched.studies import run as study
from tests.conftest import make_scenario


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
        study.run(make_scenario(), "fusion+fifo", seeds, folder)
    assert folder.exists() == (there == "made")
    assert not folder.exists() or not list(folder.iterdir())
