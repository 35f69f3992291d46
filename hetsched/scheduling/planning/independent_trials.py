"""Carries out the plan of `lookahead` for independent trials, slot by slot of the plan's own
schedule."""

from math import inf

import numpy as np

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker
from hetsched.scheduling.planning.group_plan import GroupPlan, step_seconds, worthwhile
from hetsched.scheduling.planning.open_shop import next_slot


def fill_slot(state: StateView, plan: GroupPlan, patience: float) -> list[Dispatch]:
    """The next slot of the plan's own schedule, for trials that do not depend on each other.

    Segments of a slot end together. Idle workers go to trials that arrive within a slot, and to
    trials that wait when the slot should have ended. If segments have no costs, `patience` limits
    their length.
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
        step = step_seconds(state, trial, worker)
        costs = state.segment_seconds(trial, worker, 0) or 0.0
        most = state.longest_segment(trial)
        limit = seconds if costs else min(seconds, patience * left)
        iterations = min(most, max(worthwhile(step, costs, most), round(min(lasts, limit) / step)))
        if most - iterations < worthwhile(step, costs, most) and costs:
            iterations = most  # the rest would not be worth a segment of its own
        if iterations * step <= 1.5 * seconds:
            plan.need[trial.id][kind] -= iterations * step
            decisions.append(Dispatch(trial.id, worker.id, iterations))
    return decisions
