"""What a worker trains trials with: the protocol, and which trainer trains which model.

`real.training.training.Training` trains the networks of `real.training.models`. A trainer of one's own trains
whatever it likes: the file that a scenario names as `real.model_file` registers it under the name of a model.

    @trainers.register("my-model")
    class MyTrainer:
        def __init__(self, settings: Settings, worker: Worker, threads: int) -> None: ...

This module imports neither Ray nor torch, so that a worker imports what its trainer needs and no more.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from hetsched.domain.cluster import CPU, Worker
from hetsched.domain.entry_points import needed_for
from hetsched.domain.registry import Registry, load_file
from hetsched.domain.training_class import TrainingSource, training_class
from hetsched.domain.workload import Experiment, SpeedUp
from hetsched.errors import HetschedError, InputError, nearest

Snapshot = dict[str, Any]
"""A trial's state: NumPy arrays, numbers and text in dicts and lists, as Ray's object store holds them."""


class CheckpointError(HetschedError):
    """A checkpoint cannot be used; the message names the file."""


@dataclass(frozen=True)
class Settings:
    """What is trained, apart from its hyperparameters. `batch_size` is the largest that any trial uses.

    `train_images` and `evaluation_images` limit how many images are used (None: all of them). `model_file` registers
    models and trainers, and is to be found under that name wherever this is trained. With `augment`, training
    images are cropped and mirrored at random (`real.training.augmentation`). `speed_ups`: see
    `hetsched.domain.workload.SpeedUp`. With a `training` of a user's own, which is made with `options`, all but these
    two is of no matter.
    """

    model: str
    dataset: str
    batch_size: int
    data_dir: Path | None = None
    train_images: int | None = None
    evaluation_images: int | None = None
    model_file: Path | None = None
    augment: bool = False
    speed_ups: tuple[SpeedUp, ...] = ()
    training: TrainingSource | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)


class Trainer(Protocol):
    """Trains one trial at a time, for whichever trial was brought last by `reset`, `load` or `take_up`.

    A worker makes one trainer, called with `Settings`, a `Worker` and how many CPU threads it may use, and keeps it.
    To make one raises ValueError or InputError for settings that cannot be trained with: the run then ends at once.
    """

    def reset(self, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Start a trial: its weights are a function of `seed`, and no iterations are done."""

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        """Go on with the trial that is here, under these hyperparameters."""

    def train(self, iterations: int, pace_s: float | None, batch_size: int) -> object:
        """Do that many iterations; with `pace_s`, slowed to at least so many seconds each."""

    def evaluate(self) -> Mapping[str, float]:
        """Return metrics of the weights by their names, among them that of the experiment. What is not finite counts
        as not known, and ranks last."""

    def snapshot(self) -> Snapshot:
        """Return a copy of the trial's state, which later training does not change."""

    def take_up(self, snapshot: Snapshot, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Go on from a snapshot of the trial or, after an exploit, of another trial.

        `hyperparameters` and `seed` are those of the trial that goes on. The arrays of the snapshot may lie in shared
        memory, and are not to be written to.
        """

    def save(self, path: Path) -> object:
        """Write the trial's state to a file, which appears under its name only when it is complete.

        Raises OSError, which names the file, if it cannot be written. The context
        manager `real.checkpoints.checkpoint_file.complete` sees to both. The file should be a zip archive, as
        NumPy and PyTorch write: a run checks its checksums when it cannot be loaded.
        """

    def load(self, path: Path, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Go on from a file, as in `take_up`. Raises CheckpointError if it is missing or damaged."""

    def write(self, snapshot: Snapshot, path: Path) -> object:
        """Write a snapshot to a file as `save` would have. Other threads may train meanwhile."""


METHODS = ("reset", "configure", "train", "evaluate", "snapshot", "take_up", "save", "load", "write")

OWN_MODELS = ("resnet18", "resnet18-cifar", "resnet50", "vit-tiny", "small-cnn")
"""The names of the models in `real.training.models`, without importing torch."""

trainers: Registry[Trainer] = Registry("trainer", "hetsched.trainers", METHODS, reserved=OWN_MODELS)
"""Trainers of one's own by the name of the model that each trains: none of `OWN_MODELS`, or the profiles of that one
would be taken for it. What is registered is called as `make` is."""


def make(settings: Settings, worker: Worker, threads: int) -> Trainer:
    """The trainer of the settings' model, on a worker, with so many CPU threads.

    Raises what making it raises, and InputError for a model file that cannot be had.
    """
    if settings.training is not None:
        from real.training.folder_trainer import FolderTrainer  # which imports this module

        return FolderTrainer.on_worker(settings.training, settings.options, worker, threads)
    load_model_file(settings.model_file)
    if settings.model in trainers.names():
        return trainers.factory(settings.model)(settings, worker, threads)
    from real.training.training import on_worker  # torch, which takes seconds

    return on_worker(settings, worker, threads)


def writer(settings: Settings, worker: Worker) -> Callable[[Snapshot, Path], object]:
    """What writes snapshots to files as a trainer of these settings does, in a process that trains nothing."""
    if settings.training is not None:
        from real.training.folder_trainer import FolderTrainer

        return FolderTrainer.write
    return make(settings, replace(worker, device=CPU), 1).write


def check(
    experiment: Experiment, model_file: Path | None, data_dir: Path | None, training: TrainingSource | None = None
) -> None:
    """Raise InputError if nobody here trains the experiment's model, or has its data set in that folder, or if the
    class of a user's own `training` is none.

    A training or a trainer of one's own is taken to know the data set.
    """
    if training is not None:
        try:
            training_class(training)
        except InputError as error:
            raise InputError(f"training.class: {error}") from error
        return
    load_model_file(model_file)
    if experiment.model in trainers.names():
        return
    with needed_for(f"training {experiment.model!r}"):
        from real.training.data import DATASETS, check_files  # torch, which takes seconds
        from real.training.models import MODELS

    models = [*MODELS, *trainers.names()]
    for key, word, known in (("model", experiment.model, models), ("dataset", experiment.dataset, DATASETS)):
        if word not in known:
            where = f"workload.experiments.{experiment.id}.{key}"
            own = "; a training of your own is named in [training]" if key == "model" else ""
            raise InputError(f"{where}: no {key} {word!r} can be trained: {nearest(word, known)}{own}")
    check_files(experiment.dataset, data_dir)


MODELS_MODULE = "real.training.models"
"""Where models register. It needs torch, so it is imported by whoever trains one."""

_registering: set[Path] = set()
"""The model files that have registered something. Read again, they may not: what they import is read once."""


def load_model_file(path: Path | None) -> None:
    """Run a user's own file, if there is one, whose `@register` lines add models and trainers.

    Raises InputError, naming the file, if it cannot be had or registers nothing.
    """
    if path is None:
        return
    before = _registered()
    load_file(path, "model")
    if _registered() != before:
        _registering.add(path)
    elif path not in _registering:
        raise InputError(
            f"{path}: registers no model; put @register(NAME) before the function or the class; for a class that is "
            "the [training] of a scenario, run 'hetsched plan SCENARIO'"
        )


def _registered() -> dict[str, object]:
    """The models and trainers of users' own. A file that registers models has imported `real.training.models`."""
    models = getattr(sys.modules.get(MODELS_MODULE), "MODELS", {})
    own = {f"model {n}": model for n, model in models.items() if getattr(model, "__module__", "") != MODELS_MODULE}
    return own | {f"trainer {name}": trainer for name, trainer in trainers.registered().items()}
