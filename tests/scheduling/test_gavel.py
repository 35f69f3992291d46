"""Gavel's policies and their rounds: examples worked out by hand, and the runs of Gavel's own simulator."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linprog

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentStarted,
    TrialCompleted,
    WorkerJoined,
)
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.shares import rounds
from hetsched.scheduling.shares.gavel_fifo import GavelFifo
from hetsched.scheduling.shares.gavel_ftf import GavelFtf, TimeAlone, fair_shares
from hetsched.scheduling.shares.gavel_isolated import GavelIsolated
from hetsched.scheduling.shares.gavel_las import GavelLas, GavelLasBlind
from hetsched.scheduling.shares.gavel_lp import central_shares, least_load
from hetsched.scheduling.shares.gavel_makespan import GavelMakespan, GavelMakespanBlind, bisected
from hetsched.scheduling.shares.ledger import Array, Ledger, Pick
from hetsched.scheduling.shares.rounds import Demand, Rounds
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row
from tests.gavel_runs import CLOSE, EXAMPLE, NAMES, TYPES, gavel_scenario, rows

V100 = {"name": "v", "cores": 1, "gpus": 1, "gpu_type": "v100"}
K80 = {"name": "k", "cores": 1, "gpus": 1, "gpu_type": "k80"}
"""By tests.conftest.ROWS a V100 trains 10 iterations a second, a K80 2."""


def job(name: str, iterations: int = 1000, **more: Any) -> dict[str, Any]:
    """An independent job, by default of 100 s on a V100."""
    return {"name": name, "population": 1, "stop_iterations": iterations, "pbt": {"enabled": False}, **more}


def with_options(setup: Setup, policy: str, **options: float) -> Setup:
    return setup.replace(scheduling={policy: options})


def jobs_on(nodes: list[dict[str, Any]], *jobs: dict[str, Any], policy: str, **options: float) -> Setup:
    setup = make_setup(nodes, experiments=jobs, overheads=NO_OVERHEADS, evaluation_images=0)
    return with_options(setup, policy, **options)


def segments(events: list[Event]) -> list[tuple[float, str, str, int]]:
    """When which trial started on which worker, for how many iterations."""
    return [(e.time, e.trial, e.worker, e.iterations) for e in events if isinstance(e, SegmentStarted)]


def ends(events: list[Event]) -> dict[str, float]:
    return {e.trial: e.time for e in events if isinstance(e, TrialCompleted)}


# Rounds.


class Fixed(Rounds):
    """Always the same shares, by the name of the trial."""

    def __init__(self, by_trial: dict[str, list[float]], round_s: float) -> None:
        super().__init__(round_s)
        self._by_trial = by_trial

    def shares(self, demand: Demand) -> Array:
        return np.array([self._by_trial[job] for job in demand.jobs])


def test_each_round_runs_the_jobs_that_are_furthest_behind_their_share(
    simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shares of (V100, K80): x (0.5, 0), y (0.5, 0.5), z (0, 0.5). All times received start at 5 s, half a round, so
    # that those of a type add up to 15 s.
    # Round 1: priorities on the V100: x and y 0.5 / (5/15) = 1.5, z 0: x came first. On the K80 y and z 1.5: y.
    # Round 2: V100: x 0.5 / (15/25) = 0.83, y 0.5 / (5/25) = 2.5: y. K80: y is taken, z runs.
    # Round 3: V100: x and y 0.5 / (15/35): x. K80: y and z 0.5 / (15/35): y. As round 1, and so on.
    # A round of 10 s is 100 iterations on the V100, 20 on the K80.
    shares = {"x-0": [0.5, 0.0], "y-0": [0.5, 0.5], "z-0": [0.0, 0.5]}
    monkeypatch.setitem(scheduling.policies._factories, "fixed", lambda: Fixed(shares, round_s=10.0))
    setup = make_setup([V100, K80], experiments=[job("x"), job("y"), job("z")], overheads=NO_OVERHEADS)
    found = segments(simulate_log(setup, "fusion+fixed"))
    assert found[:6] == [
        (0.0, "x-0", "v/gpu0", 100),
        (0.0, "y-0", "k/gpu0", 20),
        (10.0, "y-0", "v/gpu0", 100),
        (10.0, "z-0", "k/gpu0", 20),
        (20.0, "x-0", "v/gpu0", 100),
        (20.0, "y-0", "k/gpu0", 20),
    ]


def test_a_round_ends_with_its_last_segment(simulate_log: Simulate) -> None:
    # a needs 40 iterations, 4 s; b's round lasts 10 s, and c waits for its end although a's worker is idle.
    setup = jobs_on(
        [{**V100, "cores": 2, "gpus": 2}],
        job("a", 40),
        job("b", 150),
        job("c", 100, arrival_s=3.0),
        policy="gavel-las",
        round_s=10.0,
    )
    events = simulate_log(setup, "fusion+gavel-las")
    assert sorted(segments(events)) == [
        (0.0, "a-0", "v/gpu0", 40),
        (0.0, "b-0", "v/gpu1", 100),
        (10.0, "b-0", "v/gpu1", 50),
        (10.0, "c-0", "v/gpu0", 100),
    ]


def test_an_arrival_waits_for_a_reallocation(simulate_log: Simulate) -> None:
    # Boundaries are every 10 s. b is there at 10 s and gets its share at once: the reallocation before was at 0. c is
    # there at 20 s; the next reallocation may be at 10 + 25 s, and the first boundary after that is at 40 s. A worker
    # idles.
    setup = jobs_on(
        [{**V100, "cores": 3, "gpus": 3}],
        job("a"),
        job("b", arrival_s=5.0),
        job("c", arrival_s=15.0),
        policy="gavel-las",
        round_s=10.0,
        reallocation_s=25.0,
    )
    started = segments(simulate_log(setup, "fusion+gavel-las"))
    assert [min(time for time, trial, _, _ in started if trial == name) for name in ("b-0", "c-0")] == [10.0, 40.0]


@pytest.mark.parametrize("policy", ["gavel-las", "gavel-fifo", "gavel-isolated", "allox"])
def test_with_nothing_running_an_arrival_starts_at_once(simulate_log: Simulate, policy: str) -> None:
    # The last reallocation was at 12 s, 13 s ago, when c arrives at 25 s.
    jobs = [job("a", 20), job("b", 20, arrival_s=12.0), job("c", 20, arrival_s=25.0)]
    setup = jobs_on([V100], *jobs, policy=policy, round_s=10.0)
    started = segments(simulate_log(setup, f"fusion+{policy}"))
    assert [time for time, *_ in started] == [0.0, 12.0, 25.0]


def test_under_pbt_a_trial_keeps_its_worker_for_the_round(simulate_log: Simulate) -> None:
    # 10 s are 100 iterations on the V100: segments of 30, 30, 30 and 10, then it is the other trial's turn.
    pbt = {"perturbation_interval": 30}
    setup = make_setup([V100], population=2, stop_iterations=130, pbt=pbt, overheads=NO_OVERHEADS)
    setup = with_options(setup, "gavel-las", round_s=10.0)
    found = [(trial, iterations) for _, trial, _, iterations in segments(simulate_log(setup, "fusion+gavel-las"))]
    first = [("e-0", 30), ("e-0", 30), ("e-0", 30), ("e-0", 10)]
    second = [("e-1", 30), ("e-1", 30), ("e-1", 30), ("e-1", 10)]
    assert found == [*first, *second, ("e-0", 30), ("e-1", 30)]


def test_a_lease_takes_the_time_that_evaluation_leaves(simulate_log: Simulate) -> None:
    # A segment of 30 iterations takes 3 s and its evaluation of 100 images 2 s: two of them are a round of 10 s.
    setup = make_setup(
        [V100],
        rows=[profile_row("v100", seconds=0.1, evaluation_s_per_image=0.02)],
        population=2,
        stop_iterations=60,
        pbt={"perturbation_interval": 30},
        overheads={**NO_OVERHEADS, "evaluation": True},
    )
    setup = with_options(setup, "gavel-las", round_s=10.0)
    found = segments(simulate_log(setup, "fusion+gavel-las"))
    assert [(time, trial) for time, trial, _, _ in found] == [(0.0, "e-0"), (5.0, "e-0"), (10.0, "e-1"), (15.0, "e-1")]


def test_on_a_slow_worker_a_round_is_at_least_one_iteration(simulate_log: Simulate) -> None:
    slow = [profile_row("v100", seconds=25.0)]
    setup = make_setup([V100], rows=slow, experiments=[job("a", 2)], overheads=NO_OVERHEADS)
    found = segments(simulate_log(with_options(setup, "gavel-las", round_s=10.0), "fusion+gavel-las"))
    assert found == [(0.0, "a-0", "v/gpu0", 1), (25.0, "a-0", "v/gpu0", 1)]


def test_jobs_stay_on_their_workers(simulate_log: Simulate) -> None:
    setup = jobs_on(
        [{**V100, "cores": 3, "gpus": 3}], job("a"), job("b"), job("c", 300), policy="gavel-isolated", round_s=10.0
    )
    workers: dict[str, set[str]] = {}
    for _, trial, worker, _ in segments(simulate_log(setup, "fusion+gavel-isolated")):
        workers.setdefault(trial, set()).add(worker)
    assert workers == {"a-0": {"v/gpu0"}, "b-0": {"v/gpu1"}, "c-0": {"v/gpu2"}}


GANG_ROWS = [
    profile_row("v100", seconds=0.1),
    profile_row("k80", seconds=0.5),
    profile_row("v100", seconds=0.08, gpu_share=2.0),
]


def test_a_gang_runs_on_workers_of_one_type_that_the_profile_knows_for_it(simulate_log: Simulate) -> None:
    # The pair trains 12.5 iterations a second on two V100s, and the profile has no such entry for K80s.
    nodes = [{**K80, "cores": 2, "gpus": 2}, {**V100, "cores": 3, "gpus": 3}]
    setup = make_setup(
        nodes, rows=GANG_ROWS, experiments=[job("pair", 250, gang=2), job("one", 100)], overheads=NO_OVERHEADS
    )
    for policy in NAMES.values():
        events = simulate_log(setup, f"fusion+{policy}")
        (gang,) = [e for e in events if isinstance(e, SegmentStarted) and e.trial == "pair-0"]
        assert (gang.worker, gang.others, gang.iterations) == ("v/gpu0", ("v/gpu1",), 250)
        assert ends(events)["pair-0"] == pytest.approx(20.0)


def test_a_gang_needs_workers_enough_and_an_entry_for_some_type_and_a_policy_that_places_it(
    simulate_log: Simulate,
) -> None:
    two = {**K80, "cores": 2, "gpus": 2}
    for node, policy, message in (
        (K80, "gavel-las", "takes 2 workers of one type, fusion.gavel-las has 1 of k80"),
        (two, "gavel-las", "no entry for resnet18 on cifar10, batch 32 on a worker of 2 k80"),
        (two, "hrfs", "'hrfs' puts a trial on one worker, this one takes 2"),
    ):
        setup = make_setup([node], rows=GANG_ROWS, experiments=[job("pair", gang=2)], overheads=NO_OVERHEADS)
        with pytest.raises(InputError, match=message):
            simulate_log(setup, f"fusion+{policy}")


def test_an_unknown_speed_is_tried_for_an_interval_and_then_taken_as_measured() -> None:
    """The profile knows the K80 alone."""
    setup = make_setup([V100, K80], population=2, stop_iterations=10_000, pbt={"perturbation_interval": 50})
    state = State()
    times = StepTimes([profile_row("k80", seconds=0.5)])
    dispatcher = Dispatcher(state, GavelLas(round_s=60.0), "gavel-las", times)
    for worker in setup.workers(Strategy("fusion", "gavel-las")):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.arrive(0.0, setup.workload.experiments[0], 0)
    on_v100, on_k80 = dispatcher.dispatch(0.0).starts
    assert (on_v100.worker, on_v100.iterations, on_k80.iterations) == ("v/gpu0", 50, 50)

    def end(time: float, segment: SegmentStarted) -> list[SegmentStarted]:
        parts = Parts(0.0, 0.0, time, 0.0, 0.0, 0.0)
        ended = SegmentEnded(time, segment.trial, segment.worker, segment.iterations, 0.5, parts)
        dispatcher.end_segment(ended, lambda trial: None)
        return dispatcher.dispatch(time).starts

    # 50 iterations in 10 s: 5 a second on the V100. The K80's lease goes on: 120 iterations are a round there.
    assert end(10.0, on_v100) == []
    (on_k80,) = end(25.0, on_k80)
    (on_k80,) = end(50.0, on_k80)
    assert on_k80.iterations == 20
    again = end(60.0, on_k80)
    assert {(d.worker, d.iterations) for d in again} == {("v/gpu0", 50), ("k/gpu0", 50)}
    # A round on the V100 is 300 iterations now, so that its trial has a lease: 60 s are not over at 70 s.
    (first,) = [d for d in again if d.worker == "v/gpu0"]
    assert [d.worker for d in end(70.0, first)] == ["v/gpu0"]


@pytest.mark.parametrize(
    ("policy", "options", "named"),
    [
        ("gavel-las", {"round_s": 0.0}, "round_s"),
        ("gavel-fifo", {"round_s": float("nan")}, "round_s"),
        ("gavel-isolated", {"reallocation_s": -1.0}, "reallocation_s"),
        ("gavel-isolated", {"seed": -10}, "seed: expected a whole number, 0 or more, got -10"),  # was as 0
        ("allox", {"alpha": 0.0}, "alpha"),
    ],
)
def test_wrong_options_are_named(policy: str, options: dict[str, float], named: str) -> None:
    with pytest.raises(InputError, match=named):
        scheduling.policies.create(policy, options)


def test_blind_policies_take_the_types_in_an_order_that_the_seed_decides(simulate_log: Simulate) -> None:
    """One job has the same share of both types: the type whose turn is first has it."""
    orders = set()
    for seed in range(8):
        setup = jobs_on([V100, K80], job("a", 2000), policy="gavel-isolated", round_s=10.0, seed=seed)
        orders.add(tuple(worker for _, _, worker, _ in segments(simulate_log(setup, "fusion+gavel-isolated")))[:4])
    assert len(orders) > 3


# Shares.


def demand(
    speeds: list[list[float]],
    counts: list[float],
    gangs: list[float] | None = None,
    remaining: list[float] | None = None,
    ages: list[float] | None = None,
) -> Demand:
    jobs = len(speeds)
    return Demand(
        tuple(TrialId(f"job{number}-0") for number in range(jobs)),
        np.array(speeds, float),
        np.array(gangs or [1.0] * jobs, float),
        np.array(counts, float),
        np.array(remaining or [100.0] * jobs, float),
        np.array(ages or [0.0] * jobs, float),
    )


def test_equal_shares() -> None:
    # 4 V100s and 2 K80s for 3 jobs: (4/3, 2/3) each, scaled down to a sum of 1. A gang of 2 gets half: (2/3, 1/3) too.
    wanted = demand([[1, 1]] * 3, [4, 2], gangs=[1, 2, 1])
    for policy in (GavelIsolated(), GavelLasBlind()):
        assert policy.shares(wanted) == pytest.approx(np.array([[2 / 3, 1 / 3]] * 3))
    # 1 and 1 for 4 jobs: a quarter each; for the gang an eighth.
    assert GavelIsolated().shares(demand([[1, 1]] * 4, [1, 1], gangs=[1, 1, 1, 2]))[2:] == pytest.approx(
        np.array([[1 / 4, 1 / 4], [1 / 8, 1 / 8]])
    )


def test_max_min_fairness() -> None:
    # One V100 and one K80. a does 4 iterations a second on the V100 and 1 on the K80, b 2 and 1, c 1 and 1; on an
    # average worker they do p = 2.5, 1.5 and 1. In these units a does 1.6 or 0.4, b 4/3 or 2/3, c 1 or 1. a gains most
    # by the V100, c least: a is on the V100 alone, c on the K80 alone, b on what is left. With everybody's gain z:
    # x_a = z / 1.6, x_c = z, and 4/3 (1 - z / 1.6) + 2/3 (1 - z) = z, so z = 0.8. Equal shares would give z = 2/3.
    shares = GavelLas().shares(demand([[4, 1], [2, 1], [1, 1]], [1, 1]))
    assert shares == pytest.approx(np.array([[0.5, 0.0], [0.5, 0.2], [0.0, 0.8]]), abs=2e-3)


def test_max_min_fairness_counts_the_workers_of_a_gang() -> None:
    # Two V100s: the pair does p = 2 iterations a second on both, the others p = 1 on one. Its gain counts twice:
    # 2 x 2 x_p / 2 = x for the others. The V100s are full with 2 x_p + 2 x = 2: x_p = 1/3, x = 2/3.
    shares = GavelLas().shares(demand([[2], [1], [1]], [2], gangs=[2, 1, 1]))
    assert shares == pytest.approx(np.array([[1 / 3], [2 / 3], [2 / 3]]), abs=2e-3)


def test_makespan() -> None:
    # a has 400 iterations, 4 or 1 a second; b 200, 2 or 1. Nobody idles: with x the share of the V100 that a has,
    # a does 4 x + (1 - x) = 400 / T and b does 2 (1 - x) + x = 200 / T, so 3 x + 1 = 2 (2 - x): x = 0.6, T = 400 / 2.8.
    wanted = demand([[4, 1], [2, 1]], [1, 1], remaining=[400, 200])
    load, shares, prices = least_load(wanted.remaining, wanted)
    assert load == pytest.approx(1000 / 7)
    assert shares / load == pytest.approx(np.array([[0.6, 0.4], [0.4, 0.6]]))
    assert prices @ wanted.remaining == pytest.approx(load)
    # Gavel stops at up to 5% more, and so does the policy: every job gets at least its rate for that.
    rates = (wanted.speeds * GavelMakespan().shares(wanted)).sum(axis=1)
    assert (wanted.remaining / rates).max() < 1.051 * load


@pytest.mark.parametrize("least", [0.5, 99.0, 142.0, 5e4, 999_000.0, 1e6, 3e7])
def test_the_bisection_ends_close_above_the_least_time(least: float) -> None:
    assert least <= bisected(least) <= 1.05 * least


def test_blind_policies_take_all_types_to_be_alike() -> None:
    # Taken to be 4 a second everywhere, the jobs need 2000, 1000, 1000, 1000 and 1000 s, 3000 s on two workers: the
    # first has a share of 1/3 of both types, the others of 1/6. (About: T may be 5% off.)
    speeds = [[4.0, 1.0], [1.0, 4.0], [4.0, 1.0], [4.0, 1.0], [2.0, 4.0]]
    shares = GavelMakespanBlind().shares(demand(speeds, [1, 1], remaining=[8000, 4000, 4000, 4000, 4000]))
    assert shares == pytest.approx(np.array([[1 / 3] * 2] + [[1 / 6] * 2] * 4), rel=0.06)
    assert shares[:, 0] == pytest.approx(shares[:, 1])


def test_finish_time_fairness_of_jobs_that_have_just_arrived_is_max_min_fairness() -> None:
    # With no ages, (R / s.X) / (R / s.E) = s.E / s.X, and s.E is proportional to the speed on an average worker.
    wanted = demand([[4, 1], [2, 1], [1, 1]], [1, 1], remaining=[1e6, 500, 7])
    assert GavelFtf().shares(wanted) == pytest.approx(GavelLas().shares(wanted), abs=2e-3)


def test_finish_time_fairness_makes_up_for_waiting() -> None:
    # One worker, 1 iteration a second. Both jobs have 100 iterations left, 200 s with half of the worker; one has
    # waited for 100 s. (100 + 100 / x) / 200 = 100 / (1 - x) / 200: 1 - x^2 = x, the golden ratio.
    shares = GavelFtf().shares(demand([[1], [1]], [1], ages=[100, 0]))
    assert shares[:, 0] == pytest.approx([(sqrt(5) - 1) / 2, (3 - sqrt(5)) / 2], abs=1e-3)


def test_time_alone_remembers_what_equal_shares_were_worth() -> None:
    # Two jobs share a worker of 1 iteration a second: 50 iterations take 100 s. Then one job has it all: 50 take 50 s.
    alone = TimeAlone()
    assert alone.seconds(demand([[1], [1]], [1])) == pytest.approx([200.0, 200.0])
    assert alone.seconds(demand([[1]], [1], remaining=[50])) == pytest.approx([150.0])


def test_time_alone_falls_with_work_that_is_lost() -> None:
    # Alone, 80 of 100 iterations took 80 s. One of two jobs later, half of them are lost: 40 s for 40 iterations, and
    # 60 are left at half the speed.
    alone = TimeAlone()
    alone.seconds(demand([[1]], [1]))
    assert alone.seconds(demand([[1], [1]], [1], remaining=[20, 100])) == pytest.approx([120.0, 200.0])
    assert alone.seconds(demand([[1], [1]], [1], remaining=[60, 100])) == pytest.approx([160.0, 200.0])
    assert alone.seconds(demand([[1]], [1], remaining=[100])) == pytest.approx([100.0])


def test_fifo_takes_the_fastest_type_that_has_room() -> None:
    # The first job takes the V100, the second the K80 that is left, the third nothing.
    shares = GavelFifo().shares(demand([[4, 1], [4, 1], [4, 1]], [1, 1]))
    assert shares.tolist() == [[1, 0], [0, 1], [0, 0]]
    # One V100 is left when the pair comes: it takes both K80s. The second pair fits nowhere and ends the queue.
    shares = GavelFifo().shares(demand([[4, 1]] * 4, [2, 2], gangs=[1, 2, 2, 1]))
    assert shares.tolist() == [[1, 0], [0, 1], [0, 0], [0, 0]]
    # A job for which there is no room in the empty cluster does not block the others.
    shares = GavelFifo().shares(demand([[0, 0], [4, 1]], [1, 1], gangs=[3, 1]))
    assert shares.tolist() == [[0, 0], [1, 0]]


def random_demand(seed: int) -> tuple[Demand, Array]:
    """Jobs of a few kinds, some of which cannot run everywhere, and the rates that they want."""
    random = np.random.default_rng(seed)
    kinds = random.uniform(0.5, 50, (3, 3)) * (random.random((3, 3)) < 0.8)
    kinds[:, 0] = np.maximum(kinds[:, 0], 0.1)
    jobs = int(random.integers(2, 30))
    wanted = demand(
        kinds[random.integers(0, 3, jobs)].tolist(),
        random.integers(2, 9, 3).tolist(),
        gangs=random.integers(1, 3, jobs).tolist(),
    )
    return wanted, np.exp(random.normal(0, 1.5, jobs))


@pytest.mark.parametrize("seed", range(20))
def test_grouping_jobs_loses_nothing(seed: int) -> None:
    """The least load is that of the program with every job on its own."""
    wanted, rates = random_demand(seed)
    load, shares, _ = least_load(rates, wanted)
    jobs, types = wanted.speeds.shape
    rows = np.zeros((2 * jobs + types, jobs * types + 1))
    for job, place in np.ndindex(jobs, types):
        column = job * types + place
        rows[job, column] = -wanted.speeds[job, place]
        rows[jobs + job, column] = 1
        rows[2 * jobs + place, column] = wanted.gangs[job]
    rows[jobs:, -1] = [*[-1] * jobs, *-wanted.counts]
    whole = linprog([*[0] * jobs * types, 1], A_ub=rows, b_ub=[*-rates, *[0] * (jobs + types)])
    assert load == pytest.approx(whole.fun, rel=1e-6)
    assert ((wanted.speeds * shares).sum(axis=1) >= rates * (1 - 1e-6)).all()
    assert (shares.sum(axis=1) <= load * (1 + 1e-6)).all()
    assert (wanted.gangs @ shares <= load * wanted.counts * (1 + 1e-6)).all()


@pytest.mark.parametrize("seed", range(20))
def test_central_shares_give_the_rates_and_share_out_all_else(seed: int) -> None:
    wanted, rates = random_demand(seed)
    load, shares, _ = least_load(rates, wanted)
    rates = rates / load / (1 + seed % 2)  # all that there is, or half of it
    central = central_shares(rates, wanted, shares / load)
    assert ((wanted.speeds * central).sum(axis=1) >= rates * 0.999).all()
    assert (central.sum(axis=1) <= 1).all()
    assert (wanted.gangs @ central <= wanted.counts).all()
    assert (central[wanted.speeds > 0] > 0).all()
    assert (central[wanted.speeds == 0] == 0).all()


def test_finish_time_fairness_is_the_best_ratio() -> None:
    """No ratio that is a little better can be had."""
    wanted, remaining = random_demand(3)
    wanted = wanted._replace(remaining=1000 * remaining, ages=np.linspace(0, 500, len(remaining)))
    alone = TimeAlone().seconds(wanted)
    rates = (wanted.speeds * fair_shares(wanted, alone)).sum(axis=1)
    worst = ((wanted.ages + wanted.remaining / rates) / alone).max()
    better = wanted.remaining / (0.999 * worst * alone - wanted.ages)
    assert (better < 0).any() or least_load(better, wanted).load > 1


# Gavel's own simulator: see data/gavel/README.md.


def gavels_rates() -> dict[tuple[str, int, str], float]:
    """Steps per second by model, batch size and type of GPU."""
    return {
        (row["model"], int(row["batch_size"] or 1), row["gpu_type"]): float(row["steps_per_s"])
        for row in rows("rates.csv")
    }


RUNS = [run for run in rows("results.csv") if run["trace"] != "mix-static-960"]
"""The large trace is for the benchmarks."""


def is_large(run: dict[str, str]) -> bool:
    """On the large cluster, or with 120 jobs, a run takes long. One policy shows that it is as Gavel's there, too."""
    takes_long = run["v100"] == "36" or run["trace"] == "rn-static-120"
    return takes_long and (run["policy"], run["min_realloc_s"]) != ("max_min_fairness_perf", "1920")


