"""The metrics of the time from arrival to completion."""

from collections.abc import Iterable
from typing import NamedTuple

from hetsched.analysis.bounds import jobs_done, worker_devices
from hetsched.analysis.figures import area_weighted_jct, mean_jct, p99_jct
from hetsched.analysis.job_areas import areas
from hetsched.core.state import State
from hetsched.domain.cluster import Worker
from hetsched.domain.profiles import StepTimes
from hetsched.errors import InputError


class Responses(NamedTuple):
    """Metrics by their names, of the completed trials."""

    mean_jct_s: float | None
    p99_jct_s: float | None
    area_weighted_jct_s: float | None


def response_times(state: State, times: StepTimes, workers: Iterable[Worker]) -> Responses:
    completed = [(trial, trial.completed) for trial in state.trials.values() if trial.completed is not None]
    jcts = [end_s - trial.arrived for trial, end_s in completed]
    parts = (jobs_done(state, [trial]).parts for trial, _ in completed)
    try:
        weighed = area_weighted_jct(jcts, list(areas(parts, worker_devices(workers), times)))
    except InputError:  # a real run needs no profile
        weighed = None
    return Responses(mean_jct(jcts), p99_jct(jcts), weighed)
