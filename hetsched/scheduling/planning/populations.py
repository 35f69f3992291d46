"""How `lookahead` carries out its plan for populations: trials keep pace with it on the workers that suit them."""

from collections.abc import Iterator
from math import inf

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.scheduling.planning.endings import Candidate, Endings
from hetsched.scheduling.planning.group_plan import GroupPlan, fixed_seconds, worthwhile

NEGLIGIBLE_LOSS = 0.01
"""A trial belongs on a worker where it loses less than this of its worth."""


class PopulationDispatch:
    """The decisions of one call of the policy: which idle worker takes which trial of the populations."""

    def __init__(self, state: StateView, plan: GroupPlan, patience: float) -> None:
        self._state = state
        self._plan = plan
        self._time_left = max(plan.end - state.now, 0.0)
        self._patience_s = patience * self._time_left
        self._endings: Endings | None = None  # where trials are fewer than workers
        self._lost: dict[tuple[int, WorkerId], float] = {}
        self._too_late: set[tuple[int, WorkerType]] = set()

    def decisions(self) -> Iterator[Dispatch]:
        state, plan = self._state, self._plan
        ready = sorted(self._candidates())
        idle = sorted(state.idle_workers, key=lambda worker: plan.rank[plan.number[worker.type]])
        if len(ready) <= len(idle):
            self._endings = Endings(state, plan, self._patience_s, ready)
        for worker in idle:
            if choice := self._choose(worker, ready):
                candidate, iterations = choice
                ready.remove(candidate)
                if self._endings is not None:
                    self._endings.add(candidate, worker, iterations)
                yield Dispatch(candidate.trial.id, worker.id, iterations)

    def _candidates(self) -> Iterator[Candidate]:
        time_left, groups, pace = self._plan.end - self._state.now, self._plan.groups, self._plan.pace
        stops = {experiment.id: experiment.stop_iterations for experiment in self._state.experiments.values()}
        for trial in self._state.ready_trials:
            group = groups.get(trial.id)
            if group is not None:
                slack = time_left - (stops[trial.experiment] - trial.iterations) * pace[group]
                yield Candidate(slack, trial.index, trial, group)

    # Which trial, and how much of it.

    def _choose(self, worker: Worker, ready: list[Candidate]) -> tuple[Candidate, int] | None:
        """The trial to run on the worker, and how many iterations of it; None to leave the worker idle."""
        best: tuple[Candidate, int] | None = None
        for candidate in self._preferred(worker, ready):
            if (candidate.group, worker.type) in self._too_late:
                continue
            iterations = self._iterations(candidate, worker)
            if iterations and (
                iterations == self._state.interval(candidate.trial) or not self._lost_a_second(candidate, worker)
            ):
                return candidate, iterations
            if iterations and (best is None or iterations > best[1]):
                best = candidate, iterations
        return best

    def _preferred(self, worker: Worker, ready: list[Candidate]) -> Iterator[Candidate]:
        """The candidates that belong on the worker, in its order of preference."""
        loss = self._plan.fluid.loss[:, self._plan.number[worker.type]].tolist()
        fitting = [
            candidate
            for candidate in ready
            if loss[candidate.group] < NEGLIGIBLE_LOSS
            and (candidate.group, worker.type) not in self._too_late
            and self._state.usable(candidate.trial, worker)
        ]
        first = None
        for candidate in fitting:
            if not self._lost_a_second(candidate, worker):
                first = first or candidate
                if first is candidate and (held := self._in_memory(worker, fitting, first)):
                    yield held
                yield candidate
        slow = [c for c in fitting if self._lost_a_second(c, worker)]
        for candidate in slow:
            trial = candidate.trial
            seconds = self._state.segment_seconds(trial, worker, self._state.interval(trial)) or 0.0
            if candidate.slack >= self._lost_a_second(candidate, worker) * seconds:
                yield candidate
        yield from reversed(slow)

    def _in_memory(self, worker: Worker, fitting: list[Candidate], first: Candidate) -> Candidate | None:
        """The trial that the worker has in its memory, if the restore that this saves is worth being unfair to the
        first in line."""
        state = self._state
        for candidate in fitting:
            if candidate.trial.at == worker.id and not self._lost_a_second(candidate, worker):
                seconds = state.segment_seconds(candidate.trial, worker, state.interval(candidate.trial)) or inf
                worth = state.costs(candidate.trial, worker).restore_s / seconds
                if candidate.slack - first.slack <= worth * self._time_left:
                    return candidate
        return None

    def _lost_a_second(self, candidate: Candidate, worker: Worker) -> float:
        """The slack that a second on the worker costs trials of the group; 0 if it costs none."""
        key = (candidate.group, worker.id)
        if key not in self._lost:
            state, trial = self._state, candidate.trial
            step = state.seconds_per_iteration(trial, worker) or 0.0
            interval = state.experiment(trial).interval
            seconds = step * interval + fixed_seconds(state, trial, worker)
            paced = interval * self._plan.pace[candidate.group]
            self._lost[key] = 0.0 if seconds <= 1.001 * paced else 1 - paced / seconds
        return self._lost[key]

    def _iterations(self, candidate: Candidate, worker: Worker) -> int:
        """How many iterations of the trial to run now: a customary segment if all is well, 0 for none."""
        state, trial = self._state, candidate.trial
        most = state.interval(trial)
        step = state.seconds_per_iteration(trial, worker)
        if step is None:
            return most
        costs = state.segment_seconds(trial, worker, 0) or 0.0
        fewest = worthwhile(step, costs, most)
        lost = self._lost_a_second(candidate, worker)
        seconds = min(self._patience_s, (candidate.slack + self._patience_s) / lost) if lost else self._patience_s
        iterations = min(most, int((seconds - costs) / step))
        if iterations < fewest:
            late = costs + fewest * step - self._time_left
            if late > self._plan.last_segment[candidate.group]:
                self._too_late.add((candidate.group, worker.type))
                return 0
            iterations = fewest
        endings = self._endings
        if endings is None:
            return iterations
        if not lost:
            cut = endings.until_an_exchange(candidate, worker, costs, step, iterations)
        elif endings.held_back(candidate, worker, costs + iterations * step):
            return 0
        else:
            cut = endings.apart(worker, costs, step, iterations)
        iterations = cut if cut >= fewest else iterations
        if lost and endings.starves_the_fast(candidate, worker, costs + iterations * step):
            return 0
        return iterations
