"""A run against its lower bounds, and its experiments against a fair share of the workers: state ->
numbers.

The bounds are taken in hindsight, over the iterations that the run trained.
"""

from collections import defaultdict
from collections.abc import Collection
from statistics import fmean
from typing import Any

from hetsched.analysis.bounds import cluster_devices, jct_bound, jobs_done, makespan_bound, worker_devices
from hetsched.analysis.figures import finish_time_fairness, ratio_to_bound
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import Worker
from hetsched.domain.problem import Problem
from hetsched.domain.workload import ExperimentId
from hetsched.errors import InputError


def against_bounds(
    state: State, problem: Problem, workers: Collection[Worker], makespan_s: float, mean_jct_s: float | None
) -> dict[str, Any]:
    """The bounds of the run and its ratios to them, by the names in `Metrics`. None: the profile
    lacks a step time of some trial. A real run needs no profile."""
    any_s, own_s, jct_s = _bounds(state, problem, workers)
    return {
        "bound_s": any_s,
        "bound_ratio": ratio_to_bound(makespan_s, any_s),
        "workers_bound_s": own_s,
        "workers_bound_ratio": ratio_to_bound(makespan_s, own_s),
        "jct_bound_s": jct_s,
        "jct_bound_ratio": ratio_to_bound(mean_jct_s, jct_s),
    }


def fairness(state: State, problem: Problem, workers: Collection[Worker]) -> dict[str, Any]:
    """The worst and the mean finish-time fairness of the completed experiments, by the names in
    `Metrics`. None: there is only one experiment."""
    ratios = _fairness(state, problem, workers)
    return {
        "finish_time_fairness": max(ratios, default=None),
        "mean_finish_time_fairness": fmean(ratios) if ratios else None,
    }


def _bounds(
    state: State, problem: Problem, workers: Collection[Worker]
) -> tuple[float, float, float] | tuple[None, None, None]:
    """The bounds, in seconds, on the makespan under any allocation, on the makespan on these
    workers, and on the mean JCT on these workers."""
    times, costs = problem.times, problem.costs_of(state.experiments.values())
    trials = state.trials.values()
    jobs, own = jobs_done(state, trials).parts, worker_devices(workers)
    completed, mixed = jobs_done(state, [trial for trial in trials if trial.completed is not None])
    try:
        makespan = makespan_bound(jobs, cluster_devices(problem.cluster, times), times, costs)
        # What no schedule under any allocation can beat, none on these workers can.
        on_workers = max(makespan, makespan_bound(jobs, own, times, costs))
        return makespan, on_workers, jct_bound(completed, own, times, costs, mixed)
    except InputError:  # a real run needs no profile
        return None, None, None


def _fairness(state: State, problem: Problem, workers: Collection[Worker]) -> list[float]:
    """The finish-time fairness of every completed experiment. Empty: there is only one experiment,
    or a step time is unknown."""
    if len(state.experiments) < 2:
        return []
    populations: defaultdict[ExperimentId, list[Trial]] = defaultdict(list)
    for trial in state.trials.values():
        populations[trial.experiment].append(trial)
    devices, share = worker_devices(workers), 1 / len(state.experiments)
    costs = problem.costs_of(state.experiments.values())
    ratios = []
    for trials in populations.values():
        ends = [trial.completed for trial in trials if trial.completed is not None]
        jobs = [(job._replace(arrival_s=0.0), count) for job, count in jobs_done(state, trials).parts.items()]
        try:
            fair_s = makespan_bound(dict(jobs), devices, problem.times, costs, share, trials[0].arrived)
        except InputError:  # a real run needs no profile
            return []
        if len(ends) == len(trials) and fair_s:
            ratios.append(finish_time_fairness(max(ends) - trials[0].arrived, fair_s))
    return ratios
