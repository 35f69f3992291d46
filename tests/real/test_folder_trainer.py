"""A training of a user's own as a worker trains with it: folders are packed, checked and
unpacked."""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.training import Resources
from hetsched.domain.training_class import source_of
from hetsched.errors import HetschedError, InputError
from real.checkpoints.generations import damage
from real.training.folder_trainer import FolderTrainer, device
from real.training.trainer import CheckpointError, Settings, Trainer, make, writer

SOURCE = '''
import json

class Adds:
    """Adds the rate, iteration by iteration."""
    def __init__(self, options, resources):
        self.step = options.get("step", 1) * 1
        self.resources = resources
    def start(self, hyperparameters, seed):
        self.sum = seed
        self.change(hyperparameters)
    def change(self, hyperparameters):
        self.rate = hyperparameters["optimizer"]["lr"]
        if self.rate < 0:
            raise ValueError("lr is below 0")
    def train(self, iterations):
        self.sum += iterations * self.rate * self.step
    def evaluate(self):
        return {"sum": self.sum}
    def save(self, folder):
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "empty").mkdir()
        (folder / "deep" / "er" / "sum.json").write_text(json.dumps(self.sum))
    def load(self, folder):
        assert (folder / "empty").is_dir()
        self.sum = json.loads((folder / "deep" / "er" / "sum.json").read_text())
'''
WORKER = Worker(WorkerId("a/cpu0"), NodeId("a"), "cpu", 1)
LR = {"optimizer.lr": 2}


def trainer(folder: Path, source: str = SOURCE, options: Mapping[str, Any] | None = None) -> FolderTrainer:
    (folder / "adds.py").write_text(source)
    return FolderTrainer(source_of("adds.py:Adds", folder), options or {}, Resources("cpu", 1, 0.0))


def changed(old: str, new: str) -> str:
    assert SOURCE.count(old) == 1
    return SOURCE.replace(old, new)


def test_it_goes_on_from_files_and_snapshots_under_new_hyperparameters(tmp_path: Path) -> None:
    first = trainer(tmp_path)
    first.reset(LR, 100)
    first.train(3, None, 1)
    first.save(tmp_path / "x.pt")
    snapshot = first.snapshot()
    first.write(snapshot, tmp_path / "y.pt")
    first.configure({"optimizer.lr": 5})
    first.train(1, None, 1)
    assert first.evaluate() == {"sum": 111.0}
    assert damage(tmp_path / "x.pt") is None and damage(tmp_path / "y.pt") is None
    bringing: list[Callable[[FolderTrainer], object]] = [
        lambda t: t.load(tmp_path / "x.pt", {"optimizer.lr": 7}, 1),
        lambda t: t.load(tmp_path / "y.pt", {"optimizer.lr": 7}, 1),
        lambda t: t.take_up(snapshot, {"optimizer.lr": 7}, 1),
    ]
    for bring in bringing:
        second = trainer(tmp_path)
        bring(second)
        second.train(1, None, 1)
        assert second.evaluate() == {"sum": 113.0}
    assert not [path for path in tmp_path.iterdir() if "unfinished" in path.name]


