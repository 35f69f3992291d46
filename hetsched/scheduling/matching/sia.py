"""Goodput less what restarts cost, by an integer program."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from math import inf, isfinite
from statistics import fmean
from typing import ClassVar

import numpy as np

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.workload import TrialId
from hetsched.scheduling import register

STAYING = 1e-4
"""By so much it costs less to go on than to start another trial in its place; far below the rounding of costs."""

MOST = 1e9
"""Costs are scaled down to this: HiGHS takes some that are far larger for infinite."""

Idle = dict[WorkerId, Worker]
"""Idle workers of one type that can still be given away, the longest idle first."""


@register("sia")
class Sia:
    """The types of worker for the trials that give the most goodput, less what restarts cost, round by round.

    Sia (Jayaram Subramanya et al., SOSP'23). At the start of a round each trial j gets at most one type c of worker
    (A_jc = 1), so as to

        minimise    sum_jc A_jc (r_jc G_jc)^p + lambda sum_j (1 - sum_c A_jc)
        subject to  sum_j n_j A_jc <= the number of workers of type c

    For p > 0 the first sum counts negative: it is maximised. G_jc is j's goodput on c, divided by the smallest of its
    row and times its gang n_j. Ours is the paper's case of rigid jobs (sia-rigid): batch size and number of workers are
    given and only the type is chosen, so that goodput is iterations per second. A type of unknown speed counts as the
    slowest. r_jc = max(T - N S, 0) / (T + S) for a trial that would have to leave its type for c, with its age T, its N
    restarts so far and the S seconds of a restart; r_jc = 1 on the type that it is on, for trials that wait, and while
    T < S. As in the published code (siasosp23/artifacts, sia-simulator/sia.py) the powers are rounded to two decimals.
    Among equals, those that are training come first, then the least advanced. Trials with equal rows are counted
    together, so that the program stays small.

    Within the round a trial goes on on its type, an interval at a time, and on its own worker if nobody else is there;
    segments are not broken off, so that it moves when one ends. Idle workers for which no assigned trial waits go to
    the other trials that wait, by the same program restricted to them: no worker idles that could be used, but for
    those with which a gang waits for more of their type.

    Options: `p`; `lambda_n`, what it costs to give a trial nothing, above the 1 of its slowest type, so that giving it
    any type is better; `restart_s`, S (None: the restore seconds by the profile, on type c); `round_s`, seconds.
    Raises ValueError for values that make no sense.
    """

    periods: ClassVar = {"round_s": 8}
    preempts_at_checkpoints = True

    def __init__(
        self, p: float = -0.5, lambda_n: float = 1.1, restart_s: float | None = None, round_s: float = 60.0
    ) -> None:
        if not 0 < abs(p) <= 10:
            raise ValueError(f"p: expected a number from -10 to 10 other than 0, got {p!r}")
        if not (isfinite(lambda_n) and lambda_n > 1):
            raise ValueError(f"lambda_n: expected a number above 1, got {lambda_n!r}")
        if restart_s is not None and not (isfinite(restart_s) and restart_s >= 0):
            raise ValueError(f"restart_s: expected seconds, at least 0, got {restart_s!r}")
        if not (isfinite(round_s) and round_s > 0):
            raise ValueError(f"round_s: expected seconds, above 0, got {round_s!r}")
        self.p = p
        self.lambda_n = lambda_n
        self.restart_s = restart_s
        self.round_s = round_s
        self._round_ends = -inf
        self._types: Counter[WorkerType] = Counter()
        self._assigned: dict[TrialId, WorkerType] = {}
        self._restarts: Counter[TrialId] = Counter()
        self._trained_last: dict[WorkerId, TrialId] = {}

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        ready = list(state.ready_trials)
        idle: defaultdict[WorkerType, Idle] = defaultdict(dict)
        for worker in state.idle_workers:
            idle[worker.type][worker.id] = worker
        types = Counter(worker.type for worker in state.workers.values())
        if state.now >= self._round_ends or types != self._types:
            self._types, self._round_ends = types, state.now + self.round_s
            running = sorted((state.trials[trial] for trial in state.running), key=lambda trial: trial.index)
            self._assigned = self._assign(state, running + ready, types, self._now_on(state))

        assigned = [(trial, self._assigned[trial.id]) for trial in ready if trial.id in self._assigned]
        assigned.sort(key=lambda pair: pair[0].at not in idle[pair[1]])  # first those that can stay where they are
        decisions = [decision for trial, on in assigned for decision in self._start(state, trial, idle[on])]
        started = {decision.trial for decision in decisions}
        for trial, on in assigned:
            if trial.id not in started and state.experiment(trial).gang > 1:
                idle[on].clear()  # wait for more of them, or others would take them for ever

        left = Counter({worker_type: len(workers) for worker_type, workers in idle.items() if workers})
        if left:
            rest = [trial for trial in ready if trial.id not in started]
            trials = {trial.id: trial for trial in rest}
            for trial_id, on in self._assign(state, rest, left, {}).items():
                self._assigned.setdefault(trial_id, on)
                decisions += self._start(state, trials[trial_id], idle[on])
        return decisions

    def _start(self, state: StateView, trial: Trial, idle: Idle) -> list[Dispatch]:
        """Start an interval of the trial, on its own worker if it can be had; nothing if too few workers are idle."""
        gang = state.experiment(trial).gang
        if len(idle) < gang:
            return []
        own = [worker for worker in [idle.get(trial.at)] if worker] if trial.at is not None else []
        team = [*own, *islice((worker for worker in idle.values() if worker.id != trial.at), gang - len(own))]
        for worker in team:
            del idle[worker.id]
        first = team[0].id
        if trial.at is not None and self._trained_last.get(first) != trial.id:
            self._restarts[trial.id] += 1
        self._trained_last[first] = trial.id
        return [Dispatch(trial.id, first, state.interval(trial), tuple(worker.id for worker in team[1:]))]

    def _now_on(self, state: StateView) -> dict[TrialId, WorkerType]:
        """The type that a trial is on: it runs there, or it has just trained there and nobody took its place."""
        on = {segment.trial: segment.worker for segment in state.running.values()}
        idle = {worker.id for worker in state.idle_workers}
        on |= {trial.id: trial.at for trial in state.ready_trials if trial.at is not None and trial.at in idle}
        return {trial: state.workers[worker].type for trial, worker in on.items() if worker in state.workers}

    def _assign(
        self,
        state: StateView,
        trials: Iterable[Trial],
        capacity: Mapping[WorkerType, int],
        now_on: Mapping[TrialId, WorkerType],
    ) -> dict[TrialId, WorkerType]:
        """The program's answer: the types that these trials get."""
        by_type: defaultdict[WorkerType, list[Worker]] = defaultdict(list)
        for worker in state.workers.values():
            by_type[worker.type].append(worker)
        types = list(by_type)
        goodputs: dict[object, list[float]] = {}
        rows: dict[object, tuple[float, ...]] = {}
        groups: dict[tuple[int, tuple[float, ...]], list[Trial]] = {}
        for trial in trials:
            experiment = state.experiment(trial)
            alike = (trial.kind, experiment.gang, experiment.devices)
            on = now_on.get(trial.id)
            key = (alike, on, on and (trial.arrived, self._restarts[trial.id]))
            if key not in rows:
                if alike not in goodputs:
                    goodputs[alike] = _goodputs(state, trial, by_type.values())
                rows[key] = tuple(self._costs(state, trial, by_type, goodputs[alike], on))
            groups.setdefault((experiment.gang, rows[key]), []).append(trial)
        counts = cheapest(
            [row for _, row in groups],
            [len(members) for members in groups.values()],
            [gang for gang, _ in groups],
            [capacity.get(worker_type, 0) for worker_type in types],
        )
        assigned: dict[TrialId, WorkerType] = {}
        for members, row in zip(groups.values(), counts, strict=True):
            coming = iter(members)
            for worker_type, count in zip(types, row, strict=True):
                assigned.update((trial.id, worker_type) for trial in islice(coming, count))
        return assigned

    def _costs(
        self,
        state: StateView,
        trial: Trial,
        by_type: Mapping[WorkerType, list[Worker]],
        goodputs: list[float],
        on: WorkerType | None,
    ) -> Iterable[float]:
        """What it costs to give the trial each of the types, less what it costs to give it nothing; inf if it must not
        be."""
        age, restarts = state.now - trial.arrived, self._restarts[trial.id]
        for (worker_type, workers), goodput in zip(by_type.items(), goodputs, strict=True):
            runs = goodput > 0
            if on is not None and worker_type != on:
                restart_s = self.restart_s
                if restart_s is None:
                    restart_s = state.costs(trial, workers[0]).restore_s
                if age >= restart_s and age > 0:
                    goodput *= max(age - restarts * restart_s, 0.0) / (age + restart_s)
            if goodput or (runs and self.p > 0):
                power = round(goodput**self.p, 2)
                yield (power if self.p < 0 else -power) - (STAYING if worker_type == on else 0.0) - self.lambda_n
            else:
                yield inf


def _goodputs(state: StateView, trial: Trial, by_type: Iterable[list[Worker]]) -> list[float]:
    """G of the trial, by type; 0 for types that it cannot use."""
    speeds: list[float | None] = []
    for workers in by_type:
        if state.usable(trial, workers[0]):
            known = [1 / s for worker in workers if (s := state.seconds_per_iteration(trial, worker)) is not None]
            speeds.append(fmean(known) if known else None)
        else:
            speeds.append(0.0)
    slowest = min((speed for speed in speeds if speed), default=1.0)
    gang = state.experiment(trial).gang
    return [gang * (1.0 if speed is None else speed / slowest) for speed in speeds]


def cheapest(
    costs: Sequence[Sequence[float]], sizes: Sequence[int], gangs: Sequence[int], capacity: Sequence[int]
) -> list[list[int]]:
    """How many trials of each group get each type, so that the sum of the costs is smallest.

    Row g of `costs` is what a trial of group g costs on each type; the group has sizes[g] trials that take gangs[g]
    workers each, and type c has capacity[c] workers.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # here, as it takes a quarter of a second
    from scipy.sparse import coo_array

    counts = [[0] * len(capacity) for _ in costs]
    choices = [
        (g, c) for g, row in enumerate(costs) for c, cost in enumerate(row) if cost < 0 and gangs[g] <= capacity[c]
    ]
    if not choices:
        return counts
    entries = [(g, column, 1) for column, (g, _) in enumerate(choices)]
    entries += [(len(costs) + c, column, gangs[g]) for column, (g, c) in enumerate(choices)]
    rows, columns, values = zip(*entries, strict=True)
    matrix = coo_array((values, (rows, columns)), shape=(len(costs) + len(capacity), len(choices))).tocsr()
    gains = np.array([costs[g][c] for g, c in choices])
    solution = milp(
        gains * min(1.0, MOST / np.abs(gains).max()),
        integrality=np.ones(len(choices)),
        bounds=Bounds(0, np.inf),
        constraints=LinearConstraint(matrix, ub=np.array([*sizes, *capacity], dtype=float)),
        options={"mip_rel_gap": 0.0},
    )
    if solution.x is None:
        raise RuntimeError(f"the integer program failed: {solution.message}")
    for (g, c), count in zip(choices, np.rint(solution.x), strict=True):
        counts[g][c] = int(count)
    return counts
