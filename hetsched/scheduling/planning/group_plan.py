"""The plan that `lookahead` follows for independent trials: the fluid plan for groups of like
trials."""

from math import ceil, inf, log
from typing import NamedTuple

import numpy as np

from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind
from hetsched.scheduling.planning.fluid_plan import Array, fluid_plan

WORTHWHILE = 3.0
"""A segment is not cut so short that its training takes less than this many times its costs."""

GroupKey = tuple[ExperimentId, TrialKind, int]
"""What the trials of a group share. The number is a bucket of the iterations that they have
left."""

Groups = dict[GroupKey, dict[TrialId, float]]
"""The iterations that each trial of each group has left."""


class GroupPlan(NamedTuple):
    """The fluid plan made at `made_at` for the time until `end`, and which group each trial is in.

    `number` numbers the types of workers. `need` is, for independent trials, the planned seconds by
    type that no segment has used yet.
    """

    made_at: float
    end: float
    renew_at: float
    trials_seen: int
    workers_seen: tuple[WorkerId, ...]
    groups: dict[TrialId, int]
    number: dict[WorkerType, int]
    need: dict[TrialId, Array]
    kinds: dict[TrialId, TrialKind]
    """Only the trials whose kind PBT may change."""

    def is_outdated(self, state: StateView) -> bool:
        changed = self.trials_seen != len(state.trials) or self.workers_seen != tuple(state.workers)
        changed = changed or any(state.trials[trial].kind != kind for trial, kind in self.kinds.items())
        return changed or state.now >= self.renew_at

    def changes_with_time(self, state: StateView) -> bool:
        """Whether the next plan may differ although nothing has happened. That is so if a running
        segment was due after this plan was made. An overdue segment, or one that is due at an
        unknown time, changes nothing before it ends.
        """
        ends = map(state.expected_end, state.running.values())
        return any(end is not None and end > self.made_at for end in ends)


class SegmentSpeeds(NamedTuple):
    """The speed of whole segments, their costs included.

    `speeds` are iterations per second, of shape (groups, types of worker). 0: the group cannot run
    there. `shortest` is the seconds of the shortest segment of one iteration, over all groups and
    types.
    """

    speeds: Array
    shortest: float


def make_group_plan(state: StateView) -> GroupPlan:
    """The fluid plan for the iterations that are left.

    It is outdated when a twentieth of its time has passed, but not before the shortest segment of
    one iteration could end. It is also outdated when trials or workers come or go, and when PBT
    changes the kind of a trial.
    """
    types: dict[WorkerType, list[Worker]] = {}
    for worker in state.workers.values():
        types.setdefault(worker.type, []).append(worker)
    of_each_type = [workers[0] for workers in types.values()]
    groups = group_trials(state, of_each_type)
    speeds, shortest = segment_speeds(state, groups, of_each_type)
    fluid = fluid_plan(
        speeds,
        [sum(group.values()) for group in groups.values()],
        [len(group) for group in groups.values()],
        [len(workers) for workers in types.values()],
    )
    return GroupPlan(
        made_at=state.now,
        end=state.now + fluid.length,
        renew_at=state.now + max(0.05 * fluid.length, min(shortest, 1e9)),
        trials_seen=len(state.trials),
        workers_seen=tuple(state.workers),
        groups={trial: number for number, group in enumerate(groups.values()) for trial in group},
        number={worker_type: number for number, worker_type in enumerate(types)},
        need=seconds_needed(state, groups, fluid.seconds),
        kinds={
            t.id: t.kind for t in state.trials.values() if t.completed is None and state.experiment(t).changes_kinds
        },
    )


def group_trials(state: StateView, workers: list[Worker]) -> Groups:
    """The trials that have iterations left and can run on one of the workers, in groups.

    Trials of one group have the same experiment and kind. Their iterations left differ at most by a
    factor of 1.3.
    """
    groups: Groups = {}
    for trial in state.trials.values():
        if trial.completed is None and any(state.usable(trial, worker) for worker in workers):
            left = iterations_left(state, trial)
            bucket = ceil(4 * log(max(left, 1.0)))
            groups.setdefault((trial.experiment, trial.kind, bucket), {})[trial.id] = left
    return groups


def segment_speeds(state: StateView, groups: Groups, workers: list[Worker]) -> SegmentSpeeds:
    """How fast each group is on each type of worker. `workers` has one worker of each type.

    If there are more trials than workers, every segment begins with a restore.
    """
    crowded = sum(map(len, groups.values())) > len(state.workers)
    speeds = np.zeros((len(groups), len(workers)))
    shortest = inf
    for g, group in enumerate(groups.values()):
        trial = state.trials[next(iter(group))]
        interval = state.experiment(trial).interval
        for m, worker in enumerate(workers):
            if not state.usable(trial, worker):
                continue
            step = step_seconds(state, trial, worker)
            costs = fixed_seconds(state, trial, worker)
            restore = state.costs(trial, worker).restore_s if crowded else 0.0
            speeds[g, m] = 1 / (step + (costs + restore) / interval)
            shortest = min(shortest, step + costs)
    return SegmentSpeeds(speeds, shortest)


def seconds_needed(state: StateView, groups: Groups, seconds: Array) -> dict[TrialId, Array]:
    """The planned seconds by type of worker of each independent trial: its share of what its group
    has. `seconds` has shape (groups, types)."""
    return {
        trial: seconds[number] * (left / sum(group.values()))
        for number, (key, group) in enumerate(groups.items())
        if state.experiments[key[0]].pbt is None
        for trial, left in group.items()
    }


def iterations_left(state: StateView, trial: Trial) -> float:
    """Iterations to the trial's stop. Of a running segment, the share that is still to come
    counts."""
    left = float(state.remaining(trial))
    segment = state.running.get(trial.id)
    end = None if segment is None else state.expected_end(segment)
    if segment is not None and end is not None and end > segment.time:
        left -= segment.iterations * min(1.0, (state.now - segment.time) / (end - segment.time))
    return max(left, 1e-6)


def step_seconds(state: StateView, trial: Trial, worker: Worker) -> float:
    """Seconds per iteration of the trial on the worker. If they are unknown, the worker counts as
    fast as the fastest known worker. If no worker is known, they are 1 s."""
    seconds = state.seconds_per_iteration(trial, worker)
    if seconds is not None:
        return seconds
    others = (state.seconds_per_iteration(trial, each) for each in state.workers.values() if state.usable(trial, each))
    return min((known for known in others if known is not None), default=1.0)


def fixed_seconds(state: StateView, trial: Trial, worker: Worker) -> float:
    """Seconds that every segment takes beside its iterations: evaluation and checkpoint."""
    costs = state.costs(trial, worker)
    return state.experiment(trial).evaluation_images * costs.evaluation_s_per_image + costs.checkpoint_s


def worthwhile(step: float, costs: float, most: int) -> int:
    """The fewest iterations, of `step` seconds each, whose training is worth the costs (seconds) of
    a segment."""
    return max(1, min(most, ceil(WORTHWHILE * costs / step)))
