"""The preemptive open shop: who works where if every trial has given seconds to spend on each type
of worker.

A schedule of length T exists under two conditions. No trial needs more than T seconds. No type of
worker needs more seconds than its workers have until T. Sources: Gonzalez and Sahni, "Open Shop
Scheduling to Minimize Finish Time", J. ACM 1976; Lawler and Labetoulle, J. ACM 1978.

The schedule is found slot by slot. A slot has every trial and every worker without slack. It lasts
until another trial or worker has no slack left.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hetsched.scheduling.planning.fluid_plan import Array

SHORTEST = 0.01
"""A slot lasts at least this share of the time that is left, so that there are not too many
slots."""


class Slot(NamedTuple):
    """Who works where for the next `seconds`. `places` are pairs of a trial (its row) and a type of
    worker."""

    places: list[tuple[int, int]]
    seconds: float


def next_slot(need: Array, workers: Sequence[int], left: float) -> Slot:
    """The next slot. `need` are seconds, of shape (trials, types). `workers` are counts by type.
    `left` are the seconds until the end of the schedule."""
    from scipy.optimize import linear_sum_assignment  # here, as it takes a quarter of a second

    columns = np.repeat(np.arange(len(workers)), workers)
    trial_load = need.sum(axis=1) / left
    worker_load = need.sum(axis=0) / left / np.maximum(1, workers)
    urgency = 1e-3 + _urgency(trial_load)[:, None] + _urgency(worker_load)[None, :]
    worth = np.where(need > 1e-9 * left, urgency, 0.0)[:, columns]
    rows, places = linear_sum_assignment(worth, maximize=True)
    chosen = [(int(row), int(columns[place])) for row, place in zip(rows, places, strict=True) if worth[row, place] > 0]
    spared = np.ones(len(need), dtype=bool)
    spared[[row for row, _ in chosen]] = False
    limits = [need[row, kind] for row, kind in chosen]
    limits += (left * (1 - trial_load[spared & (trial_load > 0)])).tolist()
    return Slot(chosen, max(min(limits, default=0.0), SHORTEST * left))


def _urgency(loads: Array) -> Array:
    """The loads to the power of 16: near 1 for a load without slack, and soon nothing below it.

    Loads that differ by rounding are equally urgent, and the power is a product. So the processor,
    by which NumPy's sums and powers differ in the last bit, does not choose between them.
    """
    urgency = loads.round(9)
    for _ in range(4):
        urgency = urgency * urgency
    return urgency
