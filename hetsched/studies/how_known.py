"""How a profile knows a figure: measured, between measurements, or beyond them."""

from collections.abc import Iterable
from enum import IntEnum

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.provenance import not_measured
from hetsched.domain.workload import TrialKind
from hetsched.errors import first_of
from hetsched.studies.pairs import NAMED


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
        self._of_medians: dict[tuple[str, str], str] = {}

    def how(self, kind: TrialKind, worker: WorkerType, column: str) -> Known | None:
        """How the column of a profile is known for the kind on this type of worker. None: it is
        not."""
        bare = worker.as_profiled
        if getattr(self._rows.get((kind, bare)), column, None) is not None:
            return Known.MEASURED
        if self._within.knows(kind, bare, column):
            return Known.BETWEEN
        return Known.BEYOND if self._times.knows(kind, bare, column) else None

    def behind(self, kind: TrialKind, worker: WorkerType, column: str) -> str:
        """The `own_words` of the rows between which the column is known."""
        return own_words(self._times.rows_behind(kind, worker.as_profiled, column))

    def behind_median(self, model: str, cost: str) -> str:
        """The `own_words` of all rows of the model that have the cost."""
        key = (model, cost)
        if key not in self._of_medians:
            rows = (row for row in self._times.rows if row.model == model and getattr(row, cost) is not None)
            self._of_medians[key] = own_words(rows)
        return self._of_medians[key]


def own_words(rows: Iterable[ProfileRow]) -> str:
    """With what words these rows of a profile say that nobody measured their step times. Empty: no
    row says so."""
    said = [not_measured(row.provenance) for row in rows]
    words = dict.fromkeys(word for word in said if word is not None)
    return f" ({'some' if None in said else 'all'} rows: {first_of([*words], NAMED)})" if words else ""
