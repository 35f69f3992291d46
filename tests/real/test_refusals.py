"""What a real run is refused for before Ray starts."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("ray")

from hetsched.cli.main import main
from real.cluster import ray_cluster
from tests.conftest import make_setup, profile_row
from tests.domain.test_training_class import MINE


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


def scenario(
    model: str = "resnet18", dataset: str = "parquet", training: dict[str, Any] | None = None, **real: Any
) -> None:
    rows = [profile_row("cpu", seconds=0.1, model=model, dataset=dataset, batch_size=8)]
    made = make_setup([{"name": "a", "cores": 1}], rows, model=model, dataset=dataset, batch_size=8)
    table = made.scenario.real.model_copy(update=real)
    made.replace(real=table, **({"training": training} if training else {})).save(Path("given"))


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
    """Though a model of that name comes with hetsched: it would be trained instead of the
    user's."""
    scenario(model, "synthetic", model_file=str(folder / "mine.py"))
    for words in (["run", "given/scenario.toml", "--strategy"], ["validate", "given/scenario.toml", "--strategies"]):
        assert main([*words, "fusion+fifo", "--out", "out"]) == 2
        assert "mine.py: registers no model; put @register(NAME) before" in (said := capsys.readouterr().err)
        assert "run 'hetsched plan SCENARIO'" in said
        assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def save(", "def safe(", "a training has a method 'save', and there is none; did you mean 'save' by 'safe'?"),
        ("class Mine", "class Other", "there is no class 'Mine': known: Other"),
        ("class Mine", "import no_such_package\nclass Mine", "cannot be imported in mine.py:2: No module named"),
    ],
)
def test_a_training_that_is_none(
    old: str, new: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(MINE.replace(old, new))
    scenario("Mine", "own", training={"class": "mine.py:Mine"})
    for words in (["run", "given/scenario.toml", "--strategy"], ["validate", "given/scenario.toml", "--strategies"]):
        assert main([*words, "fusion+fifo", "--out", "out"]) == 2
        *_, line = capsys.readouterr().err.splitlines()
        assert "training.class: training/mine.py" in line and said in line
        assert not (folder / "out").exists()


def test_a_pace_that_nobody_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The worker's actor ended in a KeyError. The profile knows the model on the other node."""
    nodes = [{"name": "a", "cores": 1, "pace": True}, {"name": "b", "cores": 2, "pace": True}]
    rows = [profile_row("cpu", seconds=0.1, dataset="synthetic", batch_size=8)]
    made = make_setup(nodes, rows, dataset="synthetic", batch_size=8)
    made.save(Path("given"))
    assert main(["run", "given/scenario.toml", "--strategy", "fusion+fifo", "--out", "out"]) == 2
    said = capsys.readouterr().err
    assert "cluster.nodes.b.pace: the profile has no row of a worker of 2 cpu, so its pace is unknown" in said
