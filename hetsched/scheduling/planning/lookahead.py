"""Plan against the bound, and let the last segments end together."""

from bisect import insort
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import ceil, inf, log
from typing import NamedTuple

import numpy as np

from hetsched.core.decisions import Decision, Dispatch, WakeAt
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind
from hetsched.scheduling import register
from hetsched.scheduling.planning.fluid_plan import Array, FluidPlan, fluid_plan
from hetsched.scheduling.planning.open_shop import next_slot

NEGLIGIBLE_LOSS = 0.01
"""A trial belongs on a worker where it loses less than this of its worth."""

WORTHWHILE = 3.0
"""A segment is not cut so short that it trains for less than so many times its costs."""


@register("lookahead")
class Lookahead:
    """Trials keep pace with a plan for all the work that is left, on the workers that suit them, and end together.

    From time to time the fluid plan is made for the work that is left: the linear program whose optimum is the bound
    on makespan (`hetsched.scheduling.planning.fluid_plan`), with step times that include the costs of segments. It gives the
    time T at which everything could end, the pace of each trial (seconds an iteration on the mix of workers planned
    for it), and which trials belong on which workers. The slack of a trial is the time until T less what it needs at
    its pace. Then

    - workers whose seconds are worth most choose first, among the trials that belong on them;
    - a worker at least as fast as a trial's pace takes the trial of least slack, so that populations keep together;
    - a slower one uses up slack: it takes the trial of least slack that has enough for a whole segment, else of the
      one of most slack no more than can be made up for;
    - no segment lasts longer than a fraction of the time until T, so that segments get shorter and the last ones end
      together, but none is cut so short that its costs outweigh its training;
    - a worker idles rather than run far past T, or take what a faster one, soon to be free, should have;
    - where trials are fewer than workers, segments on slow workers end one after the other and those on fast workers
      end with them, so that trials can change places, and slow workers leave the fast ones enough to do;
    - a worker stays with the trial in its memory if the restore that it saves is worth the slack.

    Where all trials are independent of each other (no PBT) segments may be long, and the plan's own schedule is
    carried out, slot by slot (`hetsched.scheduling.planning.open_shop`).

    `patience` is the fraction of the time until T that a segment may last and a trial may be behind.
    """

    single_workers_only = True  # it does not place gangs

    def __init__(self, patience: float = 0.2) -> None:
        if not 0 < patience <= 1:
            raise ValueError(f"patience must be above 0 and at most 1, not {patience}")
        self._patience = patience
        self._plan: Plan | None = None

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        plan = self._plan
        if plan is None or plan.is_outdated(state):
            plan = self._plan = make_plan(state)
        decisions: list[Decision] = []
        if plan.groups and all(experiment.pbt is None for experiment in state.experiments.values()):
            decisions += slot(state, plan, self._patience)
        elif plan.groups:
            decisions += Moment(state, plan, self._patience).decisions()
        if not decisions and not state.running:
            decisions += soonest(state)
        if len(decisions) < min(len(state.ready_trials), len(state.idle_workers)):
            decisions.append(WakeAt(plan.renew_at))  # what must idle by this plan may run by the next
        return decisions


class Plan(NamedTuple):
    """The fluid plan for the time until `end`, and which group each trial is in.

    `pace` is that of the group. `rank` is by type of worker: those whose seconds are worth most choose first, of equals
    the fastest. `last_segment` is, by group, the seconds of the shortest worthwhile segment on the best worker. `need`
    are, for independent trials, the planned seconds by type that no segment has used yet.
    """

    fluid: FluidPlan
    end: float
    renew_at: float
    trials_seen: int
    workers_seen: tuple[WorkerId, ...]
    groups: dict[TrialId, int]
    pace: list[float]
    number: dict[WorkerType, int]
    rank: list[tuple[float, float]]
    last_segment: list[float]
    need: dict[TrialId, Array]

    def is_outdated(self, state: StateView) -> bool:
        changed = self.trials_seen != len(state.trials) or self.workers_seen != tuple(state.workers)
        return changed or state.now >= self.renew_at


