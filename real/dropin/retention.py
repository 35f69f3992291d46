"""Copies of checkpoints that trials have exploited. Tune may delete the originals before they are
loaded."""

import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from pyarrow.fs import FileSystem, FileType, LocalFileSystem, copy_files
from ray.train import Checkpoint
from ray.tune.experiment import Trial as TuneTrial

COPY = "exploited_"
"""The beginning of the names of the copies' folders, in the folder of the trial that exploits."""


class Borrowed:
    """Keeps a copy of the state that a trial exploits, until the trial is saved again.

    With `CheckpointConfig(num_to_keep=...)`, Tune deletes checkpoints of the source even if another
    trial is to go on from them. Without this setting nothing is copied.
    """

    def __init__(self) -> None:
        self._copies: dict[TuneTrial, tuple[FileSystem, str]] = {}
        self._numbers = count()

    def keep(self, trial: TuneTrial, state: Any) -> Any:
        """The state from which the trial goes on, in a copy that Tune does not delete."""
        kept: Any = trial.run_metadata.checkpoint_manager
        limit, storage = kept.checkpoint_config.num_to_keep, trial.storage
        if limit is None or storage is None:
            return state
        checkpoint = state.checkpoint
        copy = f"{storage.trial_fs_path}/{COPY}{next(self._numbers):06}"
        copy_folder(checkpoint.filesystem, checkpoint.path, copy)
        self.give_back(trial)
        self._copies[trial] = checkpoint.filesystem, copy
        return type(state)(Checkpoint(copy, checkpoint.filesystem), state.metrics)

    def give_back(self, trial: TuneTrial) -> None:
        """Delete the trial's copy. The trial has a checkpoint of its own."""
        filesystem, copy = self._copies.pop(trial, (None, ""))
        if filesystem is not None and filesystem.get_file_info(copy).type != FileType.NotFound:
            filesystem.delete_dir(copy)


def copy_folder(filesystem: FileSystem, source: str, target: str) -> None:
    """Copy a folder. On a local disk the copy consists of links, because checkpoints do not
    change."""
    if not isinstance(filesystem, LocalFileSystem):
        filesystem.create_dir(target)
        copy_files(source, target, source_filesystem=filesystem, destination_filesystem=filesystem)
        return
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(source, target, copy_function=os.link)
    except OSError:  # a disk without links
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