def run_name(run: dict[str, str]) -> str:
    where = f"{run['policy']}-{run['trace']}-{run['v100']}x{run['p100']}x{run['k80']}"
    return f"{where}-round {run['round_s']}-every {run['min_realloc_s']}-seed {run['seed']}-{run['solver']}"


def completion_times(events: list[Event]) -> dict[str, float]:
    """By job id."""
    arrived: dict[str, float] = {e.experiment.id: e.time for e in events if isinstance(e, ExperimentArrived)}
    return {
        trial.removesuffix("-0").removeprefix("job"): end - arrived[trial.removesuffix("-0")]
        for trial, end in ends(events).items()
    }


@pytest.mark.parametrize(
    "run", [pytest.param(run, marks=[pytest.mark.exhaustive] * is_large(run), id=run_name(run)) for run in RUNS]
)
def test_gavel_says_the_same(run: dict[str, str], simulate_log: Simulate) -> None:
    events = simulate_log(gavel_scenario(run), f"gpu-only+{NAMES[run['policy']]}")
    times = completion_times(events)
    makespan, mean = CLOSE[run["policy"]]
    assert max(ends(events).values()) == pytest.approx(float(run["makespan_s"]), rel=makespan, abs=0.01)
    assert sum(times.values()) / len(times) == pytest.approx(float(run["avg_jct_s"]), rel=mean, abs=0.01)


