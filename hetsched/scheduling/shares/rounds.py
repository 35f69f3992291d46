"""Rounds turn time shares into dispatches. Every share-based policy uses this mechanism of
Gavel."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from math import isfinite, isnan, nan
from random import Random
from typing import ClassVar, NamedTuple

import numpy as np

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind
from hetsched.scheduling.shares.ledger import Array, Ledger, Pick


class Demand(NamedTuple):
    """What is to be shared: the trials (jobs) in the order of their arrival, and the types of
    workers in the order in which they first appeared.

    - `speeds[job, type]`: iterations per second of the job's whole gang. 0: it cannot run there
      now. A guess, if nothing is known yet.
    - `gangs[job]`: how many workers it takes at once. `counts[type]`: how many workers there are.
    - `remaining[job]`: in iterations. `ages[job]`: in seconds since its arrival.
    """

    jobs: tuple[TrialId, ...]
    speeds: Array
    gangs: Array
    counts: Array
    remaining: Array
    ages: Array


class Lease(NamedTuple):
    """A trial that keeps its workers until the round ends. `place` is its place among the trials of
    the round. `speed` is in iterations per second, for its `kind`."""

    place: int
    workers: tuple[WorkerId, ...]
    speed: float
    kind: TrialKind


class Rounds(ABC):
    """A scheduling policy that says what share of its time each job is to spend on each type of
    worker.

    The round-based mechanism of Gavel (OSDI'20, section 5) realises the shares. When nothing runs
    any more, a round starts:

    1. If jobs or workers have come or gone, and `reallocation_s` have passed since the last
       reallocation, the policy is asked for new `shares`.
    2. On each type of worker in turn run the jobs that are furthest behind their share, as far as
       they fit (`Ledger`).
    3. A job stays on its workers if it stays on their type. It trains as many iterations as fit
       into `round_s`, at least one. Under PBT these are several segments, one after the other.

    As in Gavel, a reallocation at time 0 starts no waiting time, and a job that arrived after the
    last reallocation has no share yet. If it is such a job's turn all the same, workers stay idle.
    If that would leave all workers idle, the reallocation happens at once.

    Speeds come from the profile if it has them, else from this run's measurements. If nothing is
    known, a job counts as fast as on its fastest type, and is tried for an interval.

    `round_s` is the length of a round, in seconds. `reallocation_s` is the least time between two
    reallocations, in seconds.
    """

    periods: ClassVar = {"round_s": 8, "reallocation_s": 2}
    """How often each must at least fit into a run. Otherwise the figures show the mismatch, not the
    policy."""

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
        self._changes = 0
        self._workers: list[WorkerId] = []
        self._types: dict[WorkerType, list[Worker]] = {}
        self._ledger = Ledger(round_s / 2)
        self._ran: list[tuple[Pick, int]] = []
        self._placed: dict[TrialId, tuple[WorkerId, ...]] = {}
        self._leases: dict[TrialId, Lease] = {}
        self._kinds: dict[TrialId, TrialKind] = {}
        self._round_start = 0.0

    @abstractmethod
    def shares(self, demand: Demand) -> Array:
        """The share of its time that each job should spend on each type of worker, X[job, type]."""

    def turns(self, types: int) -> Sequence[int]:
        """The numbers 0 to `types` - 1 of the types, in the order in which the types get their jobs
        in a round."""
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
        """Further segments in this round, for the trials that have changed since the last call."""
        changed, self._changes = state.changed_since(self._changes), state.changes
        ended = [trial for trial in changed if trial.id in self._leases and trial.id not in state.running]
        for trial in sorted(ended, key=lambda trial: self._leases[trial.id].place):
            job, lease = trial.id, self._leases[trial.id]
            if trial.kind != lease.kind:
                lease = self._leases[job] = self._renewed(state, trial, lease)
            fits = int((self._round_start + self._round_s - state.now) * lease.speed)
            there = all(worker in state.workers for worker in lease.workers)
            if trial.completed is None and fits >= 1 and there:
                yield _dispatch(job, lease.workers, min(fits, state.longest_segment(trial)))
            else:
                del self._leases[job]

    def _renewed(self, state: StateView, trial: Trial, lease: Lease) -> Lease:
        """PBT has changed the trial's kind. What the trial has received so far is recorded at its
        old speed. What it receives from now on counts at its new speed."""
        pick, before = self._ran[lease.place]
        self._book(state, [(pick, before)])
        self._ran[lease.place] = (pick, trial.trained)
        self._look_at_kind(state, pick.job)
        [speed] = self._ledger.known_speeds([pick])
        return lease._replace(speed=0.0 if isnan(speed) else speed, kind=trial.kind)

    def _settle(self, state: StateView) -> None:
        """The round is over: record what its jobs received."""
        self._book(state, self._ran)
        self._leases = {}

    def _book(self, state: StateView, ran: Sequence[tuple[Pick, int]]) -> None:
        """Record what each job received since a count of iterations. A job that lost earlier work
        received nothing."""
        trials, jobs = state.trials, self._ledger.jobs
        done = [max(trials[jobs[pick.job]].trained - before, 0) for pick, before in ran]
        self._ledger.receive([pick for pick, _ in ran], done, self._round_start)

    def _look_at_kind(self, state: StateView, place: int) -> None:
        """Learn the speeds of the job at this place of the ledger if PBT has changed its kind. What
        it trained as the old kind must be recorded before."""
        job = self._ledger.jobs[place]
        trial = state.trials[job]
        if self._kinds.setdefault(job, trial.kind) != trial.kind:
            self._kinds[job] = trial.kind
            self._changed = True
            self._ledger.forget(place)
            self._ledger.learn(place, self._speeds(state, trial))

    def _speeds(self, state: StateView, trial: Trial) -> list[float]:
        """The trial's speed on each type, as `_speed` has it."""
        return [_speed(state, trial, known, workers) for known, workers in self._types.items()]

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
        completed = ((place, trials[job].completed) for place, job in enumerate(ledger.jobs))
        ends = {place: end for place, end in completed if end is not None}
        self._ran = []
        if ends:
            ledger.retire(ends)
            self._changed = True
            if not ledger.jobs and max(ends.values()) < state.now:
                # Gavel has a boundary at which no job is left. Here the policy was not asked at that time.
                self._next_round(state, max(ends.values()))
        if len(trials) > self._seen:
            new = [trial for trial in islice(trials.values(), self._seen, None) if state.is_ready(trial)]
            self._seen = len(trials)
            ledger.admit([trial.id for trial in new], [state.experiment(trial).gang for trial in new])
            self._changed = True
        if any(experiment.changes_kinds for experiment in state.experiments.values()):
            for place in range(len(ledger.jobs)):
                self._look_at_kind(state, place)
        alike: dict[tuple[ExperimentId, TrialKind], list[float]] = {}
        for place in ledger.unknown():
            trial = trials[ledger.jobs[place]]
            key = (trial.experiment, trial.kind)
            if key not in alike:
                alike[key] = self._speeds(state, trial)
            ledger.learn(place, alike[key])

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
                self._leases[job] = Lease(len(self._ran) - 1, workers, speed, trial.kind)
            yield _dispatch(job, workers, iterations)

    def _place(self, picks: list[Pick]) -> dict[TrialId, tuple[WorkerId, ...]]:
        """The workers of each job: its workers of the last round, or else some of the rest."""
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
    """Rounds for a policy that does not look at speeds: as in Gavel, the types of workers take
    turns in random order.

    `seed` is Gavel's: the order is the same as there.
    """

    def __init__(self, round_s: float = 360.0, reallocation_s: float = 1920.0, seed: int = 0) -> None:
        super().__init__(round_s, reallocation_s)
        if seed < 0:  # Python's generator ignores the sign
            raise ValueError(f"seed: expected a whole number, 0 or more, got {seed}")
        self._random = Random(seed + 5)

    def turns(self, types: int) -> Sequence[int]:
        order = list(range(types))
        self._random.shuffle(order)
        return order


def _dispatch(job: TrialId, workers: tuple[WorkerId, ...], iterations: int) -> Dispatch:
    return Dispatch(job, workers[0], iterations, workers[1:])


def _speed(state: StateView, trial: Trial, on: WorkerType, workers: list[Worker]) -> float:
    """Iterations per second on workers of one type: nan if unknown, 0 if the trial cannot run
    there."""
    if not workers:
        return nan
    if not state.usable(trial, workers[0]):
        return 0.0
    seconds = state.profiled_seconds(trial, on)
    if seconds is None:
        measured = (state.seconds_per_iteration(trial, worker) for worker in workers)
        seconds = next((known for known in measured if known is not None), None)
    return nan if seconds is None else 1 / seconds