def make_plan(state: StateView) -> Plan:
    """The fluid plan for the iterations that are left.

    Trials are grouped by experiment, kind and, within a factor of 1.3, what is left of them. It is renewed when a
    twentieth of its time has passed, or trials or workers have come or gone.
    """
    types: dict[WorkerType, list[Worker]] = {}
    for worker in state.workers.values():
        types.setdefault(worker.type, []).append(worker)
    examples = [workers[0] for workers in types.values()]
    members: dict[tuple[ExperimentId, TrialKind, int], dict[TrialId, float]] = {}
    for trial in state.trials.values():
        if trial.completed is None and any(state.usable(trial, worker) for worker in examples):
            left = iterations_left(state, trial)
            bucket = ceil(4 * log(max(left, 1.0)))
            members.setdefault((trial.experiment, trial.kind, bucket), {})[trial.id] = left
    trials = [state.trials[next(iter(group))] for group in members.values()]
    crowded = sum(map(len, members.values())) > len(state.workers)
    speeds = np.zeros((len(members), len(types)))
    last_segment = [inf] * len(members)
    shortest = inf
    for g, trial in enumerate(trials):
        interval = state.experiment(trial).interval
        for m, worker in enumerate(examples):
            if not state.usable(trial, worker):
                continue
            step = state.seconds_per_iteration(trial, worker) or 1.0  # while unknown, any worker is as good
            costs = fixed_seconds(state, trial, worker)
            restore = state.costs(trial, worker).restore_s if crowded else 0.0
            speeds[g, m] = 1 / (step + (costs + restore) / interval)
            last_segment[g] = min(last_segment[g], costs + restore + step * worthwhile(step, costs, interval))
            shortest = min(shortest, step + costs)
    fluid = fluid_plan(
        speeds,
        [sum(group.values()) for group in members.values()],
        [len(group) for group in members.values()],
        [len(workers) for workers in types.values()],
    )
    relative = speeds / speeds.max(axis=1, keepdims=True) if len(speeds) else speeds.sum(axis=0, keepdims=True)
    return Plan(
        fluid=fluid,
        end=state.now + fluid.length,
        renew_at=state.now + max(0.05 * fluid.length, min(shortest, 1e9)),
        trials_seen=len(state.trials),
        workers_seen=tuple(state.workers),
        groups={trial: number for number, group in enumerate(members.values()) for trial in group},
        pace=pooled_pace(list(members), fluid.seconds, speeds),
        number={worker_type: number for number, worker_type in enumerate(types)},
        rank=list(zip((-fluid.worth).tolist(), (-relative.mean(axis=0)).tolist(), strict=True)),
        last_segment=last_segment,
        need={
            trial: fluid.seconds[number] * (left / sum(group.values()))
            for number, (key, group) in enumerate(members.items())
            if state.experiments[key[0]].pbt is None
            for trial, left in group.items()
        },
    )


def pooled_pace(groups: list[tuple[ExperimentId, TrialKind, int]], seconds: Array, speeds: Array) -> list[float]:
    """By group, the planned seconds an iteration of all trials of its experiment and kind: however far each has got,
    they are measured by the same pace, so that laggards are seen as such and catch up."""
    totals: dict[tuple[ExperimentId, TrialKind], tuple[float, float]] = {}
    for number, (experiment, kind, _) in enumerate(groups):
        spent, done = totals.get((experiment, kind), (0.0, 0.0))
        spent += float(seconds[number].sum())
        done += float((seconds[number] * speeds[number]).sum())
        totals[experiment, kind] = spent, done
    return [totals[experiment, kind][0] / totals[experiment, kind][1] for experiment, kind, _ in groups]


def iterations_left(state: StateView, trial: Trial) -> float:
    """Iterations to the trial's stop, a running segment counted in proportion to its time."""
    left = float(state.remaining(trial))
    segment = state.running.get(trial.id)
    end = None if segment is None else state.expected_end(segment)
    if segment is not None and end is not None and end > segment.time:
        left -= segment.iterations * min(1.0, (state.now - segment.time) / (end - segment.time))
    return max(left, 1e-6)


def fixed_seconds(state: StateView, trial: Trial, worker: Worker) -> float:
    """What every segment costs beside its iterations: evaluation and checkpoint."""
    costs = state.costs(trial, worker)
    return state.experiment(trial).evaluation_images * costs.evaluation_s_per_image + costs.checkpoint_s


def worthwhile(step: float, costs: float, most: int) -> int:
    """The fewest iterations of `step` seconds whose training is worth the costs (seconds) of a segment."""
    return max(1, min(most, ceil(WORTHWHILE * costs / step)))


