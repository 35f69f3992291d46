"""Trials on the cores of one node slow each other down: schedules that were worked out by hand."""

from collections import Counter

import pytest

from hetsched.core.events import Parts, SegmentEnded
from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import Costs, StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.scenario.scenario import Setup
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row


def two_trials(cores: int, dispatch_s: float = 0.0) -> Setup:
    """One trial of 10 and one of 100 iterations of 4 s, each on a core of its own; they take twice
    as long when all other cores are busy."""
    independent = {"population": 1, "pbt": {"enabled": False}}
    return make_setup(
        [{"name": "n", "cores": cores}],
        [profile_row(seconds=4.0, sharing=2.0)],
        overheads=NO_OVERHEADS | {"dispatch_s": dispatch_s},
        experiments=[
            {"name": "short", "stop_iterations": 10, **independent},
            {"name": "long", "stop_iterations": 100, **independent},
        ],
    )


def ends(setup: Setup, simulate_log: Simulate) -> dict[str, tuple[float, Parts]]:
    log = simulate_log(setup, "uniform+fifo")
    return {event.trial: (event.time, event.parts) for event in log if isinstance(event, SegmentEnded)}


@pytest.mark.parametrize(
    ("cores", "short_s", "long_s"),
    [
        (2, 80.0, 80.0 + 90 * 4.0),  # at half the speed for 80 s, in which the long one does 10 iterations
        (3, 60.0, 60.0 + 90 * 4.0),  # one of two other cores is busy: half as much slower
    ],
)
def test_a_neighbour_slows_a_trial_down_for_as_long_as_it_trains(
    cores: int, short_s: float, long_s: float, simulate_log: Simulate
) -> None:
    found = ends(two_trials(cores), simulate_log)
    assert found["short-0"][0] == pytest.approx(short_s)
    assert found["long-0"][0] == pytest.approx(long_s)


@pytest.mark.parametrize("sharing", [None, 1.0])
def test_whether_neighbours_matter_is_asked_of_rows_alone(
    sharing: float | None, simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked of the costs of every row, each of which looks at all rows: half of the time of a
    simulation with a profile of 246 rows."""
    asked = Counter[TrialKind]()
    costs = StepTimes.costs

    def counted(times: StepTimes, kind: TrialKind, worker: WorkerType) -> Costs:
        asked[kind] += 1
        return costs(times, kind, worker)

    monkeypatch.setattr(StepTimes, "costs", counted)
    setup = two_trials(2)
    rows = [row.model_copy(update={"sharing": sharing}) for row in setup.times.rows]
    others = [profile_row(cores=1, model=f"other-{number}", sharing=sharing) for number in range(50)]
    simulate_log(setup.replace_times(StepTimes([*rows, *others])), "uniform+fifo")
    assert asked and not [kind for kind in asked if kind.model.startswith("other-")]


def test_a_worker_that_waits_for_the_driver_slows_nobody_down(simulate_log: Simulate) -> None:
    found = ends(two_trials(2, dispatch_s=100.0), simulate_log)
    assert found["short-0"][0] == pytest.approx(180.0)
    assert found["long-0"][0] == pytest.approx(540.0)
    assert found["long-0"][1].train_s == pytest.approx(440.0)
