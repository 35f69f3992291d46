"""The ledger of the rounds: what every job should have received of every type of worker, and what
it has received."""

from collections.abc import Collection, Sequence
from itertools import compress
from math import nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hetsched.domain.workload import TrialId

Array = NDArray[np.float64]


class Pick(NamedTuple):
    """A job that runs on a type of worker in a round. Both are numbers in the ledger."""

    job: int
    type: int


class Ledger:
    """What every job should have received of every type of worker, and what it has received.

    X are the shares. The time t[job, type] is the seconds that the job ran there since the last
    reallocation, plus `start_s`. The time t[type] is the sum of t[job, type] over the jobs at that
    reallocation. Then

        priority[job, type] = X[job, type] / (t[job, type] / t[type])
        deficit[job, type]  = sum over past reallocations of X[job, type] x seconds that it was in force - seconds run

    `jobs` are in the order of their arrival. `counts` are the numbers of workers of each type.
    `gangs` are the numbers of workers that the jobs take.
    """

    def __init__(self, start_s: float) -> None:
        self.jobs: list[TrialId] = []
        self.counts = np.zeros(0, int)
        self._start_s = start_s
        self._type_received = np.zeros(0)
        self._rows = self._blank(0)

    @property
    def gangs(self) -> NDArray[np.int_]:
        return self._rows["gang"]

    def resize(self, counts: list[int]) -> None:
        """Set how many workers of each type there are. New types come last."""
        old, types = self._rows, len(self.counts)
        self.counts = np.array(counts)
        self._type_received = np.append(self._type_received, np.zeros(len(counts) - types))
        self._rows = self._blank(len(old))
        for name in ("gang", "has_share"):
            self._rows[name] = old[name]
        for name in ("speed", "share", "deficit", "received"):
            self._rows[name][:, :types] = old[name]

    def retire(self, jobs: Collection[int]) -> None:
        """The jobs at these places are completed."""
        stay = np.ones(len(self.jobs), bool)
        stay[list(jobs)] = False
        self.jobs = list(compress(self.jobs, stay))
        self._rows = self._rows[stay]

    def admit(self, jobs: list[TrialId], gangs: list[int]) -> None:
        rows = self._blank(len(jobs))
        rows["gang"] = gangs
        self.jobs += jobs
        self._rows = np.concatenate([self._rows, rows])

    def unknown(self) -> list[int]:
        """The places of the jobs whose speed is not known on every type."""
        return list(np.flatnonzero(np.isnan(self._rows["speed"]).any(axis=1)).tolist())

    def learn(self, job: int, speeds: Sequence[float]) -> None:
        """Set the iterations per second of a job's gang on each type of worker. nan: unknown. 0: it
        cannot run there. A known speed stays."""
        known = self._rows["speed"][job]
        self._rows["speed"][job] = np.where(np.isnan(known), speeds, known)

    def forget(self, job: int) -> None:
        """The speeds of the job are no longer known."""
        self._rows["speed"][job] = nan

    def known_speeds(self, picks: Sequence[Pick]) -> list[float]:
        return list(self._rows["speed"][_places(picks)].tolist())

    def speeds(self) -> Array:
        """Iterations per second. Unknown speeds are guessed. 0: there are too few workers."""
        speeds = np.array(self._rows["speed"])
        unknown = np.isnan(speeds)
        if unknown.any():
            speeds[unknown] = 0.0
            fastest = speeds.max(axis=1, keepdims=True)
            speeds = np.where(unknown, np.where(fastest > 0, fastest, 1.0), speeds)
        return np.where(self.gangs[:, None] <= self.counts, speeds, 0.0)

    def receive(self, picks: Sequence[Pick], iterations: Sequence[int], start: float) -> None:
        """Record the `iterations` that the jobs trained in a round. The round began at `start`
        (seconds).

        A job receives iterations / speed seconds. If its speed there is not known, or is 0 because
        PBT gave it a kind that cannot run there, it receives nothing.
        """
        places = _places(picks)
        trained, speeds = np.array(iterations, float), self._rows["speed"][places]
        seconds = np.divide(trained, speeds, out=np.zeros(len(trained)), where=speeds > 0)
        # The difference of two readings of the clock, as in Gavel. Its rounding decides between jobs that would
        # otherwise be equal.
        seconds = (start + seconds) - start
        self._rows["received"][places] += seconds
        np.add.at(self._type_received, places[1], seconds)

    def reallocate(self, shares: Array, elapsed_s: float) -> None:
        """Set new shares. The shares before were in force for `elapsed_s` seconds."""
        rows = self._rows
        rows["deficit"] += rows["share"] * elapsed_s - (rows["received"] - self._start_s)
        rows["received"] = self._start_s
        self._type_received[:] = len(rows) * self._start_s
        rows["share"] = shares
        rows["has_share"] = True

    def picks(self, turns: Sequence[int], fills_up: bool) -> list[Pick]:
        """The jobs that run next, type by type. Highest priority comes first, then deficit, then
        share, then arrival."""
        rows, speeds, gangs = self._rows, self.speeds(), self.gangs.tolist()
        has_share = rows["has_share"].tolist()
        waits = np.ones(len(rows), bool)
        picks = []
        for place in turns:
            free = int(self.counts[place])
            able = np.flatnonzero(waits & (speeds[:, place] > 0))
            share = rows["share"][able, place]
            priority = share / (rows["received"][able, place] / max(self._type_received[place], self._start_s))
            if not fills_up:
                able, share, priority = able[priority > 0], share[priority > 0], priority[priority > 0]
            order = np.lexsort((-share, -rows["deficit"][able, place], -priority))
            for job in able[order].tolist():
                if free == 0:
                    break
                if gangs[job] <= free:
                    free -= gangs[job]
                    waits[job] = False
                    if has_share[job]:
                        picks.append(Pick(job, place))
        return picks

    def _blank(self, jobs: int) -> NDArray[np.void]:
        by_type = (float, (len(self.counts),))
        rows = np.zeros(
            jobs,
            [("gang", int), ("has_share", bool)] + [(n, *by_type) for n in ("speed", "share", "deficit", "received")],
        )
        rows["speed"] = nan
        rows["received"] = self._start_s
        return rows


def _places(picks: Sequence[Pick]) -> tuple[list[int], list[int]]:
    return [pick.job for pick in picks], [pick.type for pick in picks]
