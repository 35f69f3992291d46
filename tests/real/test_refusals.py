"""What a real run is refused for before Ray starts."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("ray")

from hetsched.cli.main import main
from real.cluster import ray_cluster
from tests.conftest import make_setup, profile_row


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run, and where Ray must not be started."""

    def start(*_: Any, **__: Any) -> None:
        pytest.fail("Ray was started")

    monkeypatch.setattr(ray_cluster, "connect", start)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "mine.py").write_text("def mlp(classes): ...\n")
    return tmp_path


def scenario(model: str = "resnet18", dataset: str = "parquet", **real: Any) -> None:
    rows = [profile_row("cpu", seconds=0.1, model=model, dataset=dataset, batch_size=8)]
    made = make_setup([{"name": "a", "cores": 1}], rows, model=model, dataset=dataset, batch_size=8)
    made.replace(real=made.scenario.real.model_copy(update=real)).save(Path("given"))


def test_a_folder_without_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was looked for by the workers, a minute later."""
    scenario()
    words = ["run", "given/scenario.toml", "--strategy", "fusion+fifo", "--data-dir", "data"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "no train-*.parquet under" in said and "data" in said
    assert "--resume" not in said
    assert not list(folder.glob("results/*"))


@pytest.mark.parametrize("model", ["mlp", "resnet18"])
def test_a_model_file_that_registers_nothing(model: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Though a model of that name comes with hetsched: it would be trained instead of the user's."""
    scenario(model, "synthetic", model_file=str(folder / "mine.py"))
    for words in (["run", "given/scenario.toml", "--strategy"], ["validate", "given/scenario.toml", "--strategies"]):
        assert main([*words, "fusion+fifo", "--out", "out"]) == 2
        assert "mine.py: registers no model; put @register(NAME) before" in capsys.readouterr().err
        assert not (folder / "out").exists()
