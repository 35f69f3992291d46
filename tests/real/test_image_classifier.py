"""The built-in networks are a training like any other."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

import hetsched
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.training import Resources
from hetsched.domain.training_class import source_of
from hetsched.errors import InputError
from real.training.folder_trainer import FolderTrainer
from real.training.trainer import Settings
from real.training.training import Training

CLASS = "real.training.image_classifier:ImageClassifier"
OPTIONS = {"model": "linear", "dataset": "synthetic", "batch_size": 8, "train_images": 64, "evaluation_images": 40}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "linear.py").write_text(
        "from torch import nn\nfrom real.training.models import register\n\n"
        "@register('linear')\ndef linear(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(3 * 32 * 32, classes))\n"
    )
    return {**OPTIONS, "model_file": str(tmp_path / "linear.py")}


def test_it_passes_the_check(options: dict[str, object]) -> None:
    hetsched.check_training(
        CLASS, options, {"lr": 0.01, "momentum": 0.9}, changed={"lr": 0.1, "momentum": 0.1}, iterations=20
    )


def test_it_trains_as_the_shorter_way_does(options: dict[str, object], tmp_path: Path) -> None:
    worker = Worker(WorkerId("a/cpu0"), NodeId("a"), "cpu", 1)
    packed = FolderTrainer.on_worker(source_of(CLASS), options, worker, 1)
    direct = Training(Settings("linear", "synthetic", 8, None, 64, 40, tmp_path / "linear.py"))
    for trainer in (packed, direct):
        trainer.reset({"lr": 0.01}, 3)
        trainer.train(5, None, 8)
        trainer.save(tmp_path / "x.pt")
        trainer.load(tmp_path / "x.pt", {"lr": 0.1}, 3)
        trainer.train(5, None, 8)
    assert packed.evaluate() == direct.evaluate()


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(InputError, match="training.options refused .*: no option 'modle': did you mean 'model'"):
        FolderTrainer(source_of(CLASS), {"modle": "resnet18"}, Resources("cpu", 1, 0.0))
