"""Tune's TensorBoard files, for trials that come and go."""

from typing import Any

from ray import tune
from ray.tune.logger import TBXLoggerCallback


class TensorBoard(TBXLoggerCallback):
    """Ray's class, but with one file per trial. Ray's class begins another file whenever a trial
    goes on. Here that is after every change of worker."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._begun: set[tune.experiment.Trial] = set()

    def log_trial_start(self, trial: tune.experiment.Trial) -> None:
        if trial not in self._begun:
            self._begun.add(trial)
            super().log_trial_start(trial)

    def log_trial_result(self, iteration: int, trial: tune.experiment.Trial, result: dict[str, Any]) -> None:
        """Write the known metrics under their own names."""
        known = {name: value for name, value in result["metrics"].items() if value is not None}
        others = {key: value for key, value in result.items() if key != "metrics"}
        super().log_trial_result(iteration, trial, known | others)
