"""AlloX: jobs to workers by a matching with the least average completion time."""

from itertools import islice
from math import ceil

import numpy as np
from numpy.typing import NDArray

from hetsched.domain.workload import TrialId
from hetsched.scheduling import register
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import Demand, Rounds

NEVER = 1e-10
"""The speed (iterations per second) of a job where it cannot run, as in Gavel's code."""

MOST_PAIRS = 5_000_000
"""With more pairs of a job and a turn than this, like jobs and like workers are matched as
groups."""

LONGEST = 1e6
"""Among groups, a job counts as taking at most this many times as long as the shortest job."""


@register("allox")
class AlloX(Rounds):
    """Matches jobs to workers and turns so that they end soonest on average. First turns run, in
    rounds.

    AlloX (Le et al., EuroSys'20). Job i as the k-th from last on a worker of type j costs k R_i /
    s_ij + a_i. R_i is the iterations that it has left, s_ij its speed, and a_i its age. So all
    costs add up to the sum of the completion times. Jobs that have a worker keep it. The others,
    the oldest first, are matched to the free workers. The job with the first turn on a worker gets
    it. `alpha` is the share of the others that is matched, but at least as many as there are free
    workers.

    As in Gavel's simulator (`allox`), workers are assigned at the reallocations of a round-based
    mechanism. In it, jobs without a worker fill idle workers. A gang is matched like a single job.
    If thousands of jobs wait, like jobs are matched as a group: the matching has the same cost as
    Gavel's, but may be another one.
    """

    def __init__(self, round_s: float = 360.0, reallocation_s: float = 1920.0, alpha: float = 1.0) -> None:
        super().__init__(round_s, reallocation_s)
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha: expected a fraction above 0 and at most 1, got {alpha}")
        self._alpha = alpha
        self._held: dict[TrialId, int] = {}

    def shares(self, demand: Demand) -> Array:
        shares = np.zeros_like(demand.speeds)
        free = demand.counts.astype(int)
        waiting = []
        for job, name in enumerate(demand.jobs):
            held = self._held.get(name)
            if held is not None and demand.speeds[job, held] > 0 and free[held] >= demand.gangs[job]:
                shares[job, held] = 1.0
                free[held] -= int(demand.gangs[job])
            else:  # it has none, or workers have left
                waiting.append(job)
        waiting = waiting[: max(int(self._alpha * len(waiting)), free.sum())]
        seconds = demand.remaining[waiting, None] / np.maximum(demand.speeds[waiting], NEVER)
        for place, type_ in first_turns(seconds, demand.ages[waiting], free):
            if demand.speeds[waiting[place], type_] > 0:
                shares[waiting[place], type_] = 1.0
        self._held = {demand.jobs[job]: type_ for job, type_ in np.argwhere(shares).tolist()}
        return shares


def first_turns(seconds: Array, ages: Array, free: NDArray[np.int_]) -> list[tuple[int, int]]:
    """Match all jobs to turns on the free workers of each type at the least cost. Returns which
    jobs have the first turn on a worker, and the worker's type. `seconds` has shape (jobs, types);
    the oldest job comes first."""
    jobs, workers = len(seconds), int(free.sum())
    if not jobs or not workers:
        return []
    turns = min(jobs, ceil(jobs / workers) + 1)
    if jobs * workers * turns > MOST_PAIRS:
        return first_turns_of_groups(seconds, free, turns)
    return _first_turns_one_by_one(seconds, ages, free, turns)


def _first_turns_one_by_one(seconds: Array, ages: Array, free: NDArray[np.int_], turns: int) -> list[tuple[int, int]]:
    from scipy.optimize import linear_sum_assignment  # here, as it takes a quarter of a second

    jobs, workers = len(seconds), int(free.sum())
    # Workers of a type are alike. So several matchings cost the same. The order of workers and the ages, which do
    # not change the cost otherwise, are Gavel's, so that the same matching is found.
    types = np.repeat(np.arange(len(free)), free)[::-1]
    while True:
        costs = [k * seconds[:, types] for k in range(1, turns + 1)]
        slots = linear_sum_assignment(np.concatenate(costs, axis=1) + ages[:, None])[1]
        worker, turn = slots % workers, slots // workers
        # If every type has an unused turn, further turns, which cost more, would be unused, too.
        full = np.bincount(types[worker[turn == turns - 1]], minlength=len(free)) == free
        if turns == jobs or not full[free > 0].any():
            break
        turns = min(jobs, 2 * turns)
    first: dict[int, int] = {}
    for job in np.argsort(turn, kind="stable").tolist():
        first[int(worker[job])] = job
    return [(job, int(types[place])) for place, job in first.items()]


def first_turns_of_groups(seconds: Array, free: NDArray[np.int_], turns: int) -> list[tuple[int, int]]:
    """A matching of the same cost, found among groups of jobs that take equally long on every type.
    `turns` per worker are tried first; they are enough for all jobs. Of like jobs the oldest have
    the first turns."""
    rows, group, sizes = np.unique(seconds, axis=0, return_inverse=True, return_counts=True)
    while True:
        matched = _transported(np.minimum(rows / rows.min(), LONGEST), sizes, free, turns)
        busy = matched.sum(axis=1)
        if turns == len(seconds) or not (busy[-1] == free)[free > 0].any():
            break
        turns = min(len(seconds), 2 * turns)
    # The workers that begin with their k-th turn from last are those that have it and no further one.
    begin = busy - np.append(busy[1:], np.zeros((1, len(free)), int), axis=0)
    before = np.cumsum(matched, axis=1) - matched
    first = np.clip(begin[:, None, :] - before, 0, matched).sum(axis=0)
    oldest = [iter(np.flatnonzero(group == number).tolist()) for number in range(len(rows))]
    counts = np.ndenumerate(first)
    return [(job, on) for (number, on), count in counts for job in islice(oldest[number], int(count))]


def _transported(rows: Array, sizes: NDArray[np.int_], free: NDArray[np.int_], turns: int) -> NDArray[np.int_]:
    """How many jobs of each group have the k-th turn from last on workers of each type, at the
    least cost. The shape is (turns, groups, types), with k - 1 as the first index. All vertices of
    this transportation problem are integral."""
    from scipy.optimize import linprog  # here, as it takes a quarter of a second
    from scipy.sparse import coo_array

    k, group, type_ = np.indices((turns, *rows.shape)).reshape(3, -1)
    pairs, ones = np.arange(len(k)), np.ones(len(k))
    solution = linprog(
        (k + 1) * rows[group, type_],
        A_eq=coo_array((ones, (group, pairs))).tocsr(),
        b_eq=sizes,
        A_ub=coo_array((ones, (k * len(free) + type_, pairs))).tocsr(),
        b_ub=np.tile(free, turns),
        method="highs-ds",
    )
    assert solution.success, "there are turns enough for all jobs"
    found: NDArray[np.int_] = np.rint(solution.x).astype(int).reshape(turns, *rows.shape)
    return found
