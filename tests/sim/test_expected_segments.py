"""What a policy expects of a segment, beside what the simulator charges: docs/simulator.md, "What
policies expect"."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from hetsched import scheduling
from hetsched.core.events import SegmentEnded
from hetsched.core.view import StateView
from hetsched.domain.workload import TrialId
from hetsched.scheduling import Decision, Dispatch
from tests.conftest import Simulate, make_setup, profile_row

COSTS = {"evaluation_s_per_image": 0.001, "start_up_s": 10.0, "restore_s": 3.0, "checkpoint_s": 2.0}
IN_MEMORY = {"object_store_save_s": 0.5, "object_store_restore_s": 0.25}
SEGMENTS = 4


class Expecting:
    """The least advanced trial on each idle worker. Notes what it expects of its segments."""

    expected: ClassVar[dict[tuple[TrialId, int], float]] = {}

    def dispatch(self, state: StateView) -> Iterator[Decision]:
        for worker, trial in zip(state.idle_workers, list(state.ready_trials), strict=False):
            iterations = state.interval(trial)
            seconds = state.segment_seconds(trial, worker, iterations)
            assert seconds is not None
            self.expected[trial.id, trial.iterations + iterations] = seconds
            yield Dispatch(trial.id, worker.id, iterations)


@pytest.fixture
def differences(simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Charged less expected seconds, of the segments of a run, in the order of their ends."""
    monkeypatch.setitem(scheduling.policies._factories, "expecting", Expecting)

    def found(row: dict[str, float], overheads: dict[str, float], place: str) -> list[float]:
        costs: dict[str, Any] = COSTS | row
        rows = [profile_row(cores=1, seconds=1.0, **costs)]
        setup = make_setup(
            [{"name": "a", "cores": 2}],
            rows,
            population=3,
            stop_iterations=10 * SEGMENTS,
            pbt={"perturbation_interval": 10},
            overheads={"noise": False, **overheads},
        ).replace(checkpoints={"place": place}, allocation={"fusion": {"cores_per_worker": 1}})
        reached: dict[TrialId, int] = {}
        differing = []
        for event in simulate_log(setup, "fusion+expecting"):
            if isinstance(event, SegmentEnded):
                reached[event.trial] = reached.get(event.trial, 0) + event.iterations
                expected = Expecting.expected[event.trial, reached[event.trial]]
                differing.append(round(event.parts.total_s - expected, 6))
        assert len(differing) == 3 * SEGMENTS
        return differing

    return found


def test_without_noise_a_policy_expects_what_is_charged(differences: Any) -> None:
    assert set(differences({}, {}, "storage")) == {0.0}


def test_a_policy_expects_the_times_of_storage_wherever_checkpoints_are(differences: Any) -> None:
    saved = {IN_MEMORY["object_store_save_s"] - COSTS["checkpoint_s"]}
    restored = {saved_s + IN_MEMORY["object_store_restore_s"] - COSTS["restore_s"] for saved_s in saved}
    assert set(differences(IN_MEMORY, {}, "both")) == saved | restored


@pytest.mark.parametrize(
    ("row", "overheads"),
    [({}, {"latency_s": 4.0}), ({}, {"host_cores": 1}), ({"sharing": 1.5}, {}), ({"state_growth": 0.1}, {})],
)
def test_a_policy_does_not_expect_it(differences: Any, row: dict[str, float], overheads: dict[str, float]) -> None:
    found = differences(row, overheads, "storage")
    assert min(found) >= 0.0 and max(found) > 0.5
