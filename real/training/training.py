"""Training one trial at a time: reset or load, train, evaluate, save. `real.training.trainer` calls
this a trainer.

A worker keeps one `Training` for its whole life: the device, the threads and the images are set up
once. Every trial that comes to the worker brings its weights, its optimizer state, its
hyperparameters and its seed.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from hetsched.domain.cluster import CPU, Worker
from hetsched.domain.workload import BATCH_SIZE
from hetsched.errors import HetschedError, InputError, nearest
from real.checkpoints import checkpoint_file
from real.checkpoints.snapshot import copied, take, viewed
from real.training import data
from real.training.augmentation import augmented
from real.training.global_generators import checked
from real.training.models import build
from real.training.trainer import CheckpointError, Settings, Snapshot, load_model_file

EVALUATION_BATCH = 500
"""Images in one forward pass of `Training.evaluate`."""

HYPERPARAMETERS = {"lr": None, "momentum": 0.0, "weight_decay": 0.0}
"""The hyperparameters of SGD and their defaults (None: there is no default)."""


class Training:
    """One model on one device, trained for whichever trial was loaded last.

    Call `reset` or `load` before `train`, `evaluate`, `configure` and `save`.
    """

    iterations: int
    """Optimiser steps done by the present weights."""

    def __init__(
        self, settings: Settings, *, device: str = "cpu", threads: int = 1, images: data.Images | None = None
    ) -> None:
        """Build the model and put the images on the device ("cpu", "cuda", ...), with `threads` CPU
        threads.

        `images` replaces the images that `settings` names, for callers that have loaded some.

        Raises ValueError for an unknown model, or a batch larger than the training set. Raises
        HetschedError if the model cannot be compiled here, and `data.DataError` if the images are
        not available.
        """
        torch.set_num_threads(threads)
        load_model_file(settings.model_file)
        self.settings = settings
        self.iterations = 0
        self._device = torch.device(device)
        if images is None:
            images = data.load(settings.dataset, settings.data_dir, settings.train_images, settings.evaluation_images)
        if not 1 <= settings.batch_size <= len(images.train_images):
            raise ValueError(
                f"batch_size is {settings.batch_size}: expected 1 to {len(images.train_images)}, the number of "
                f"training images of {images.name}; choose a smaller batch or more train_images"
            )
        self._classes = images.classes
        self._train_images = images.train_images.to(self._device)
        self._train_labels = images.train_labels.to(self._device)
        self._test_images = images.test_images.to(self._device)
        self._test_labels = images.test_labels.to(self._device)
        self._layout = torch.channels_last if "channels-last" in settings.speed_ups else torch.contiguous_format
        self._model = build(settings.model, self._classes).to(self._device).to(memory_format=self._layout)
        self._network = torch.compile(self._model) if "compile" in settings.speed_ups else self._model
        self._optimizer: torch.optim.SGD | None = None
        self._seed = 0
        self._order: tuple[tuple[int, int], Tensor] | None = None  # (seed, epoch) and its order of the images
        if "compile" in settings.speed_ups:
            self._compile()

    def reset(self, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Start a trial. Weights and optimizer are fresh and depend only on `seed`. No iteration is
        done.

        Raises InputError if a hyperparameter is unknown, missing or negative, and ValueError for a
        seed of more than 32 bits.
        """
        group = _sgd_group(hyperparameters)  # first of all, so that a refusal changes nothing
        torch.manual_seed(checked(seed))
        self._model.load_state_dict(build(self.settings.model, self._classes).state_dict())
        self._optimizer = torch.optim.SGD(self._model.parameters())
        self._optimizer.param_groups[0].update(group)
        self._seed = seed
        self.iterations = 0

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        """Give the optimizer these hyperparameters and keep its momentum buffers.

        Raises InputError if a hyperparameter is unknown, missing or negative.
        """
        self._ready().param_groups[0].update(_sgd_group(hyperparameters))

    def train(self, iterations: int, pace_s: float | None = None, batch_size: int | None = None) -> float:
        """Do that many optimiser steps. Returns their mean loss, which is nan or inf if training
        diverged.

        `batch_size` replaces the batch size of the settings. With `pace_s` the steps take at least
        that many seconds each on average, as on a slower device.

        Raises ValueError for fewer than one iteration.
        """
        if iterations < 1:
            raise ValueError(f"iterations is {iterations}: expected at least 1")
        optimizer = self._ready()
        self._model.train()
        total = torch.zeros((), device=self._device)
        start = time.perf_counter()
        for done in range(1, iterations + 1):
            images, labels = self._batch(self.iterations, batch_size or self.settings.batch_size)
            torch.manual_seed(_mixed(self._seed, self.iterations))  # for models with dropout
            optimizer.zero_grad()
            loss: Tensor = cross_entropy(self._answers(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.detach()  # stays on the device: reading it would wait for a GPU every step
            self.iterations += 1
            if pace_s is not None:
                # Against an absolute schedule, so that sleeping too long once is made up for later.
                time.sleep(max(0.0, start + done * pace_s - time.perf_counter()))
        return float(total.item() / iterations)

    def evaluate(self) -> dict[str, float]:
        """Return the accuracy on the test images, 0 to 1, and the mean loss.

        If the model has diverged, its outputs are not finite. Then its accuracy is 0, lower than
        that of any guess, and its loss is not finite.
        """
        self._ready()
        self._model.eval()
        correct = torch.zeros((), dtype=torch.int64, device=self._device)
        finite = torch.ones((), dtype=torch.bool, device=self._device)
        loss = torch.zeros((), device=self._device)
        with torch.inference_mode():
            for start in range(0, len(self._test_labels), EVALUATION_BATCH):
                batch = slice(start, start + EVALUATION_BATCH)
                answers = self._answers(self._test_images[batch])
                correct += (answers.argmax(1) == self._test_labels[batch]).sum()
                loss += cross_entropy(answers, self._test_labels[batch], reduction="sum")
                finite &= answers.isfinite().all()
        images = len(self._test_labels)
        return {"accuracy": correct.item() / images if finite else 0.0, "loss": loss.item() / images}

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint: weights, optimizer state, iterations and seed. Its tensors
        are the trained ones, not copies."""
        return {
            "model": self.settings.model,
            "weights": self._model.state_dict(),
            "optimizer": self._ready().state_dict(),
            "iterations": self.iterations,
            "seed": self._seed,
        }

    def save(self, path: Path) -> int:
        """Write the state to a file (see `real.checkpoints.checkpoint_file`). Returns the size of
        the file in bytes. Raises OSError, with the path, if the file cannot be written."""
        return checkpoint_file.write(self.state(), path)

    def load(self, path: Path, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Continue from a checkpoint's file, as in `take_up`.

        Raises InputError if a hyperparameter is unknown, missing or negative. Raises
        CheckpointError if the file is missing, damaged, or of another model.
        """
        group = _sgd_group(hyperparameters)
        try:
            self._take_up(checkpoint_file.read(path, self._device), group, seed)
        except Exception as error:  # a damaged file can fail anywhere, in many ways
            raise self._unusable(path, error) from error

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint's file, with its hyperparameters and its seed. Raises
        CheckpointError as `load` does."""
        try:
            state = checkpoint_file.read(path, self._device)
            group = {name: state["optimizer"]["param_groups"][0][name] for name in HYPERPARAMETERS}
            self._take_up(state, group, state["seed"])
        except Exception as error:
            raise self._unusable(path, error) from error

    def snapshot(self) -> Snapshot:
        """Return a copy of the state, with arrays for tensors."""
        return take(self.state())

    @staticmethod
    def write(snapshot: Snapshot, path: Path) -> int:
        """Write a snapshot to a file, as `save` does with the state, and return the file's size in
        bytes."""
        return checkpoint_file.write(viewed(snapshot), path)

    def take_up(self, snapshot: Snapshot, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Continue from the snapshot of a training. It is the trial's own or, after an exploit,
        another trial's.

        `hyperparameters` and `seed` are those of the trial that continues. The snapshot's are
        ignored.

        Raises InputError if a hyperparameter is unknown, missing or negative, and ValueError if the
        snapshot is of another model.
        """
        self._take_up(copied(snapshot), _sgd_group(hyperparameters), seed)

    def _take_up(self, state: Mapping[str, Any], group: Mapping[str, float], seed: int) -> None:
        if state["model"] != self.settings.model:
            raise ValueError(f"it is of model {state['model']!r}, not {self.settings.model!r}")
        self._model.load_state_dict(state["weights"])
        optimizer = torch.optim.SGD(self._model.parameters())
        optimizer.load_state_dict(state["optimizer"])
        optimizer.param_groups[0].update(group)  # the state has brought the source's learning rate
        self._optimizer, self._seed, self.iterations = optimizer, seed, int(state["iterations"])

    def _unusable(self, path: Path, error: Exception) -> CheckpointError:
        """Why a checkpoint's file cannot be loaded. The weights may be half replaced, so no more
        training may use them."""
        self._optimizer = None
        return CheckpointError(
            f"checkpoint {path} cannot be loaded ({type(error).__name__}: {_first_line(error)}): expected "
            f"a file written by Training.save for {self.settings.model} with {self._classes} classes; "
            "restore an older checkpoint or reset the trial"
        )

    def _answers(self, images: Tensor) -> Tensor:
        """Return the logits (n, classes) of images (n, 3, 32, 32)."""
        normalised = _normalised(images).contiguous(memory_format=self._layout)
        with torch.autocast(self._device.type, torch.bfloat16, enabled="bfloat16" in self.settings.speed_ups):
            answers: Tensor = self._network(normalised)
        return answers.float()

    def _compile(self) -> None:
        """Compile the network now, as a part of the worker's start, and not in its first segment.
        The weights that this leaves are not used, because every trial brings its own. Raises
        HetschedError if the network cannot be compiled."""
        size = self.settings.batch_size
        try:
            self._model.train()
            cross_entropy(self._answers(self._train_images[:size]), self._train_labels[:size]).backward()
            self._model.zero_grad()
            self._model.eval()
            with torch.inference_mode():
                self._answers(self._test_images[:EVALUATION_BATCH])
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever torch.compile meets: no compiler, a layer that it does not know
            cause = getattr(error, "inner_exception", error)
            reason = " ".join(line.strip() for line in str(cause).splitlines() if line.strip())
            raise HetschedError(
                f"speed_ups: {self.settings.model} cannot be compiled on this machine ({type(cause).__name__}: "
                f"{reason[:400]}); leave out 'compile'"
            ) from error

    def _ready(self) -> torch.optim.SGD:
        if self._optimizer is None:
            raise RuntimeError("this Training holds no trial: call reset or load first")
        return self._optimizer

    def _batch(self, iteration: int, size: int) -> tuple[Tensor, Tensor]:
        """Return images (size, 3, 32, 32) and labels (size,), which follow only from the seed and
        `iteration`.

        Each epoch goes through all images once, in its own order. Images that do not fill a whole
        batch are left out.
        """
        epoch, position = divmod(iteration, len(self._train_images) // size)
        if self._order is None or self._order[0] != (self._seed, epoch):
            generator = torch.Generator().manual_seed(_mixed(self._seed, epoch))
            order = torch.randperm(len(self._train_images), generator=generator).to(self._device)
            self._order = (self._seed, epoch), order
        chosen = self._order[1][position * size : (position + 1) * size]
        images = self._train_images[chosen]
        if self.settings.augment:
            images = augmented(images, _mixed(self._seed, iteration))
        return images, self._train_labels[chosen]


def on_worker(settings: Settings, worker: Worker, threads: int) -> Training:
    """The training of a worker. Raises the errors of `Training` and `device`."""
    return Training(settings, device=device(worker), threads=threads)


def device(worker: Worker) -> str:
    """The torch device of a worker. Raises HetschedError if it should have a GPU and has none.

    A CPU worker on a host with GPUs sees them all, so the worker's own device decides.
    """
    if worker.device == CPU:
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if worker.pace is None:
        missing = f"worker {worker.id!r} should have a {worker.device}, but torch finds no GPU there"
        raise HetschedError(f"{missing}: install torch with CUDA on its node, or use cpu-only")
    return "cpu"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _mixed(seed: int, number: int) -> int:
    """Return a 63-bit seed for the pair, such that neighbouring seeds share no sequence."""
    return (seed * 0x9E3779B97F4A7C15 + number) % 2**63


def _normalised(images: Tensor) -> Tensor:
    """Return uint8 images as float with mean .5 and standard deviation .5 taken out: -1 to 1."""
    return images.float().div_(127.5).sub_(1.0)


def _sgd_group(hyperparameters: Mapping[str, Any]) -> dict[str, float]:
    """Return every option of SGD that can be tuned, so that none is inherited from another trial.

    Raises InputError, which ends a run, for a name or value that SGD does not have: every attempt
    would fail alike.
    """
    for name in hyperparameters:
        if name not in HYPERPARAMETERS and name != BATCH_SIZE:  # the batch size is an argument of `train`
            hint = nearest(name, HYPERPARAMETERS)
            raise InputError(f"search_space.{name}: the built-in networks have no such hyperparameter: {hint}")
    group = {}
    for name, default in HYPERPARAMETERS.items():
        value = hyperparameters.get(name, default)
        if value is None:
            raise InputError(f"search_space.{name}: missing: SGD, which trains the built-in networks, needs it")
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise InputError(f"search_space.{name}: SGD was given {value!r}, expected a number of at least 0")
        group[name] = float(value)
    return group
