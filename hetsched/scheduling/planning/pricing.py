"""The plan's figures for kinds of trial: their pace, their price, and the workers where they
belong."""

from collections.abc import Sequence
from math import inf

import numpy as np

from hetsched.scheduling.planning.fluid_plan import Array, fluid_plan
from hetsched.scheduling.planning.kinds import Kind

Rank = tuple[float, float]
"""Of a type of worker: types of smaller rank choose sooner."""


def price(
    kinds: Sequence[Kind], members: Sequence[Sequence[int]], work: Sequence[float], trials: Sequence[int]
) -> list[Rank]:
    """Set the plan's figures of the kinds. Returns the rank of each type of worker.

    `members` are the workers by type. `work` and `trials` are the iterations and the trials that
    are left, by kind. The types whose seconds are worth most choose first; of equals, the fastest
    type.
    """
    if not kinds:
        return [(0.0, 0.0)] * len(members)
    speeds = np.array([[_speed(kind, workers) for workers in members] for kind in kinds])
    for kind, row in zip(kinds, speeds, strict=True):
        kind.best = 1 / float(row.max())
    relative = (speeds / speeds.max(axis=1, keepdims=True)).mean(axis=0)
    if is_uniform(kinds):
        _price_alike(kinds[0], speeds[0], [len(workers) for workers in members], trials[0])
        return [(0.0, -float(speed)) for speed in relative]
    plan = fluid_plan(
        speeds,
        [max(iterations, 1e-6) for iterations in work],
        trials,
        [len(workers) for workers in members],
        [kind.gang for kind in kinds],
    )
    for number, kind in enumerate(kinds):
        kind.pace, kind.price = float(plan.pace[number]), float(plan.price[number])
        kind.loss = np.where(speeds[number] > 0, plan.loss[number], inf).tolist()
        kind.planned = (plan.seconds[number] * kind.gang).tolist()
    return [(-float(worth), -float(speed)) for worth, speed in zip(plan.worth, relative, strict=True)]


def is_uniform(kinds: Sequence[Kind]) -> bool:
    """Whether all trials are alike and take one worker each. Then no linear program is needed."""
    return len(kinds) == 1 and kinds[0].gang == 1


def _speed(kind: Kind, workers: Sequence[int]) -> float:
    """Iterations per second of one trial of the kind on a worker of a type. 0: it cannot run
    there."""
    if len(workers) < kind.gang or kind.step[workers[0]] == inf:
        return 0.0
    return sum(1 / kind.per_iteration[worker] for worker in workers) / len(workers)


def _price_alike(kind: Kind, speeds: Array, workers: Sequence[int], trials: int) -> None:
    """Set the figures of a single kind. Its trials belong on the fastest workers, one worker per
    trial."""
    kind.loss = [1.0 if speed > 0 else inf for speed in speeds]
    taken, total = 0, 0.0
    for number in np.argsort(-speeds, kind="stable").tolist():
        some = min(workers[number], trials - taken)
        if some > 0 and speeds[number] > 0:
            kind.loss[number] = 0.0
            taken += some
            total += some * float(speeds[number])
    kind.pace, kind.price = taken / total, 1 / total
