"""Makes a trainer from a user's own training. The folders of the training are packed, moved as
files and snapshots, and unpacked.

A packed folder is a zip archive. Its parts are stored uncompressed, each with a checksum. It is
never unpickled.
"""

import io
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np

from hetsched.domain.cluster import CPU, Worker
from hetsched.domain.hyperparameters import nested
from hetsched.domain.training import Resources, metrics_of
from hetsched.domain.training_class import TrainingSource, training_class
from hetsched.errors import HetschedError, InputError, where
from real.checkpoints import checkpoint_file
from real.training.trainer import CheckpointError, Snapshot

CONTENT = "folder"
"""The key of a snapshot that has the packed folder, as bytes in a NumPy array."""

REFUSALS = (ValueError, TypeError, LookupError)
"""The errors with which a training refuses options or hyperparameters. Another attempt would fail
in the same way."""


class FolderTrainer:
    """A `real.training.trainer.Trainer` for a user's own training. Messages name the class by
    `source`."""

    def __init__(self, source: TrainingSource, options: Mapping[str, Any], resources: Resources) -> None:
        """Raises InputError if the class is not available or refuses the options."""
        self._name = str(source)
        made_by = training_class(source)
        with self._refused("training.options", options):
            self._training = made_by(options, resources)

    @classmethod
    def on_worker(
        cls, source: TrainingSource, options: Mapping[str, Any], worker: Worker, threads: int
    ) -> "FolderTrainer":
        """The trainer of a worker. Raises HetschedError if the worker does not have the class. The
        driver has it."""
        try:
            training_class(source)
        except InputError as error:
            raise HetschedError(f"training.class on worker {worker.id!r}: {error}") from error
        return cls(source, options, Resources(device(worker), threads, worker.gpu_share))

    def reset(self, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Start a trial. This method and those below raise InputError for an error that another
        attempt would repeat."""
        with self._refused("start", hyperparameters):
            self._training.start(nested(hyperparameters), seed)

    def configure(self, hyperparameters: Mapping[str, Any]) -> None:
        with self._refused("change", hyperparameters):
            self._training.change(nested(hyperparameters))

    def train(self, iterations: int, pace_s: float | None, batch_size: int) -> None:
        """Train for that many iterations. If the training has a batch size, it is a hyperparameter,
        so `batch_size` is ignored. With `pace_s`, an iteration takes at least that many seconds on
        average."""
        start = time.perf_counter()
        self._training.train(iterations)
        if pace_s is not None:
            time.sleep(max(0.0, start + iterations * pace_s - time.perf_counter()))

    def evaluate(self) -> dict[str, float]:
        """The metrics by name, as floats."""
        reported: Any = self._training.evaluate()
        try:
            return metrics_of(reported)
        except TypeError as error:
            raise InputError(f"{self._name}: {error}") from error

    def snapshot(self) -> Snapshot:
        with TemporaryDirectory(prefix="hetsched-") as folder:
            self._training.save(Path(folder))
            return {CONTENT: np.frombuffer(packed(Path(folder), self._name), np.uint8)}

    def take_up(self, snapshot: Snapshot, hyperparameters: Mapping[str, Any], seed: int) -> None:
        """Go on from a snapshot. `seed` is ignored, because what the training saves includes its
        seed."""
        with TemporaryDirectory(prefix="hetsched-") as folder:
            unpack(io.BytesIO(snapshot[CONTENT]), Path(folder))
            self._training.load(Path(folder))
        self.configure(hyperparameters)

    def save(self, path: Path) -> None:
        self.write(self.snapshot(), path)

    def load(self, path: Path, hyperparameters: Mapping[str, Any], seed: int) -> None:
        with TemporaryDirectory(prefix="hetsched-") as folder:
            try:
                with path.open("rb") as file:
                    unpack(file, Path(folder))
            except Exception as error:  # a damaged file can fail anywhere, in many ways
                reason = f"{type(error).__name__}: {error}"
                raise CheckpointError(f"checkpoint {path} cannot be unpacked ({reason})") from error
            self._training.load(Path(folder))
        self.configure(hyperparameters)

    @staticmethod
    def write(snapshot: Snapshot, path: Path) -> None:
        with checkpoint_file.complete(path) as file:
            file.write(memoryview(snapshot[CONTENT]))

    @contextmanager
    def _refused(self, what: str, given: Mapping[str, Any]) -> Iterator[None]:
        """Within the context, a refusal by the training raises InputError."""
        try:
            yield
        except REFUSALS as error:
            raise InputError(
                f"{self._name}: {what} refused {dict(given)!r}{where(error)}: {type(error).__name__}: {error}; "
                "mend it there, or correct them in the scenario"
            ) from error


def packed(folder: Path, name: str) -> bytes:
    """All files and folders in a folder as a zip archive. Raises InputError, with the name of the
    training, if there is no file."""
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_STORED, strict_timestamps=False) as archive:
        for parent, folders, files in os.walk(folder, followlinks=True):
            folders.sort()
            for path in (Path(parent) / name for name in [*folders, *sorted(files)]):
                archive.write(path, path.relative_to(folder).as_posix())
        if not any(not part.is_dir() for part in archive.infolist()):
            raise InputError(f"{name}: save wrote no file into its folder: write there all that load needs")
    return content.getvalue()


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Write the files of a packed folder, and compare their checksums. Raises an error of several
    kinds for a damaged archive."""
    with ZipFile(archive) as content:
        content.extractall(folder)


def device(worker: Worker) -> str:
    """The device of a training on this worker: "cuda" on a GPU worker, otherwise "cpu". A worker
    with a pace on a machine without a GPU only imitates one and has "cpu".

    The GPU is looked up without torch, which takes seconds to import.
    """
    if worker.device == CPU or (worker.pace is not None and not _has_gpu()):
        return "cpu"
    return "cuda"


def _has_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/kfd").exists()
