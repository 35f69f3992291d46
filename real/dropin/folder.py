"""The folder of a Tune experiment's log."""

from pathlib import Path
from typing import Any

from pyarrow.fs import LocalFileSystem
from ray.tune.experiment import Trial as TuneTrial


def home_of(trial: TuneTrial, chosen: Path | None) -> Path:
    """The folder for the log: the chosen one, or the folder of the trial's experiment.

    If experiments are stored on another machine, it is the local folder that Tune copies there.
    """
    home = chosen or _experiment(trial.storage)
    home.mkdir(parents=True, exist_ok=True)
    return home


def _experiment(storage: Any) -> Path:
    is_local = isinstance(storage.storage_filesystem, LocalFileSystem)
    return Path(storage.experiment_fs_path if is_local else storage.experiment_driver_staging_path)
