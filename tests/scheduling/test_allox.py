"""AlloX: matchings worked out by hand. The runs of Gavel's simulator are in test_gavel.py."""

from itertools import permutations

import numpy as np
import pytest

from hetsched.domain.workload import TrialId
from hetsched.scheduling.matching.allox import AlloX, first_turns, first_turns_of_groups
from hetsched.scheduling.shares.ledger import Array
from hetsched.scheduling.shares.rounds import Demand


def demand(jobs: dict[str, tuple[list[float], float]], counts: list[float], ages: list[float] | None = None) -> Demand:
    """Jobs by name: their speeds on each type, and the iterations that they have left. The oldest
    comes first."""
    return Demand(
        tuple(TrialId(name) for name in jobs),
        np.array([speeds for speeds, _ in jobs.values()], float),
        np.ones(len(jobs)),
        np.array(counts, float),
        np.array([left for _, left in jobs.values()], float),
        np.array(ages or [0.0] * len(jobs)),
    )


def turns(seconds: list[list[float]], free: list[int]) -> list[tuple[int, int]]:
    return sorted(first_turns(np.array(seconds), np.zeros(len(seconds)), np.array(free)))


def test_on_one_worker_the_shortest_job_is_first() -> None:
    # In the order 1, 2, 3 s the jobs end at 1, 3 and 6 s: 3 x 1 + 2 x 2 + 1 x 3 = 10, the least of all orders.
    assert turns([[3.0], [1.0], [2.0]], [1]) == [(1, 0)]


def test_a_job_goes_to_a_slow_worker_if_that_is_soonest_on_average() -> None:
    # Times on (V100, K80): a (1, 10), b (2, 3), c (4, 20). All on the V100: 3 x 1 + 2 x 2 + 1 x 4 = 11. b on the K80:
    # 3 + 2 x 1 + 1 x 4 = 9. With a there: 10 + 2 x 2 + 4, with c there: 20 + 2 x 1 + 2: more.
    assert turns([[1.0, 10.0], [2.0, 3.0], [4.0, 20.0]], [1, 1]) == [(0, 0), (1, 1)]


def test_a_slow_worker_may_stay_without_a_job() -> None:
    # 2 x 1 + 1 x 1 = 3 on the fast worker; the slow one alone takes 5.
    assert turns([[1.0, 5.0], [1.0, 5.0]], [1, 1]) in ([(0, 0)], [(1, 0)])


def least_sum(seconds: Array, workers: list[int]) -> float:
    """The least sum of completion times over all orders in which jobs could be dealt out, by
    trying."""
    best = np.inf
    for order in permutations(range(len(seconds))):
        for choice in np.ndindex(*[len(workers)] * len(seconds)):
            ready, total = [0.0] * len(workers), 0.0
            for job, worker in zip(order, choice, strict=True):
                ready[worker] += seconds[job, workers[worker]]
                total += ready[worker]
            best = min(best, total)
    return best


@pytest.mark.parametrize("seed", range(6))
def test_the_first_turns_begin_a_schedule_of_least_completion_time(seed: int) -> None:
    """Whoever has the first turn runs first in some best schedule: fixing it there costs
    nothing."""
    seconds = np.random.default_rng(seed).uniform(1, 9, (4, 2))
    first = first_turns(seconds, np.zeros(4), np.array([1, 1]))
    best = least_sum(seconds, [0, 1])
    # Run the first turns, then the others as well as can be.
    others = [job for job in range(4) if job not in {job for job, _ in first}]
    ready = {place: seconds[job, place] for job, place in first}
    total = np.inf
    for order in permutations(others):
        for choice in np.ndindex(*[2] * len(others)):
            now = [ready.get(place, 0.0) for place in range(2)]
            if any(place not in ready for place in choice):
                continue  # a worker without a first turn has no turns
            ended = sum(ready.values())
            for job, place in zip(order, choice, strict=True):
                now[place] += seconds[job, place]
                ended += now[place]
            total = min(total, ended)
    assert total == pytest.approx(best)


def test_a_job_that_cannot_run_on_the_free_workers_gets_none() -> None:
    shares = AlloX().shares(demand({"cpu-only": ([0.0, 1.0], 5.0), "any": ([1.0, 1.0], 50.0)}, [1, 0]))
    assert shares.tolist() == [[0, 0], [1, 0]]


