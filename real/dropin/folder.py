"""The folder of a Tune experiment's log."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pyarrow.fs import LocalFileSystem
from ray.tune.experiment import Trial as TuneTrial

from hetsched.scenario.scenario import SCENARIO_NAME
from real.dropin.measured import MEASURED


def home_of(trial: TuneTrial, chosen: Path | None) -> Path:
    """The folder for the log: the chosen one, or the folder of the trial's experiment.

    If experiments are stored on another machine, it is the local folder that Tune copies there.
    """
    home = chosen or _experiment(trial.storage)
    home.mkdir(parents=True, exist_ok=True)
    return home


def say_what_is_there(home: Path, *, has_log: bool, trained: Collection[int] = ()) -> None:
    """Name, on stderr, the commands that read what an experiment left: Tune's script is a user's,
    and shows no log. `trained`: the iterations of each trial. Empty: they are unknown."""
    lines = [f"report: hetsched report {home}"] if has_log else []
    if (measured := home / MEASURED / SCENARIO_NAME).exists():
        lines.append(f"other strategies, simulated: hetsched compare {measured}")
        if len(set(trained)) > 1:
            lines.append(
                f"trials ended after {min(trained)} to {max(trained)} iterations; in this simulation each trains "
                f"{max(trained)}"
            )
    for line in lines:
        print(f"hetsched: {line}", file=sys.stderr)


def _experiment(storage: Any) -> Path:
    is_local = isinstance(storage.storage_filesystem, LocalFileSystem)
    return Path(storage.experiment_fs_path if is_local else storage.experiment_driver_staging_path)
