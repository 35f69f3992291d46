"""Checkpoints that trials have taken over from others: Tune may delete them before they are loaded."""

import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from pyarrow.fs import FileSystem, FileType, LocalFileSystem, copy_files
from ray.train import Checkpoint
from ray.tune.experiment import Trial as TuneTrial

COPY = "exploited_"
"""How the folders of copies begin, in the folder of the trial that exploits."""


class Borrowed:
    """Keeps a copy of what a trial exploits until the trial is saved the next time.

    Tune deletes checkpoints of the source by `CheckpointConfig(num_to_keep=...)`, whoever waits to go on from them.
    Without that setting nothing is copied.
    """

    def __init__(self) -> None:
        self._copies: dict[TuneTrial, tuple[FileSystem, str]] = {}
        self._numbers = count()

    def keep(self, trial: TuneTrial, state: Any) -> Any:
        """The state that the trial goes on from, which Tune does not delete."""
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
        """The trial has a checkpoint of its own."""
        filesystem, copy = self._copies.pop(trial, (None, ""))
        if filesystem is not None and filesystem.get_file_info(copy).type != FileType.NotFound:
            filesystem.delete_dir(copy)


def copy_folder(filesystem: FileSystem, source: str, target: str) -> None:
    """Copy a folder; on a local disk by links, as checkpoints do not change."""
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
