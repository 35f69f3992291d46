"""What a worker trains trials with: the protocol, and which trainer trains which model.

`real.training.training.Training` trains the networks of `real.training.models`. A trainer of one's
own trains whatever it likes: the file that a scenario names as `real.model_file` registers it under
the name of a model.

    @trainers.register("my-model")
    class MyTrainer:
        def __init__(self, settings: Settings, worker: Worker, threads: int) -> None: ...

This module imports neither Ray nor torch, so that a worker imports what its trainer needs and no
more.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from hetsched.domain.cluster import CPU, Worker
from hetsched.domain.entry_points import needed_for
from hetsched.domain.registry import Registry
from hetsched.domain.training_class import TrainingSource, training_class
from hetsched.domain.user_files import load_file
from hetsched.domain.workload import Experiment, SpeedUp
from hetsched.errors import HetschedError, InputError, nearest

Snapshot = dict[str, Any]
"""A trial's state in the form that Ray's object store holds: NumPy arrays, numbers and text in
dicts and lists."""


class CheckpointError(HetschedError):
    """A checkpoint cannot be used. The message has the path of its file."""


@dataclass(frozen=True)
class Settings:
    """What is trained, without the hyperparameters.

    - `batch_size`: the largest of any trial
    - `train_images`, `evaluation_images`: the most images that are used. None: all.
    - `model_file`: registers models and trainers. Every host must have it under this path.
    - `augment`: crop and mirror training images at random (`real.training.augmentation`)
    - `speed_ups`: see `hetsched.domain.workload.SpeedUp`
    - `training`, `options`: a user's own training. With it all other fields are ignored.
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
    """Trains one trial at a time: the trial of the last `reset`, `load` or `take_up`.

    A worker makes one trainer and keeps it. It calls the class with `Settings`, a `Worker` and the
    number of CPU threads. The class raises ValueError or InputError for settings that it cannot
    train. The run then ends at once.
    """

    def reset(self, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Start a trial. Its weights follow from `seed`. It has done no iterations."""

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        """Go on with the present trial, under these hyperparameters."""

    def train(self, iterations: int, pace_s: float | None, batch_size: int) -> object:
        """Do that many iterations. With `pace_s`, each is slowed to at least that many seconds."""

    def evaluate(self) -> Mapping[str, float]:
        """Return metrics of the weights by name, including the experiment's metric. A value that is
        not finite counts as unknown and ranks last."""

    def snapshot(self) -> Snapshot:
        """Return a copy of the trial's state. Later training does not change the copy."""

    def take_up(self, snapshot: Snapshot, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Go on from a snapshot of the trial. After an exploit it is a snapshot of another trial.

        `hyperparameters` and `seed` are those of the trial that goes on. The arrays of the snapshot
        may be in shared memory and must not be written to.
        """

    def save(self, path: Path) -> object:
        """Write the trial's state to a file. The file gets its name only when it is complete.

        Raises OSError, with the path, if the file cannot be written. The context manager
        `real.checkpoints.checkpoint_file.complete` does both. The file should be a zip archive, as
        NumPy and PyTorch write. If it cannot be loaded, the run compares its checksums.
        """

    def load(self, path: Path, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Go on from a file, as `take_up` does from a snapshot. Raises CheckpointError if the file
        is missing or damaged."""

    def write(self, snapshot: Snapshot, path: Path) -> object:
        """Write a snapshot to the file that `save` would have written. Other threads may train
        meanwhile."""


METHODS = ("reset", "configure", "train", "evaluate", "snapshot", "take_up", "save", "load", "write")

OWN_MODELS = ("resnet18", "resnet18-cifar", "resnet50", "vit-tiny", "small-cnn")
"""The names of the models in `real.training.models`, without importing torch."""

trainers: Registry[Trainer] = Registry("trainer", "hetsched.trainers", METHODS, reserved=OWN_MODELS)
"""Users' own trainers, by the name of the model that each trains. The names of `OWN_MODELS` are
refused, because their profiles would be used for another model. A trainer is called as `make`
is."""


def make(settings: Settings, worker: Worker, threads: int) -> Trainer:
    """The trainer of the settings' model, on a worker, with that many CPU threads.

    Raises the errors of the trainer's class, and InputError for a model file that cannot be loaded.
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
    """A function that writes snapshots to files as a trainer of these settings does, for a process
    that trains nothing."""
    if settings.training is not None:
        from real.training.folder_trainer import FolderTrainer

        return FolderTrainer.write
    return make(settings, replace(worker, device=CPU), 1).write


def check(
    experiment: Experiment, model_file: Path | None, data_dir: Path | None, training: TrainingSource | None = None
) -> None:
    """Raise InputError if the experiment cannot be trained here: the model or the data set is
    unknown, the folder lacks the data set, or the class of a user's own `training` is not
    available.

    For a user's own training or trainer, the data set is not checked.
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
"""The module in which models register. It needs torch, so only a process that trains one imports
it."""

_registering: set[Path] = set()
"""The model files that have registered something. When such a file is read again it may register
nothing, because modules that it imports are read only once."""


def load_model_file(path: Path | None) -> None:
    """Execute a user's own file, if there is one. Its `@register` lines add models and trainers.

    Raises InputError, with the path, if the file cannot be loaded or registers nothing.
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
    """The users' own models and trainers. A file that registers models has imported
    `real.training.models`."""
    models = getattr(sys.modules.get(MODELS_MODULE), "MODELS", {})
    own = {f"model {n}": model for n, model in models.items() if getattr(model, "__module__", "") != MODELS_MODULE}
    return own | {f"trainer {name}": trainer for name, trainer in trainers.registered().items()}
