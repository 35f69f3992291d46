"""Where trials are fewer than workers: segments end so that trials can change places between slow and fast workers."""

from bisect import insort
from itertools import pairwise
from math import ceil, inf
from typing import NamedTuple

from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.scheduling.planning.group_plan import GroupPlan, fixed_seconds


class Candidate(NamedTuple):
    """A ready trial and its slack in seconds; sorting puts the least slack first."""

    slack: float
    number: int
    trial: Trial
    group: int


class Ending(NamedTuple):
    """A running segment: when it should end, and the slack and the iterations that its trial will then have left."""

    time: float
    slack: float
    worker: Worker
    trial: Trial
    left: int


class Endings:
    """The segments that run, in the order in which they should end, and those that are about to start.

    `ready` are the trials that wait. A trial is much behind another if its slack is less by a fourth of `patience_s`
    (seconds).
    """

    def __init__(self, state: StateView, plan: GroupPlan, patience_s: float, ready: list[Candidate]) -> None:
        self._state = state
        self._plan = plan
        self._patience_s = patience_s
        self._ready = ready
        self._endings = self._of_running()

    def add(self, candidate: Candidate, worker: Worker, iterations: int) -> None:
        """A segment of the candidate starts on the worker."""
        seconds = self._state.segment_seconds(candidate.trial, worker, iterations) or 0.0
        slack = candidate.slack + iterations * self._plan.pace[candidate.group] - seconds
        left = self._state.remaining(candidate.trial) - iterations
        ending = Ending(self._state.now + seconds, slack, worker, candidate.trial, left)
        insort(self._endings, ending, key=lambda ending: ending.time)

    def held_back(self, candidate: Candidate, worker: Worker, seconds: float) -> bool:
        """Whether a faster worker that will soon be free should have the trial rather than the one it has now.

        So many trials are held back as there are such workers, those of least slack.
        """
        soon = sum(
            self._much_behind(candidate.slack, ending.slack)
            and self._state.usable(candidate.trial, ending.worker)
            and self._faster(ending.worker, worker, candidate.trial)
            for ending in self._endings
            if ending.time <= self._state.now + 0.25 * seconds
        )
        return sum(other.slack < candidate.slack for other in self._ready) < soon

    def starves_the_fast(self, candidate: Candidate, worker: Worker, seconds: float) -> bool:
        """Whether faster workers would run out of trials before a slow one gives one back."""
        state, now = self._state, self._state.now
        fast = [ending for ending in self._endings if self._faster(ending.worker, worker, candidate.trial)]
        if not fast:
            return False
        back = min((e.time for e in self._endings if not self._faster(e.worker, worker, candidate.trial)), default=inf)
        work = sum(ending.time - now + self._rest(ending.trial, ending.left, ending.worker) for ending in fast)
        for other in self._ready:
            if other is not candidate and state.usable(other.trial, fast[0].worker):
                work += self._rest(other.trial, state.remaining(other.trial), fast[0].worker)
        return work / len(fast) < min(back - now, seconds)

    def until_an_exchange(self, candidate: Candidate, worker: Worker, costs: float, step: float, most: int) -> int:
        """Iterations until a slower worker's segment ends whose trial should then change places with this one."""
        iterations = most
        for ending in self._endings:
            needed = ceil((ending.time - self._state.now - costs) / step + 1e-9)
            if needed >= most:
                break
            slack = candidate.slack - costs + needed * (self._plan.pace[candidate.group] - step)
            exchange = self._much_behind(ending.slack, slack) and self._faster(worker, ending.worker, candidate.trial)
            if needed > 0 and exchange:
                iterations = needed
        return iterations

    def apart(self, worker: Worker, costs: float, step: float, most: int) -> int:
        """Iterations until no other worker of this type ends: faster workers can take their trials one by one only."""
        now = self._state.now
        end = now + costs + most * step
        times = [ending.time for ending in self._endings if ending.worker.type == worker.type and ending.time > now]
        apart = (end - now) / (len(times) + 1) / 2
        if all(abs(time - end) >= apart for time in times):
            return most
        moments = [now, *(time for time in times if time < end), end]
        gap, start = max((after - before, -before) for before, after in pairwise(moments))
        return max(1, min(most, int((gap / 2 - start - now - costs) / step)))

    def _of_running(self) -> list[Ending]:
        state, plan = self._state, self._plan
        endings = []
        for segment in state.running.values():
            trial, worker = state.trials[segment.trial], state.workers.get(segment.worker)
            if worker is not None and trial.id in plan.groups:
                time = max(state.now, state.expected_end(segment) or 0.0)
                left = state.remaining(trial) - segment.iterations
                slack = plan.end - time - left * plan.pace[plan.groups[trial.id]]
                endings.append(Ending(time, slack, worker, trial, left))
        return sorted(endings, key=lambda ending: ending.time)

    def _much_behind(self, slack: float, other: float) -> bool:
        """Whether a trial is so much behind another that they should change places."""
        return other - slack > 0.25 * self._patience_s

    def _faster(self, worker: Worker, other: Worker, trial: Trial) -> bool:
        mine = self._state.seconds_per_iteration(trial, worker)
        theirs = self._state.seconds_per_iteration(trial, other)
        return mine is not None and theirs is not None and mine < 0.99 * theirs

    def _rest(self, trial: Trial, left: int, worker: Worker) -> float:
        """The seconds that `left` iterations of the trial take on the worker, in customary segments."""
        interval = self._state.experiment(trial).interval
        step = self._state.seconds_per_iteration(trial, worker) or 0.0
        return left * (step + fixed_seconds(self._state, trial, worker) / interval)
