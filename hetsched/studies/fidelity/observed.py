"""Recordings without the log of their probe: the profile that today's calibration would give.

The profile of an old recording has the start-ups of workers that all started at once. Its step
times of paced workers include what they were late by the load of the moment.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean

from hetsched.analysis.intervals import variation
from hetsched.core.events import Event, SegmentEnded
from hetsched.core.state import State
from hetsched.domain.cluster import Worker, WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.start_ups import core_places, slowdowns
from hetsched.domain.workload import TrialKind
from hetsched.scenario.scenario import Setup


def of_today(setup: Setup, workers: Sequence[Worker], events: Iterable[Event], host_cores: int) -> Setup:
    """The setup with start-ups of workers that start alone, and with the step times of paced
    workers that their pace asks for. `workers` and `events` are those of the run."""
    experiments = setup.workload.experiments
    started = workers[: sum(min(len(workers), experiment.population) + 1 for experiment in experiments)]
    slower = slowdowns([worker.id for worker in started], core_places(workers, host_cores), host_cores)
    asked_s = _asked_s(events)
    rows = []
    for row in setup.times.rows:
        factors = [slower[worker.id] for worker in started if worker.type.as_profiled == row.worker_type]
        seconds = asked_s.get((row.kind, row.worker_type), row.seconds_per_iteration)
        rows.append(_alone(row, factors).model_copy(update={"seconds_per_iteration": seconds}))
    overheads = setup.scenario.overheads.model_copy(update={"host_cores": host_cores})
    return setup.replace(overheads=overheads).replace_times(StepTimes(rows, extrapolate=setup.times.extrapolate))


def _alone(row: ProfileRow, factors: Sequence[float]) -> ProfileRow:
    """The row with the start-up of a worker that starts alone. `factors`: how many times as long
    each worker's start-up took in the probe. Variation that the factors explain is no random
    variation."""
    if not factors or row.start_up_s is None:
        return row
    seen, by_factors = row.start_up_cv or 0.0, variation(factors) or 0.0
    left = max(0.0, (1 + seen * seen) / (1 + by_factors * by_factors) - 1)
    cv = None if row.start_up_cv is None else sqrt(left)
    return row.model_copy(update={"start_up_s": row.start_up_s / fmean(factors), "start_up_cv": cv})


def _asked_s(events: Iterable[Event]) -> dict[tuple[TrialKind, WorkerType], float]:
    """The seconds per iteration that a pace of 1 asks for, by kind of trial and type of worker. The
    scenario gave them before the run."""
    state = State()
    found: dict[tuple[TrialKind, WorkerType], float] = {}
    for event in events:
        if isinstance(event, SegmentEnded) and (pace := state.workers[event.worker].pace) is not None:
            pair = (state.trials[event.trial].kind, state.workers[event.worker].type.as_profiled)
            seconds = (event.parts.train_s - event.late_s) / event.iterations / pace
            found[pair] = min(seconds, found.get(pair, seconds))
        state.apply(event)
    return found
