"""A run at Weights & Biases, in the project of WANDB_PROJECT. WANDB_MODE=offline keeps the run on
the disk."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hetsched.domain.entry_points import needed_for
from hetsched.errors import InputError
from hetsched.report.tracking.tracker import Point, Value, key

with needed_for("--track wandb", "tracking"):
    import wandb

PROJECT = "hetsched"
"""The name of the project unless the environment names one."""

WITHOUT_LOGIN = {"offline", "dryrun", "disabled"}
"""The values of WANDB_MODE that need no key."""


class WandbTracker:
    """A run at Weights & Biases. One history has the trials over their iterations, and the whole
    run over its time."""

    def __init__(self) -> None:
        self.where = ""
        self._run: Any = None
        self._series: set[str] = set()
        if os.environ.get("WANDB_MODE") in WITHOUT_LOGIN:
            return
        try:
            wandb.login()  # a terminal is asked for the key
        except wandb.errors.Error as error:
            raise InputError(f"wandb: {error}; 'wandb login' logs in, WANDB_MODE=offline needs no login") from error

    def begin(self, name: str, group: str, parameters: Mapping[str, Value]) -> None:
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            name=name,
            group=group,
            config=dict(parameters),
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True),
        )
        self._run.define_metric("time_s", hidden=True)
        self._run.define_metric("*", step_metric="time_s")
        self.where = str(self._run.dir if self._run.offline else self._run.url)

    def log(self, points: Sequence[Point]) -> None:
        for point in points:
            row: dict[str, Value] = {key(point, name): value for name, value in point.values.items()}
            if point.series:
                iterations = f"{point.series}/iterations"
                if point.series not in self._series:
                    self._series.add(point.series)
                    self._run.define_metric(f"{point.series}/*", step_metric=iterations)
                row[iterations] = point.step
            self._run.log({**row, "time_s": point.time_s})

    def report(self, file: Path) -> None:
        self._run.log({"report": wandb.Html(str(file), inject=False)})

    def finish(self, completed: bool) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if completed else 1)