def soonest(state: StateView) -> list[Dispatch]:
    """When nothing runs something must: the segment that would end first."""
    pairs = (
        (state.segment_seconds(trial, worker, state.interval(trial)) or 0.0, trial.index, place, trial, worker)
        for trial in state.ready_trials
        for place, worker in enumerate(state.idle_workers)
        if state.usable(trial, worker)
    )
    first = min(pairs, key=lambda pair: pair[:3], default=None)
    return [] if first is None else [Dispatch(first[3].id, first[4].id, state.interval(first[3]))]


def slot(state: StateView, plan: Plan, patience: float) -> list[Dispatch]:
    """The next slot of the plan's own schedule, for trials that are independent of each other.

    Segments of a slot end together. Trials that arrive within a slot, and those that wait when it should have ended,
    get the workers that are idle. Where segments cost nothing, `patience` limits them.
    """
    left = max(plan.end - state.now, 1e-9)
    seconds = inf
    if state.running:
        ends = [state.expected_end(segment) for segment in state.running.values()]
        rest = max((end for end in ends if end is not None), default=state.now) - state.now
        if 0 < rest < 0.01 * left:
            return []  # the slot is about to end
        seconds = rest if rest > 0 else inf
    workers: list[list[Worker]] = [[] for _ in plan.number]
    for worker in state.idle_workers:
        workers[plan.number[worker.type]].append(worker)
    trials = [trial for trial in state.ready_trials if trial.id in plan.need]
    if not trials:
        return []
    need = np.maximum(0.0, np.array([plan.need[trial.id] for trial in trials]))
    places, lasts = next_slot(need, [len(of_type) for of_type in workers], left)
    decisions = []
    for row, kind in places:
        trial, worker = trials[row], workers[kind].pop(0)
        step = state.seconds_per_iteration(trial, worker) or 1.0
        costs = state.segment_seconds(trial, worker, 0) or 0.0
        most = state.longest_segment(trial)
        limit = seconds if costs else min(seconds, patience * left)
        iterations = min(most, max(worthwhile(step, costs, most), round(min(lasts, limit) / step)))
        if most - iterations < worthwhile(step, costs, most) and costs:
            iterations = most  # what would be left is not worth a segment of its own
        if iterations * step <= 1.5 * seconds:
            plan.need[trial.id][kind] -= iterations * step
            decisions.append(Dispatch(trial.id, worker.id, iterations))
    return decisions


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


