"""A run at the MLflow server of MLFLOW_TRACKING_URI, in the experiment of
MLFLOW_EXPERIMENT_NAME."""

import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hetsched.domain.entry_points import needed_for
from hetsched.errors import InputError
from hetsched.report.tracking.tracker import Point, Value, key

with needed_for("--track mlflow", "tracking"):
    from mlflow.entities import Metric, Param, RunTag
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

EXPERIMENT = "hetsched"
"""The name of the experiment unless the environment names one."""

METRICS, TAGS, PARAMETERS = 1000, 100, 100
"""The most metrics, parameters and tags that one request may have, of each."""


class MLflowTracker:
    """A run at MLflow. Scores, numeric hyperparameters and counts are metrics. Other values that
    change are tags."""

    def __init__(self) -> None:
        self.where = ""
        try:
            self._client = MlflowClient()
        except MlflowException as error:
            raise InputError(f"MLflow: {str(error).splitlines()[0]}; MLFLOW_TRACKING_URI names its server") from error
        self._run = ""
        self._began_s = time.time()

    def begin(self, name: str, group: str, parameters: Mapping[str, Value]) -> None:
        title = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        experiment = self._client.get_experiment_by_name(title)
        number = experiment.experiment_id if experiment else self._client.create_experiment(title)
        run = self._client.create_run(number, run_name=name, tags={"group": group})
        self._run = run.info.run_id
        self.where = f"experiment {title}, run {self._run}"
        params = [Param(allowed(name), str(value)) for name, value in parameters.items()]
        for first in range(0, len(params), PARAMETERS):
            self._client.log_batch(self._run, params=params[first : first + PARAMETERS])

    def log(self, points: Sequence[Point]) -> None:
        metrics: list[Metric] = []
        tags: dict[str, str] = {}
        for point in points:
            moment_ms = round((self._began_s + point.time_s) * 1000)
            for name, value in point.values.items():
                called = allowed(key(point, name))
                if isinstance(value, str):
                    tags[called] = value
                else:
                    metrics.append(Metric(called, value, moment_ms, point.step))
        changed = [RunTag(name, value) for name, value in tags.items()]
        for first in range(0, len(metrics), METRICS):
            self._client.log_batch(self._run, metrics=metrics[first : first + METRICS])
        for first in range(0, len(changed), TAGS):
            self._client.log_batch(self._run, tags=changed[first : first + TAGS])

    def report(self, file: Path) -> None:
        self._client.log_artifact(self._run, str(file))

    def finish(self, completed: bool) -> None:
        if self._run:
            self._client.set_terminated(self._run, "FINISHED" if completed else "FAILED")


def allowed(name: str) -> str:
    """The name with only the characters that MLflow allows in names.

    >>> allowed("cifar-00/top-5 acc@1"), allowed("a//b/../c")
    ('cifar-00/top-5 acc_1', 'a/b/__/c')
    """
    return re.sub("/+", "/", re.sub(r"[^\w. :/-]", "_", name).replace("..", "__")).strip("/")[:250]
