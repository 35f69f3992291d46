"""How a profile knows a figure: measured, between measurements, or beyond them."""

from enum import IntEnum

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialKind


class Known(IntEnum):
    """How a figure is known. A greater one is known less well."""

    MEASURED = 0
    BETWEEN = 1
    BEYOND = 2


class Lookups:
    """How step times, costs and memory are known, by kind of trial and type of worker."""

    def __init__(self, times: StepTimes) -> None:
        self._times = times
        self._within = StepTimes(times.rows)
        self._rows = {(row.kind, row.worker_type): row for row in times.rows}

    def how(self, kind: TrialKind, worker: WorkerType, column: str) -> Known | None:
        """How the column of a profile is known for the kind on this type of worker. None: it is
        not."""
        bare = worker.as_profiled
        if getattr(self._rows.get((kind, bare)), column, None) is not None:
            return Known.MEASURED
        if self._within.knows(kind, bare, column):
            return Known.BETWEEN
        return Known.BEYOND if self._times.knows(kind, bare, column) else None