Key = tuple[str, ...]
COLUMNS = ("trace", *TYPES, "policy")


@cache
def completion_times_of_gavel() -> dict[Key, dict[str, float]]:
    times: dict[Key, dict[str, float]] = {}
    for row in rows("jcts.csv"):
        times.setdefault(tuple(row[column] for column in COLUMNS), {})[row["job_id"]] = float(row["jct_s"])
    return times


def per_job(policy: str) -> list[Key]:
    return [key for key in completion_times_of_gavel() if key[-1] == policy]


def check_every_job(key: Key, simulate_log: Simulate) -> None:
    run = dict(zip(COLUMNS, key, strict=True)) | {"round_s": "360", "min_realloc_s": "1920", "seed": "0"}
    times = completion_times(simulate_log(gavel_scenario(run), f"gpu-only+{NAMES[key[-1]]}"))
    assert times == pytest.approx(completion_times_of_gavel()[key], abs=0.01)


@pytest.mark.parametrize("key", per_job("fifo_perf"), ids="-".join)
def test_gavel_says_the_same_of_every_job(key: Key, simulate_log: Simulate) -> None:
    check_every_job(key, simulate_log)


@pytest.mark.parametrize("key", per_job("isolated") + per_job("allox"), ids="-".join)
def test_gavel_says_the_same_of_every_job_where_exact_ties_matter(
    key: Key, simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Gavel's rates themselves: 1 / (1 / rate) may be off by a bit, which decides ties."""
    rates = gavels_rates()

    def speed(state: StateView, trial: Trial, on: WorkerType, workers: list[Worker]) -> float:
        return rates[trial.kind.model, trial.kind.batch_size, workers[0].device]

    monkeypatch.setattr(rounds, "_speed", speed)
    check_every_job(key, simulate_log)


def test_the_profile_has_gavels_rates() -> None:
    times = load_setup(EXAMPLE).times
    found = {
        (row.model, row.batch_size, row.device): row.seconds_per_iteration for row in times.rows if row.gpu_share == 1
    }
    assert found == {key: 1 / rate for key, rate in gavels_rates().items()}


@pytest.mark.parametrize("seed", [1, 4, 8])
def test_a_job_receives_the_seconds_that_it_trained_whatever_pbt_does_to_its_batch_size(
    simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Speeds were those of the new kind for all that another trial had trained as the old one. Where the new kind
    cannot run, its speed is 0, so what was received was infinite."""
    received: defaultdict[TrialId, float] = defaultdict(float)
    receive = Ledger.receive

    def watched(self: Ledger, picks: Sequence[Pick], iterations: Sequence[int], start: float) -> None:
        before = self._rows["received"].copy()
        receive(self, picks, iterations, start)
        for pick in set(picks):
            received[self.jobs[pick.job]] += float((self._rows["received"] - before)[pick.job, pick.type])

    monkeypatch.setattr(Ledger, "receive", watched)
    v100, k80 = {32: 0.75, 64: 1.5, 128: 1.25, 256: 2.0}, {128: 28.0, 256: 42.0}
    rows = [
        profile_row(device, batch_size=size, seconds=seconds)
        for device, times in (("v100", v100), ("k80", k80))
        for size, seconds in times.items()
    ]
    searching = {
        "population": 4,
        "batch_size": 512,  # the default, as the search space says it
        "stop_iterations": 600,
        "pbt": {"perturbation_interval": 20, "quantile_fraction": 0.5},
        "search_space": {
            "lr": {"low": 0.001, "high": 0.5, "scale": "log"},
            "batch_size": {"choices": [32, 64, 128, 256], "ordered": True},
        },
    }
    later = job("later", 1, arrival_s=50_000.0)  # when it arrives, the last round of the others is recorded
    nodes = [V100 | {"gpus": 2, "cores": 2}, K80 | {"gpus": 2, "cores": 2}]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=[searching, later])
    trained: defaultdict[TrialId, float] = defaultdict(float)
    for event in simulate_log(setup, "gpu-only+gavel-makespan", seed=seed):
        if isinstance(event, SegmentEnded):
            trained[event.trial] += event.parts.train_s
    del trained[TrialId("later-0")]
    assert received == pytest.approx(trained)
