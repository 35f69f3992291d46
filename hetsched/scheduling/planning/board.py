"""The run in numbers: `lookahead` decides on a board, and plays it forward."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from msgspec import Struct

from hetsched.domain.workload import ExperimentId
from hetsched.scheduling.planning.kinds import Kind
from hetsched.scheduling.planning.rule import Rule


class Start(Struct, frozen=True, gc=False):
    """A segment to start: the trial, its workers (a gang has several), the iterations."""

    trial: int
    team: tuple[int, ...]
    iterations: int


class Running(Struct, frozen=True, gc=False, order=True):
    """A running segment: from `begun` to `end`, in seconds since the start of the run. The first to
    end is least."""

    end: float
    trial: int
    team: tuple[int, ...]
    iterations: int
    begun: float


@dataclass
class Board:
    """Trials, workers and kinds of trial by number.

    - By worker: its `types`, the trial in its `memory` (-1: none), whether it is `warm`.
    - By trial: its kind, its experiment, the iterations `left`, whether it has a state that must be
      restored elsewhere (`has_state`), and the worker that it is `at` (-1: none). `beside` has the
      further workers of a gang that it is at.
    - By type: the `idle` workers. The workers to choose first are at the front.
    - By kind: the `ready` trials as sorted pairs (minus the iterations left, trial). `work` is the
      iterations left of all trials, less the iterations of running segments.
    - By kind and type: `used`, the seconds of workers since the plan was made. Only a rule with
      `shares` counts them.
    - `running`: by the first worker of each segment. `active`: how many trials are not completed.
      `scarce`: whether these are at most as many as workers.
    - `fastest`: the workers by speed. `rates`: iterations per second of the k fastest (k = 0, 1,
      ...). Both are empty unless all trials are alike.
    - `led`: the experiments that have a leader (`hetsched.scheduling.planning.mirror.LEADER`).
    - `end`: the planned end of the run, in seconds since its start.
    - `mattered`: the options of the rule that have made a difference since the board was copied
      (`hetsched.scheduling.planning.rule.Rule.decides_like`).
    """

    now: float
    kinds: list[Kind]
    types: list[int]
    memory: list[int]
    warm: list[bool]
    kind_of: list[int]
    experiment_of: list[ExperimentId]
    left: list[int]
    has_state: list[bool]
    at: list[int]
    idle: list[list[int]]
    ready: list[list[tuple[int, int]]]
    running: dict[int, Running]
    work: list[int]
    active: int
    fastest: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    rule: Rule = field(default_factory=Rule)
    end: float = 0.0
    renew_at: float = 0.0
    last_start: dict[int, float] = field(default_factory=dict)
    used: list[list[float]] = field(default_factory=list)
    waiting: int = 0
    of_type: list[int] = field(default_factory=list)
    scarce: bool = False
    beside: dict[int, tuple[int, ...]] = field(default_factory=dict)
    led: set[ExperimentId] = field(default_factory=set)
    mattered: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting = sum(map(len, self.ready))
        self.scarce = self.active <= len(self.types)
        self.used = self.used or [[0.0] * len(self.idle) for _ in self.kinds]
        self.of_type = self.of_type or [self.types.count(number) for number in range(len(self.idle))]

    def copy(self) -> "Board":
        """A board that can be played forward without changing this one."""
        return replace(
            self,
            kinds=[copy(kind) for kind in self.kinds],
            memory=list(self.memory),
            warm=list(self.warm),
            left=list(self.left),
            has_state=list(self.has_state),
            at=list(self.at),
            beside=dict(self.beside),
            idle=[list(workers) for workers in self.idle],
            ready=[list(trials) for trials in self.ready],
            running=dict(self.running),
            work=list(self.work),
            used=[list(of_kind) for of_kind in self.used],
            last_start=dict(self.last_start),
            mattered=set(),
        )

    def is_ready(self, trial: int) -> bool:
        ready, key = self.ready[self.kind_of[trial]], (-self.left[trial], trial)
        place = bisect_left(ready, key)
        return place < len(ready) and ready[place] == key

    def seconds(self, trial: int, team: Sequence[int], iterations: int) -> float:
        """Expected seconds of a segment: start-up, restore, training, evaluation and checkpoint."""
        kind, worker = self.kinds[self.kind_of[trial]], team[0]
        seconds = kind.fixed[worker] + iterations * kind.step[worker]
        if kind.gang == 1:
            warm, holds = self.warm[worker], self.memory[worker] == trial and self.at[trial] == worker
        else:
            warm, holds = all(self.warm[one] for one in team), all(self._holds(one, trial) for one in team)
        if not warm:
            seconds += kind.start_up[worker]
        if not holds and self.has_state[trial]:
            seconds += kind.restore[worker]
        return seconds

    def _holds(self, worker: int, trial: int) -> bool:
        """Whether the worker trained the last segment of the gang's trial, and nothing since."""
        return self.memory[worker] == trial and (self.at[trial] == worker or worker in self.beside.get(trial, ()))

    def start(self, start: Start) -> Running:
        """A segment starts now."""
        trial, team, iterations = start.trial, start.team, start.iterations
        number, first, now = self.kind_of[trial], team[0], self.now
        ready = self.ready[number]
        del ready[bisect_left(ready, (-self.left[trial], trial))]
        self.waiting -= 1
        worker_type = self.types[first]
        idle = self.idle[worker_type]
        for worker in team:
            idle.remove(worker)
        self.work[number] -= iterations
        self.last_start[worker_type] = now
        seconds = self.seconds(trial, team, iterations)
        if self.rule.shares:
            self.used[number][worker_type] += len(team) * seconds
        running = self.running[first] = Running(now + seconds, trial, team, iterations, now)
        return running

    def finish(self, running: Running, left: int) -> None:
        """A segment has ended. Its trial has `left` iterations left now."""
        trial, team = running.trial, running.team
        first, number = team[0], self.kind_of[trial]
        del self.running[first]
        for worker in team:
            self.idle[self.types[worker]].insert(0, worker)
            self.warm[worker] = True
            self.memory[worker] = trial
        self.at[trial] = first
        if len(team) > 1:
            self.beside[trial] = team[1:]
        self.has_state[trial] = True
        self.work[number] += left - self.left[trial] + running.iterations
        self.left[trial] = left
        if left > 0:
            insort(self.ready[number], (-left, trial))
            self.waiting += 1
        else:
            self.active -= 1
            self.scarce = self.active <= len(self.types)
