"""What a gang pays before it trains: a start-up if any of its workers is cold, a restore if any of
them does not hold the trial."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from hetsched import scheduling
from hetsched.core.events import SegmentEnded
from hetsched.core.view import StateView
from hetsched.domain.workload import TrialId
from hetsched.scheduling import Decision, Dispatch
from tests.conftest import Simulate, make_setup, profile_row

PAIR, LONE = TrialId("pair-0"), TrialId("lone-0")
COSTS: dict[str, Any] = {"start_up_s": 10.0, "restore_s": 3.0}

Team = tuple[TrialId, Sequence[int]]


class Planned:
    """Segments one after another, each of a trial on the workers of these places. Notes what it
    expects of each of them."""

    plan: ClassVar[Sequence[Team]] = ()
    expected: ClassVar[list[float | None]] = []

    def __init__(self) -> None:
        self._left = list(self.plan)

    def dispatch(self, state: StateView) -> Iterator[Decision]:
        if self._left and not state.running:
            name, places = self._left.pop(0)
            workers = list(state.workers.values())
            first, *others = (workers[place] for place in places)
            further = tuple(worker.id for worker in others)
            self.expected.append(state.segment_seconds(state.trials[name], first, 10, further))
            yield Dispatch(name, first.id, 10, further)


@pytest.fixture
def pays(simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The seconds of start-up and restore of each segment of a plan. They are what the policy
    expects."""
    monkeypatch.setitem(scheduling.policies._factories, "planned", Planned)

    def found(*plan: Team, host_cores: int | None = None) -> list[tuple[float, float]]:
        monkeypatch.setattr(Planned, "plan", plan)
        monkeypatch.setattr(Planned, "expected", [])
        rows = [profile_row("k80", **COSTS), profile_row("k80", gpu_share=2.0, **COSTS)]
        tables = [
            {"name": name, "gang": gang, "population": 1, "pbt": {"enabled": False}, "checkpoint_interval": 10}
            | {"stop_iterations": 10 * sum(trial == f"{name}-0" for trial, _ in plan) or 10}
            for name, gang in (("pair", 2), ("lone", 1))
            if any(trial == f"{name}-0" for trial, _ in plan)
        ]
        overheads = {"noise": False} | ({} if host_cores is None else {"host_cores": host_cores})
        nodes = [{"name": name, "cores": 1, "gpus": 1, "gpu_type": "k80"} for name in "abc"]
        setup = make_setup(nodes, rows, overheads, experiments=tables).replace(
            checkpoints={"place": "storage"}, allocation={"gpu-only": {}}
        )
        ended = [event for event in simulate_log(setup, "gpu-only+planned") if isinstance(event, SegmentEnded)]
        if host_cores is None:
            assert [event.parts.total_s for event in ended] == pytest.approx(Planned.expected)
        return [(event.parts.start_up_s, event.parts.restore_s) for event in ended]

    return found


def test_a_gang_starts_up_if_any_of_its_workers_is_cold(pays: Any) -> None:
    assert pays((LONE, [0]), (PAIR, [0, 1])) == [(10.0, 0.0), (10.0, 0.0)]


def test_a_gang_of_warm_workers_does_not_start_up(pays: Any) -> None:
    assert pays((LONE, [0]), (LONE, [1]), (PAIR, [0, 1]))[2] == (0.0, 0.0)


def test_after_a_gangs_segment_all_its_workers_hold_the_trial(pays: Any) -> None:
    assert pays((PAIR, [0, 1]), (PAIR, [0, 1]), (PAIR, [1, 0])) == [(10.0, 0.0), (0.0, 0.0), (0.0, 0.0)]


def test_a_gang_restores_if_any_of_its_workers_trained_another_trial(pays: Any) -> None:
    assert pays((PAIR, [0, 1]), (LONE, [1]), (PAIR, [0, 1]))[2] == (0.0, 3.0)


def test_a_gang_restores_if_any_of_its_workers_has_an_older_state(pays: Any) -> None:
    assert pays((PAIR, [0, 1]), (PAIR, [0, 2]), (PAIR, [0, 1]))[1:] == [(10.0, 3.0), (0.0, 3.0)]


def test_a_gang_waits_for_the_slowest_start_up_on_one_host(pays: Any) -> None:
    # Two start on one core: each takes twice as long. After it the second worker alone is cold.
    both, second = pays((PAIR, [0, 1]), host_cores=1)[0], pays((LONE, [0]), (PAIR, [0, 1]), host_cores=1)[1]
    assert (both[0], second[0]) == pytest.approx((20.0, 10.0))