def test_a_trainer_is_what_a_worker_makes_of_settings(tmp_path: Path) -> None:
    """The file is gone by then: its text is in the settings. Whoever only writes makes no
    training."""
    (tmp_path / "adds.py").write_text(SOURCE)
    settings = Settings("Adds", "own", 1, training=source_of("adds.py:Adds", tmp_path), options={"step": 10})
    (tmp_path / "adds.py").unlink()
    made: Trainer = make(settings, WORKER, 1)
    made.reset(LR, 0)
    made.train(1, None, 1)
    assert made.evaluate() == {"sum": 20.0}
    broken = Settings("Adds", "own", 1, training=settings.training, options={"step": None})
    writer(broken, WORKER)(made.snapshot(), tmp_path / "z.pt")
    made.load(tmp_path / "z.pt", LR, 0)
    assert made.evaluate() == {"sum": 20.0}


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def turn_over(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        [info] = [info for info in archive.infolist() if info.file_size]
        at = info.header_offset + 30 + len(info.filename)
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("break_it", [cut, turn_over, Path.unlink, lambda file: file.write_bytes(b"")])
def test_a_damaged_file_is_not_loaded(break_it: Any, tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.reset(LR, 100)
    made.save(tmp_path / "x.pt")
    break_it(tmp_path / "x.pt")
    assert damage(tmp_path / "x.pt") is not None
    with pytest.raises(CheckpointError, match=r"checkpoint .*/x.pt cannot be unpacked \("):
        made.load(tmp_path / "x.pt", LR, 1)


def test_the_same_state_is_the_same_bytes_but_for_times(tmp_path: Path) -> None:
    """Nothing but the user's files is in the archive, stored as they are."""
    made = trainer(tmp_path)
    made.reset(LR, 100)
    made.save(tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        assert archive.namelist() == ["deep/", "empty/", "deep/er/", "deep/er/sum.json"]
        assert archive.read("deep/er/sum.json") == b"100"
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def test_pace(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.reset(LR, 0)
    start = time.perf_counter()
    made.train(4, 0.5, 1)
    assert time.perf_counter() - start >= 2.0
    start = time.perf_counter()
    made.train(4, None, 1)
    assert time.perf_counter() - start < 2.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('(folder / "deep" / "er" / "sum.json").write_text(json.dumps(self.sum))', "pass", "save wrote no file into"),
        ('return {"sum": self.sum}', "return None", "evaluate returned None, expected names with numbers"),
        ('return {"sum": self.sum}', "return {}", "evaluate returned {}, expected names with numbers"),
        ('return {"sum": self.sum}', 'return {"sum": "3"}', "evaluate returned {'sum': '3'}, expected names"),
        ('["optimizer"]', '["optimiser"]', "start refused {'optimizer.lr': 2} in adds.py:13: KeyError: 'optimiser'"),
    ],
)
def test_what_every_attempt_would_repeat_ends_the_run(old: str, new: str, said: str, tmp_path: Path) -> None:
    made = trainer(tmp_path, changed(old, new))

    def segment() -> None:
        made.reset(LR, 100)
        made.evaluate()
        made.snapshot()

    with pytest.raises(InputError) as raised:
        segment()
    assert str(raised.value).startswith(f"adds.py:Adds: {said}")
    assert "\n" not in str(raised.value)


def test_what_is_refused_is_named(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.reset(LR, 0)
    with pytest.raises(InputError, match=r"change refused {'optimizer.lr': -1} in adds.py:15: ValueError: lr is below"):
        made.configure({"optimizer.lr": -1})
    with pytest.raises(InputError, match=r"training.options refused {'step': None} in adds.py:7: TypeError"):
        trainer(tmp_path, options={"step": None})


def test_a_class_that_a_worker_cannot_import_is_a_fault_of_its_node(tmp_path: Path) -> None:
    """The driver has imported it before; another node may lack a package."""
    (tmp_path / "adds.py").write_text("import nothing_there\n" + SOURCE)
    source = source_of("adds.py:Adds", tmp_path)
    with pytest.raises(HetschedError, match="training.class on worker 'a/cpu0': adds.py: cannot be imported") as raised:
        FolderTrainer.on_worker(source, {}, WORKER, 1)
    assert not isinstance(raised.value, InputError)


def test_devices() -> None:
    assert device(WORKER) == "cpu"
    gpu = Worker(WorkerId("a/gpu0"), NodeId("a"), "v100", 1, 1.0)
    assert device(gpu) == "cuda"  # a node that says it has one; the training finds out


def test_a_training_without_torch_is_made_without_torch(tmp_path: Path) -> None:
    """In a new process: what an actor imports and makes."""
    (tmp_path / "adds.py").write_text(SOURCE)
    program = f"""
import json, sys
import real.tune.actor
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.domain.training_class import source_of
from real.training.trainer import Settings, make
from pathlib import Path
settings = Settings("Adds", "own", 1, training=source_of("adds.py:Adds", Path({str(tmp_path)!r})))
made = make(settings, Worker(WorkerId("a/cpu0"), NodeId("a"), "cpu", 1), 1)
made.reset({{"optimizer.lr": 1}}, 0)
made.take_up(made.snapshot(), {{"optimizer.lr": 1}}, 0)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "ray" in loaded
    assert not {"torch", "torchvision", "simpy"} & loaded
