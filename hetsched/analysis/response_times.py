"""The metrics of the time from arrival to completion, and of the waiting in it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from hetsched.analysis.bounds import jobs_done, worker_devices
from hetsched.analysis.figures import area_weighted_jct, mean_jct, mean_wait, p99_jct, waits_by_size
from hetsched.analysis.job_areas import areas
from hetsched.core.state import State
from hetsched.domain.cluster import Worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError


class Responses(NamedTuple):
    """Metrics of the completed trials, by name."""

    mean_jct_s: float | None
    p99_jct_s: float | None
    area_weighted_jct_s: float | None
    wait_s: float | None
    small_wait_s: float | None
    large_wait_s: float | None


def response_times(
    state: State, times: StepTimes, workers: Iterable[Worker], in_segments_s: Mapping[TrialId, float]
) -> Responses:
    """The metrics, by name. `in_segments_s` has the seconds for which each trial was in
    segments."""
    completed = [(trial, trial.completed) for trial in state.trials.values() if trial.completed is not None]
    jcts = [end_s - trial.arrived for trial, end_s in completed]
    in_segments = (in_segments_s.get(trial.id, 0.0) for trial, _ in completed)
    waits = [max(0.0, jct - seconds) for jct, seconds in zip(jcts, in_segments, strict=True)]  # sums are rounded
    parts = (jobs_done(state, [trial]).parts for trial, _ in completed)
    try:
        sizes = list(areas(parts, worker_devices(workers), times))
    except InputError:  # a real run needs no profile
        return Responses(mean_jct(jcts), p99_jct(jcts), None, mean_wait(waits), None, None)
    weighed = area_weighted_jct(jcts, sizes)
    return Responses(mean_jct(jcts), p99_jct(jcts), weighed, mean_wait(waits), *waits_by_size(waits, sizes))