def test_jobs_keep_their_worker_and_the_others_are_matched_to_the_rest() -> None:
    policy = AlloX()
    # x is first on the only V100: 2 s against 10 s.
    first = policy.shares(demand({"x": ([1.0], 2.0), "y": ([1.0], 10.0)}, [1]))
    assert first.tolist() == [[1], [0]]
    # z would be sooner, but x keeps the V100. There is a second one now: z is first there.
    second = policy.shares(demand({"x": ([1.0], 1.5), "y": ([1.0], 10.0), "z": ([1.0], 0.5)}, [2]))
    assert second.tolist() == [[1], [0], [1]]
    # x and z have ended.
    assert policy.shares(demand({"y": ([1.0], 10.0)}, [2])).tolist() == [[1]]


def test_jobs_whose_worker_has_left_are_matched_anew() -> None:
    policy = AlloX()
    both = {"x": ([1.0, 0.1], 50.0), "y": ([1.0, 0.1], 90.0)}
    assert policy.shares(demand(both, [2, 0])).tolist() == [[1, 0], [1, 0]]
    # One of the two fast workers is gone, and a slow one has come.
    assert policy.shares(demand(both, [1, 1])).tolist() == [[1, 0], [0, 1]]


def test_a_part_of_the_waiting_jobs_takes_part_the_oldest_first() -> None:
    jobs = {f"j{left}": ([1.0], float(left)) for left in (7, 5, 9, 1)}
    assert AlloX(alpha=1.0).shares(demand(jobs, [1]))[:, 0].tolist() == [0, 0, 0, 1]
    # Half of four: the jobs of 7 and 5 s.
    assert AlloX(alpha=0.5).shares(demand(jobs, [1]))[:, 0].tolist() == [0, 1, 0, 0]
    # As many as there are free workers take part in any case.
    assert AlloX(alpha=0.1).shares(demand(jobs, [2]))[:, 0].tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("seed", range(6))
def test_the_first_turns_of_groups_begin_a_schedule_of_least_completion_time_too(seed: int) -> None:
    """Two kinds of job, two of each, on two workers of one type and one of another."""
    kinds = np.random.default_rng(seed).uniform(1, 9, (2, 2))
    seconds, workers = kinds[[0, 1, 0, 1]], [0, 0, 1]
    first = first_turns_of_groups(seconds, np.array([2, 1]), 2)
    assert len({job for job, _ in first}) == len(first), "a job has one first turn"
    assert all(sum(on == type_ for _, on in first) <= count for type_, count in enumerate([2, 1]))
    ready: dict[int, float] = {}
    for job, type_ in first:
        place = next(place for place, on in enumerate(workers) if on == type_ and place not in ready)
        ready[place] = seconds[job, workers[place]]
    others = [job for job in range(4) if job not in {job for job, _ in first}]
    assert least_rest(seconds, workers, ready, others) == pytest.approx(least_sum(seconds, workers))


def test_groups_of_thousands_are_matched() -> None:
    """Equal jobs on workers of which one type is twice as fast: with 3,000 turns on 1,000 workers
    of each type, two thirds are on the fast ones. All workers begin at once."""
    seconds = np.tile([1.0, 2.0], (3_000, 1))
    first = first_turns(seconds, np.zeros(3_000), np.array([1_000, 1_000]))
    assert sorted(type_ for _, type_ in first) == [0] * 1_000 + [1] * 1_000
    assert len({job for job, _ in first}) == 2_000


def least_rest(seconds: Array, workers: list[int], ready: dict[int, float], others: list[int]) -> float:
    """The least sum of completion times where the first turns are given and the other jobs follow
    on their workers."""
    best = np.inf
    for order in permutations(others):
        for choice in np.ndindex(*[len(workers)] * len(others)):
            if not set(choice) <= set(ready):
                continue  # a worker without a first turn has no turns
            now, total = dict(ready), sum(ready.values())
            for job, place in zip(order, choice, strict=True):
                now[place] += seconds[job, workers[place]]
                total += now[place]
            best = min(best, total)
    return best