class Moment:
    """The decisions of one moment, for populations."""

    def __init__(self, state: StateView, plan: Plan, patience: float) -> None:
        self._state = state
        self._plan = plan
        self._time_left = max(plan.end - state.now, 0.0)
        self._patience = patience * self._time_left
        self._ready: list[Candidate] = []
        self._endings: list[Ending] | None = None
        self._lost: dict[tuple[int, WorkerId], float] = {}
        self._too_late: set[tuple[int, WorkerType]] = set()

    def decisions(self) -> Iterator[Dispatch]:
        state, plan = self._state, self._plan
        self._ready = ready = sorted(self._candidates())
        idle = sorted(state.idle_workers, key=lambda worker: plan.rank[plan.number[worker.type]])
        if len(ready) <= len(idle):
            self._endings = self._all_endings()
        for worker in idle:
            if choice := self._choose(worker, ready):
                candidate, iterations = choice
                ready.remove(candidate)
                if self._endings is not None:
                    self._note(self._endings, candidate, worker, iterations)
                yield Dispatch(candidate.trial.id, worker.id, iterations)

    def _candidates(self) -> Iterator[Candidate]:
        time_left, groups, pace = self._plan.end - self._state.now, self._plan.groups, self._plan.pace
        stops = {experiment.id: experiment.stop_iterations for experiment in self._state.experiments.values()}
        for trial in self._state.ready_trials:
            group = groups.get(trial.id)
            if group is not None:
                slack = time_left - (stops[trial.experiment] - trial.iterations) * pace[group]
                yield Candidate(slack, trial.index, trial, group)

    def _all_endings(self) -> list[Ending]:
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

    def _note(self, endings: list[Ending], candidate: Candidate, worker: Worker, iterations: int) -> None:
        seconds = self._state.segment_seconds(candidate.trial, worker, iterations) or 0.0
        slack = candidate.slack + iterations * self._plan.pace[candidate.group] - seconds
        left = self._state.remaining(candidate.trial) - iterations
        ending = Ending(self._state.now + seconds, slack, worker, candidate.trial, left)
        insort(endings, ending, key=lambda ending: ending.time)

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
        seconds = min(self._patience, (candidate.slack + self._patience) / lost) if lost else self._patience
        iterations = min(most, int((seconds - costs) / step))
        if iterations < fewest:
            late = costs + fewest * step - self._time_left
            if late > self._plan.last_segment[candidate.group]:
                self._too_late.add((candidate.group, worker.type))
                return 0
            iterations = fewest
        if self._endings is None:
            return iterations
        if not lost:
            cut = self._until_an_exchange(self._endings, candidate, worker, costs, step, iterations)
        elif self._held_back(self._endings, candidate, worker, costs + iterations * step):
            return 0
        else:
            cut = self._apart(self._endings, worker, costs, step, iterations)
        iterations = cut if cut >= fewest else iterations
        if lost and self._starves_the_fast(self._endings, candidate, worker, costs + iterations * step):
            return 0
        return iterations

    # Where trials are fewer than workers.

    def _much_behind(self, slack: float, other: float) -> bool:
        """Whether a trial is so much behind another that they should change places."""
        return other - slack > 0.25 * self._patience

    def _faster(self, worker: Worker, other: Worker, trial: Trial) -> bool:
        mine = self._state.seconds_per_iteration(trial, worker)
        theirs = self._state.seconds_per_iteration(trial, other)
        return mine is not None and theirs is not None and mine < 0.99 * theirs

    def _held_back(self, endings: list[Ending], candidate: Candidate, worker: Worker, seconds: float) -> bool:
        """Whether a faster worker that will soon be free should have the trial rather than the one it has now.

        So many trials are held back as there are such workers, those of least slack.
        """
        soon = sum(
            self._much_behind(candidate.slack, ending.slack)
            and self._state.usable(candidate.trial, ending.worker)
            and self._faster(ending.worker, worker, candidate.trial)
            for ending in endings
            if ending.time <= self._state.now + 0.25 * seconds
        )
        return sum(other.slack < candidate.slack for other in self._ready) < soon

    def _starves_the_fast(self, endings: list[Ending], candidate: Candidate, worker: Worker, seconds: float) -> bool:
        """Whether faster workers would run out of trials before a slow one gives one back."""
        state, now = self._state, self._state.now
        fast = [ending for ending in endings if self._faster(ending.worker, worker, candidate.trial)]
        if not fast:
            return False
        back = min((e.time for e in endings if not self._faster(e.worker, worker, candidate.trial)), default=inf)
        work = sum(ending.time - now + self._rest(ending.trial, ending.left, ending.worker) for ending in fast)
        for other in self._ready:
            if other is not candidate and state.usable(other.trial, fast[0].worker):
                work += self._rest(other.trial, state.remaining(other.trial), fast[0].worker)
        return work / len(fast) < min(back - now, seconds)

    def _rest(self, trial: Trial, left: int, worker: Worker) -> float:
        """The seconds that `left` iterations of the trial take on the worker, in customary segments."""
        interval = self._state.experiment(trial).interval
        step = self._state.seconds_per_iteration(trial, worker) or 0.0
        return left * (step + fixed_seconds(self._state, trial, worker) / interval)

    def _until_an_exchange(
        self, endings: list[Ending], candidate: Candidate, worker: Worker, costs: float, step: float, most: int
    ) -> int:
        """Iterations until a slower worker's segment ends whose trial should then change places with this one."""
        iterations = most
        for ending in endings:
            needed = ceil((ending.time - self._state.now - costs) / step + 1e-9)
            if needed >= most:
                break
            slack = candidate.slack - costs + needed * (self._plan.pace[candidate.group] - step)
            exchange = self._much_behind(ending.slack, slack) and self._faster(worker, ending.worker, candidate.trial)
            if needed > 0 and exchange:
                iterations = needed
        return iterations

    def _apart(self, endings: list[Ending], worker: Worker, costs: float, step: float, most: int) -> int:
        """Iterations until no other worker of this type ends: faster workers can take their trials one by one only."""
        now = self._state.now
        end = now + costs + most * step
        times = [ending.time for ending in endings if ending.worker.type == worker.type and ending.time > now]
        apart = (end - now) / (len(times) + 1) / 2
        if all(abs(time - end) >= apart for time in times):
            return most
        moments = [now, *(time for time in times if time < end), end]
        gap, start = max((after - before, -before) for before, after in pairwise(moments))
        return max(1, min(most, int((gap / 2 - start - now - costs) / step)))
