"""Rounds: how time shares become dispatches. The mechanism of Gavel, which every share-based policy uses."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress, islice
from math import isfinite, isnan, nan
from random import Random
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.workload import TrialId

Array = NDArray[np.float64]


class Demand(NamedTuple):
    """What there is to share: the trials (jobs) in the order of their arrival, the types of workers in the order in
    which they first appeared among the workers.

    `speeds[job, type]` is in iterations per second of the job's whole gang, 0 where it cannot run now, a guess where
    nothing is known yet. `gangs[job]` is how many workers it takes at once, `counts[type]` how many there are.
    `remaining[job]` is in iterations, `ages[job]` in seconds since its arrival.
    """

    jobs: tuple[TrialId, ...]
    speeds: Array
    gangs: Array
    counts: Array
    remaining: Array
    ages: Array


class Pick(NamedTuple):
    """A job runs on a type of worker in a round: both by their places in the ledger."""

    job: int
    type: int


class Lease(NamedTuple):
    """A trial goes on on its workers until the round ends. `speed` is in iterations per second."""

    workers: tuple[WorkerId, ...]
    speed: float


class Rounds(ABC):
    """A scheduling policy that says what share of its time each job is to spend on each type of worker.

    The round-based mechanism of Gavel (OSDI'20, section 5) realises the shares. When nothing runs any more, a round
    starts:

    1. If jobs or workers have come or gone, and `reallocation_s` have passed since the last reallocation, the policy is
       asked for new `shares`.
    2. On each type of worker in turn run the jobs that are furthest behind their share, as far as they fit (`Ledger`).
    3. A job stays on its workers if it stays on their type. It trains as many iterations as fit into `round_s`, at
       least one. Under PBT these are several segments, one after the other.

    As in Gavel, a reallocation at time 0 starts no waiting time, and a job that arrived after the last reallocation has
    no share yet: where it is its turn all the same, workers stay idle. If that leaves everything idle, the reallocation
    is not waited for.

    Speeds are the profile's where it knows them, else what this run has measured. Where nothing is known, a job is
    taken to be as fast as on its fastest type, and is tried for an interval.
    """

    periods: ClassVar = {"round_s": 20, "reallocation_s": 4}
    """How often each must at least fit into a run, or its figures are those of the mismatch."""

    fills_up = True
    """Whether jobs without a share run on workers that would be idle otherwise."""

    def __init__(self, round_s: float = 360.0, reallocation_s: float = 1920.0) -> None:
        if not 0 < round_s <= 1e9:
            raise ValueError(f"round_s: expected a positive number of seconds, at most 1e9, got {round_s}")
        if not (isfinite(reallocation_s) and reallocation_s >= 0):
            raise ValueError(f"reallocation_s: expected a number of seconds, 0 or more, got {reallocation_s}")
        self._round_s = round_s
        self._reallocation_s = reallocation_s
        self._reallocated = 0.0
        self._changed = False
        self._seen = 0
        self._workers: list[WorkerId] = []
        self._types: dict[WorkerType, list[Worker]] = {}
        self._ledger = Ledger(round_s / 2)
        self._ran: list[tuple[Pick, int]] = []
        self._placed: dict[TrialId, tuple[WorkerId, ...]] = {}
        self._leases: dict[TrialId, Lease] = {}
        self._round_start = 0.0

    @abstractmethod
    def shares(self, demand: Demand) -> Array:
        """The share of its time that each job is to spend on each type of worker, X[job, type]."""

    def turns(self, types: int) -> Sequence[int]:
        """The order in which so many types of workers get their jobs in a round."""
        return range(types)

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        if self._leases and (going_on := list(self._go_on(state))):
            return going_on
        if state.running:
            return ()
        self._settle(state)
        self._look_at_workers(state)
        self._look_at_jobs(state)
        return list(self._start(state, self._next_round(state, state.now)))

    def _go_on(self, state: StateView) -> Iterator[Dispatch]:
        """Further segments in this round."""
        for job, lease in list(self._leases.items()):
            trial = state.trials[job]
            if job in state.running:
                continue
            fits = int((self._round_start + self._round_s - state.now) * lease.speed)
            there = all(worker in state.workers for worker in lease.workers)
            if trial.completed is None and fits >= 1 and there:
                yield _dispatch(job, lease.workers, min(fits, state.longest_segment(trial)))
            else:
                del self._leases[job]

    def _settle(self, state: StateView) -> None:
        """The round is over: book what its jobs received. A job that lost work of earlier rounds received nothing."""
        trials, jobs = state.trials, self._ledger.jobs
        done = [max(trials[jobs[pick.job]].trained - before, 0) for pick, before in self._ran]
        self._ledger.receive([pick for pick, _ in self._ran], done, self._round_start)
        self._leases = {}

    def _look_at_workers(self, state: StateView) -> None:
        workers = list(state.workers)
        if workers != self._workers:
            self._workers = workers
            self._types = {known: [] for known in self._types}  # types that have gone keep their place
            for worker in state.workers.values():
                self._types.setdefault(worker.type, []).append(worker)
            self._ledger.resize([len(alike) for alike in self._types.values()])
            self._changed = True

    def _look_at_jobs(self, state: StateView) -> None:
        """Retire jobs that are completed, admit those that have arrived, look up speeds."""
        trials, ledger = state.trials, self._ledger
        completed = {pick.job: trials[ledger.jobs[pick.job]].completed for pick, _ in self._ran}
        ends = {job: end for job, end in completed.items() if end is not None}
        self._ran = []
        if ends:
            ledger.retire(ends)
            self._changed = True
            if not ledger.jobs and max(ends.values()) < state.now:
                # Gavel has a boundary at which no job is left. Here nobody asked.
                self._next_round(state, max(ends.values()))
        if len(trials) > self._seen:
            new = [trial for trial in islice(trials.values(), self._seen, None) if state.is_ready(trial)]
            self._seen = len(trials)
            ledger.admit([trial.id for trial in new], [state.experiment(trial).gang for trial in new])
            self._changed = True
        workers = list(self._types.values())
        for pick in ledger.unknown():
            ledger.learn(pick, _speed(state, trials[ledger.jobs[pick.job]], workers[pick.type]))

    def _next_round(self, state: StateView, now: float) -> list[Pick]:
        """Which jobs run where in the round that starts at `now`."""
        ledger = self._ledger
        if self._changed and (self._reallocated == 0 or now - self._reallocated >= self._reallocation_s):
            self._reallocate(state, now)
        picks = ledger.picks(self.turns(len(ledger.counts)), self.fills_up)
        if not picks and self._changed and ledger.jobs:
            self._reallocated = 0.0
            self._reallocate(state, now)
            picks = ledger.picks(self.turns(len(ledger.counts)), self.fills_up)
        return picks

    def _reallocate(self, state: StateView, now: float) -> None:
        ledger = self._ledger
        trials = [state.trials[job] for job in ledger.jobs]
        demand = Demand(
            tuple(ledger.jobs),
            ledger.speeds(),
            ledger.gangs.astype(float),
            ledger.counts.astype(float),
            np.array([state.remaining(trial) for trial in trials], float),
            np.array([now - trial.arrived for trial in trials], float),
        )
        shares = self.shares(demand) if trials else np.zeros_like(demand.speeds)
        ledger.reallocate(shares, now - self._reallocated)
        self._reallocated = now
        self._changed = False

    def _start(self, state: StateView, picks: list[Pick]) -> Iterator[Dispatch]:
        ledger = self._ledger
        self._round_start = state.now
        self._placed = self._place(picks)
        for pick, speed in zip(picks, ledger.known_speeds(picks), strict=True):
            job = ledger.jobs[pick.job]
            trial, workers = state.trials[job], self._placed[job]
            self._ran.append((pick, trial.trained))
            fits = state.interval(trial) if isnan(speed) else max(1, int(speed * self._round_s))
            iterations = min(fits, state.longest_segment(trial))
            if iterations < fits and iterations < state.remaining(trial):
                self._leases[job] = Lease(workers, speed)
            yield _dispatch(job, workers, iterations)

    def _place(self, picks: list[Pick]) -> dict[TrialId, tuple[WorkerId, ...]]:
        """The workers of each job: those that it had in the last round, else such as are left."""
        ledger = self._ledger
        free = [{worker.id: None for worker in alike} for alike in self._types.values()]
        gangs = ledger.gangs.tolist()
        placed: dict[TrialId, tuple[WorkerId, ...]] = {}
        for pick in picks:
            job = ledger.jobs[pick.job]
            held = self._placed.get(job)
            if held is not None and all(worker in free[pick.type] for worker in held):
                placed[job] = held
                for worker in held:
                    del free[pick.type][worker]
        left = [iter(workers) for workers in free]
        for pick in picks:
            job = ledger.jobs[pick.job]
            if job not in placed:
                placed[job] = tuple(islice(left[pick.type], gangs[pick.job]))
        return placed


class BlindRounds(Rounds):
    """Rounds for a policy that does not look at speeds: as in Gavel, the types of workers take turns in random order.

    `seed` is Gavel's: the order is the same as there.
    """

    def __init__(self, round_s: float = 360.0, reallocation_s: float = 1920.0, seed: int = 0) -> None:
        super().__init__(round_s, reallocation_s)
        self._random = Random(seed + 5)

    def turns(self, types: int) -> Sequence[int]:
        order = list(range(types))
        self._random.shuffle(order)
        return order


class Ledger:
    """What every job should have received of every type of worker, and what it did.

    With X the shares, t[job, type] the seconds that the job ran there since the last reallocation plus `start_s`, and
    t[type] the sum of t[job, type] over the jobs at the reallocation and those that ran since:

        priority[job, type] = X[job, type] / (t[job, type] / t[type])
        deficit[job, type]  = sum over past reallocations of X[job, type] x seconds that it was in force - seconds run

    `jobs` are in the order of their arrival; `counts` are the workers of each type, `gangs` those that a job takes.
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
        """There are so many workers of each type now. New types come last."""
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

    def unknown(self) -> list[Pick]:
        """The pairs whose speed is not known."""
        return [Pick(*pair) for pair in np.argwhere(np.isnan(self._rows["speed"])).tolist()]

    def learn(self, pick: Pick, speed: float) -> None:
        """Iterations per second of a job's gang on a type of worker: nan if unknown, 0 if it cannot run there."""
        self._rows["speed"][pick] = speed

    def known_speeds(self, picks: Sequence[Pick]) -> list[float]:
        return list(self._rows["speed"][_places(picks)].tolist())

    def speeds(self) -> Array:
        """Iterations per second, guessed where they are not known, and 0 where there are too few workers."""
        speeds = np.array(self._rows["speed"])
        unknown = np.isnan(speeds)
        if unknown.any():
            speeds[unknown] = 0.0
            fastest = speeds.max(axis=1, keepdims=True)
            speeds = np.where(unknown, np.where(fastest > 0, fastest, 1.0), speeds)
        return np.where(self.gangs[:, None] <= self.counts, speeds, 0.0)

    def receive(self, picks: Sequence[Pick], iterations: Sequence[int], start: float) -> None:
        """In a round that began at `start` (seconds) the jobs have trained so many iterations."""
        places = _places(picks)
        seconds = np.nan_to_num(np.array(iterations) / self._rows["speed"][places])
        # As the difference of two readings of the clock, which is how Gavel has it: its rounding decides between jobs
        # that would be equal otherwise.
        seconds = (start + seconds) - start
        self._rows["received"][places] += seconds
        np.add.at(self._type_received, places[1], seconds)

    def reallocate(self, shares: Array, elapsed_s: float) -> None:
        """New shares; those before were in force for so many seconds."""
        rows = self._rows
        rows["deficit"] += rows["share"] * elapsed_s - (rows["received"] - self._start_s)
        rows["received"] = self._start_s
        self._type_received[:] = len(rows) * self._start_s
        rows["share"] = shares
        rows["has_share"] = True

    def picks(self, turns: Sequence[int], fills_up: bool) -> list[Pick]:
        """The jobs that run next, type by type: the highest priority first, then deficit, then share, then arrival."""
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


def _dispatch(job: TrialId, workers: tuple[WorkerId, ...], iterations: int) -> Dispatch:
    return Dispatch(job, workers[0], iterations, workers[1:])


def _speed(state: StateView, trial: Trial, workers: list[Worker]) -> float:
    """Iterations per second on workers of one type: nan if unknown, 0 if the trial cannot run there."""
    if not workers:
        return nan
    if not state.usable(trial, workers[0]):
        return 0.0
    seconds = state.profiled_seconds(trial, workers[0].type)
    if seconds is None:
        measured = (state.seconds_per_iteration(trial, worker) for worker in workers)
        seconds = next((known for known in measured if known is not None), None)
    return nan if seconds is None else 1 / seconds
