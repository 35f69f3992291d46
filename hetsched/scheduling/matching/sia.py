"""Goodput less what restarts cost, by an integer program."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from heapq import merge
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
from hetsched.scheduling.matching.transport import Transport
from hetsched.scheduling.progress import progress
from hetsched.scheduling.teams import others

STAYING = 1e-4
"""The cost of the worker that the trial has is less by this, so that no other trial takes its place
at equal cost. It is far below the rounding of costs."""

MOST = 1e9
"""Costs are scaled down to this. HiGHS takes some far larger costs for infinite."""

Idle = dict[WorkerId, Worker]
"""Idle workers of one type that are not assigned yet; the one that is idle for longest comes
first."""

Row = tuple[int, tuple[float, ...]]
"""What the trials of a group share: the gang, and the cost of each type of worker."""


@register("sia")
class Sia:
    """Gives trials the types of worker with the most goodput, less what restarts cost, round by
    round.

    Sia (Jayaram Subramanya et al., SOSP'23). At the start of a round each trial j gets at most one
    type c of worker (A_jc = 1), so as to

        minimise    sum_jc A_jc (r_jc G_jc)^p + lambda sum_j (1 - sum_c A_jc)
        subject to  sum_j n_j A_jc <= the number of workers of type c

    For p > 0 the first sum counts negative: it is maximised. n_j is the gang of j. G_jc is the
    goodput of j on c, divided by the smallest goodput of j on any type, times n_j. Our case is the
    paper's case of rigid jobs (sia-rigid): batch size and number of workers are given, and only the
    type is chosen. So goodput is iterations per second. A type of unknown speed counts as the
    slowest.

    r_jc = max(T - N S, 0) / (T + S) for a trial that would have to leave its type for c. T is its
    age, N the number of its restarts so far, and S the seconds of a restart. In three cases r_jc =
    1: on the type that the trial is on, for a trial that waits, and while T < S.

    The powers are rounded to two decimals, as in the published code (siasosp23/artifacts,
    sia-simulator/sia.py). Of equal trials, those that are training come first, then those with the
    fewest iterations. Trials with equal rows are counted together, so that the program stays small.
    Of such groups, the one with the most iterations left comes first where costs are equal.

    Within the round a trial stays on its type, an interval at a time. It stays on its own worker if
    no other trial is there. If PBT gives it a batch size that its type cannot run, it counts as a
    trial without a type. Segments are not broken off: a trial moves when one ends. If no
    assigned trial waits for an idle worker, the worker goes to another trial that waits. The same
    program, restricted to such trials, assigns these workers. So no worker that could be used is
    idle, except while a gang waits for more workers of the same type.

    `p` is the power p. `lambda_n` is the cost of giving a trial nothing. It is above 1, the cost of
    the slowest type, so that any type is better than none. `restart_s` is S (None: the restore
    seconds by the profile, on type c). `round_s` is the length of a round, in seconds. Raises
    ValueError for values out of range.
    """

    periods: ClassVar = {"round_s": 8}
    weighs_costs = True
    preempts_at_checkpoints = True
    takes_turns = True

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
        self._types: dict[WorkerType, int] = {}
        self._assigned: dict[TrialId, WorkerType] = {}
        self._restarts: Counter[TrialId] = Counter()
        self._waiting: set[TrialId] = set()  # the assigned ones among the ready
        self._changes = 0
        self._trained_last: dict[WorkerId, TrialId] = {}

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        idle: defaultdict[WorkerType, Idle] = defaultdict(dict)
        for worker in state.idle_workers:
            idle[worker.type][worker.id] = worker
        types = {worker_type: len(workers) for worker_type, workers in state.workers_by_type.items()}
        if state.now >= self._round_ends or types != self._types:
            self._types, self._round_ends = types, state.now + self.round_s
            running = sorted((state.trials[trial] for trial in state.running), key=lambda trial: trial.index)
            self._assigned = self._assign_all(state, [*running, *state.ready_trials])
            self._waiting = {trial for trial in self._assigned if trial not in state.running}
        else:
            self._look(state)

        assigned = [(state.trials[trial], self._assigned[trial]) for trial in self._waiting]
        # first those that can stay where they are, then the least advanced
        assigned.sort(key=lambda pair: (pair[0].at not in idle[pair[1]], pair[0].iterations, pair[0].index))
        decisions = [decision for trial, on in assigned for decision in self._start(state, trial, idle[on])]
        started = {decision.trial for decision in decisions}
        for trial, on in assigned:
            if trial.id not in started and state.experiment(trial).gang > 1:
                idle[on].clear()  # wait for more of them, or others would take them for ever

        left = {worker_type: len(workers) for worker_type, workers in idle.items() if workers}
        if left:
            for trial, on in self._assign_rest(state, started, left):
                self._assigned.setdefault(trial.id, on)
                self._waiting.add(trial.id)
                decisions += self._start(state, trial, idle[on])
        return decisions

    def _look(self, state: StateView) -> None:
        """Update which of the assigned trials wait, by what has changed since the last call. A trial
        to which PBT gave a kind that cannot run on its type has no type any more."""
        for trial in state.changed_since(self._changes):
            on = self._assigned.get(trial.id)
            if on is None or not state.is_ready(trial):
                self._waiting.discard(trial.id)
            elif state.usable(trial, next(iter(state.workers_by_type[on].values()))):
                self._waiting.add(trial.id)
            else:
                self._waiting.discard(trial.id)
                del self._assigned[trial.id]
        self._changes = state.changes

    def _start(self, state: StateView, trial: Trial, idle: Idle) -> list[Dispatch]:
        """Start an interval of the trial, on its own worker if that is idle. Starts nothing if too
        few workers are idle."""
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
        return [Dispatch(trial.id, first, state.interval(trial), others(team))]

    def _now_on(self, state: StateView) -> dict[TrialId, WorkerType]:
        """The type that each trial is on: the trial runs there, or it trained there last and that
        worker is idle."""
        on = {segment.trial: segment.worker for segment in state.running.values()}
        idle = {worker.id for worker in state.idle_workers}
        on |= {trial.id: trial.at for trial in state.ready_trials if trial.at is not None and trial.at in idle}
        return {trial: state.workers[worker].type for trial, worker in on.items() if worker in state.workers}

    def _assign_all(self, state: StateView, trials: Iterable[Trial]) -> dict[TrialId, WorkerType]:
        """The types that these trials get at the start of a round, by the program."""
        now_on, goodputs = self._now_on(state), dict[object, list[float]]()
        rows: dict[object, Row] = {}
        groups: dict[Row, list[Trial]] = {}
        for trial in trials:
            on = now_on.get(trial.id)
            alike = state.alike(trial)
            key = (alike, on, on and (trial.arrived, self._restarts[trial.id]))
            if key not in rows:
                if alike not in goodputs:
                    goodputs[alike] = _goodputs(state, trial)
                rows[key] = self._row(state, trial, goodputs[alike], on)
            groups.setdefault(rows[key], []).append(trial)
        in_order = sorted(groups.items(), key=lambda group: -state.remaining(group[1][0]))
        members = [alike for _, alike in in_order]
        dealt = _dealt(
            state, [row for row, _ in in_order], list(map(len, members)), list(map(iter, members)), self._types
        )
        return {trial.id: on for trial, on in dealt}

    def _assign_rest(
        self, state: StateView, started: Container[TrialId], left: Mapping[WorkerType, int]
    ) -> Iterable[tuple[Trial, WorkerType]]:
        """The types that the ready trials which have not started get of the idle workers that are
        left."""
        groups: dict[Row, list[Iterator[Trial]]] = {}
        sizes: Counter[Row] = Counter()
        most = sum(left.values())
        ready = state.grouped(StateView.alike, progress).values()
        queues = [list(islice((trial for trial in alike if trial.id not in started), most)) for alike in ready]
        for queue in sorted(filter(None, queues), key=lambda queue: (-state.remaining(queue[0]), queue[0].index)):
            row = self._row(state, queue[0], _goodputs(state, queue[0]), None)
            groups.setdefault(row, []).append(iter(queue))
            sizes[row] += len(queue)
        members = [merge(*alike, key=lambda trial: progress(state, trial)) for alike in groups.values()]
        return _dealt(state, list(groups), [sizes[row] for row in groups], members, left)

    def _row(self, state: StateView, trial: Trial, goodputs: list[float], on: WorkerType | None) -> Row:
        return state.experiment(trial).gang, tuple(self._costs(state, trial, goodputs, on))

    def _costs(
        self,
        state: StateView,
        trial: Trial,
        goodputs: list[float],
        on: WorkerType | None,
    ) -> Iterable[float]:
        """For each type, the cost of giving it to the trial less the cost of giving the trial
        nothing. Infinity: the trial must not get this type."""
        age, restarts = state.now - trial.arrived, self._restarts[trial.id]
        for (worker_type, workers), goodput in zip(state.workers_by_type.items(), goodputs, strict=True):
            runs = goodput > 0
            if on is not None and worker_type != on:
                restart_s = self.restart_s
                if restart_s is None:
                    restart_s = state.costs(trial, next(iter(workers.values()))).restore_s
                if age >= restart_s and age > 0:
                    goodput *= max(age - restarts * restart_s, 0.0) / (age + restart_s)
            if goodput or (runs and self.p > 0):
                power = round(goodput**self.p, 2)
                yield (power if self.p < 0 else -power) - (STAYING if worker_type == on else 0.0) - self.lambda_n
            else:
                yield inf


def _dealt(
    state: StateView,
    rows: Sequence[Row],
    sizes: Sequence[int],
    members: Sequence[Iterator[Trial]],
    capacity: Mapping[WorkerType, int],
) -> Iterator[tuple[Trial, WorkerType]]:
    """Which trials get which types, group by group, the first members first."""
    types = list(state.workers_by_type)
    counts = cheapest(
        [costs for _, costs in rows], sizes, [gang for gang, _ in rows], [capacity.get(name, 0) for name in types]
    )
    for coming, row in zip(members, counts, strict=True):
        for worker_type, count in zip(types, row, strict=True):
            for trial in islice(coming, count):
                yield trial, worker_type


def _goodputs(state: StateView, trial: Trial) -> list[float]:
    """G of the trial, by type. 0: the trial cannot use the type."""
    speeds: list[float | None] = []
    for alike in state.workers_by_type.values():
        workers = list(alike.values())
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

    `costs[g][c]` is what a trial of group g costs on type c. Group g has sizes[g] trials; each
    takes gangs[g] workers. Type c has capacity[c] workers. If all gangs are of one size, the
    earlier group is served where costs are equal.
    """
    if len(set(gangs)) <= 1:
        allowed = [[cost if cost < 0 else inf for cost in row] for row in costs]
        return Transport(allowed, sizes, [workers // gangs[0] for workers in capacity] if costs else []).solve()
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
