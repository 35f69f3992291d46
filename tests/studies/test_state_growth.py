"""Trainings whose state grows: evaluation, restore and checkpoint take longer with every
iteration."""

import numpy as np
import pytest

from hetsched.core.events import Event, SegmentEnded
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumptions import assumptions
from hetsched.studies.calibration import calibrate
from hetsched.studies.state_growth import state_growth
from tests.conftest import Simulate, make_setup, profile_row


def growing(state_growth: float | None = None) -> Setup:
    """One worker, two trials in turns of ten iterations, without noise."""
    row = profile_row(evaluation_s_per_image=0.01, restore_s=0.5, checkpoint_s=0.25, state_growth=state_growth)
    nodes = [{"name": "a", "cores": 1}]
    pbt = {"perturbation_interval": 10}
    return make_setup(
        nodes,
        [row],
        {"noise": False},
        ["fusion+least-progress"],
        population=2,
        stop_iterations=40,
        evaluation_images=100,
        pbt=pbt,
    )


def test_growth_is_not_taken_from_another_type_of_worker_and_is_said() -> None:
    nodes = ({"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"})
    setup = make_setup(nodes, [profile_row(state_growth=0.1), profile_row("v100", seconds=0.1)])
    [kind] = setup.workload.experiments[0].kinds
    workers = setup.workers(Strategy("fusion", "fifo"))
    assert {one.device: setup.times.costs(kind, one.type).state_growth for one in workers} == {"cpu": 0.1, "v100": 0.0}
    [line] = [line for line in assumptions(setup, [Strategy("fusion", "fifo")]) if "state_growth" in line]
    assert line.endswith("for resnet18 on 1 cpu")


def ended(events: list[Event]) -> list[SegmentEnded]:
    return [event for event in events if isinstance(event, SegmentEnded)]


def test_costs_grow_with_the_iterations_of_the_trial(simulate_log: Simulate) -> None:
    segments = ended(simulate_log(growing(state_growth=0.1), "fusion+least-progress"))
    one = [segment.parts for segment in segments if segment.trial == segments[0].trial]
    assert [parts.checkpoint_s for parts in one] == pytest.approx([0.25 * (1 + after) for after in (1, 2, 3, 4)])
    assert [parts.evaluate_s for parts in one] == pytest.approx([1 + after for after in (1, 2, 3, 4)])
    assert [parts.restore_s for parts in one[1:]] == pytest.approx([0.5 * (1 + before) for before in (1, 2, 3)])
    assert [parts.train_s for parts in one] == [10.0] * 4


def test_a_calibration_gives_growth_and_costs_back(simulate_log: Simulate) -> None:
    [row] = calibrate(simulate_log(growing(state_growth=0.1), "fusion+least-progress"), "a test").rows
    assert row.state_growth == pytest.approx(0.1)
    assert (row.evaluation_s_per_image, row.restore_s, row.checkpoint_s) == pytest.approx((0.01, 0.5, 0.25))
    assert (row.evaluation_cv, row.checkpoint_cv) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_a_calibration_of_a_state_that_does_not_grow_has_none(simulate_log: Simulate) -> None:
    [row] = calibrate(simulate_log(growing(), "fusion+least-progress"), "a test").rows
    assert row.state_growth is None
    assert row.checkpoint_s == pytest.approx(0.25)


@pytest.mark.parametrize("segments", [6, 8, 12])
def test_noise_is_hardly_ever_growth(segments: int) -> None:
    chance = np.random.default_rng(0)
    iterations = ([10, 20, 30, 40] * 3)[:segments]
    found = [state_growth([*zip(iterations, chance.lognormal(0, 0.5, segments), strict=True)]) for _ in range(2000)]
    assert np.mean(np.array(found) > 0) < 0.005


def test_growth_is_seen_through_noise() -> None:
    chance = np.random.default_rng(0)
    iterations = np.array([50, 100, 150, 200] * 3)
    noise = chance.lognormal(0, 0.15, 12)
    assert state_growth([*zip(iterations, 0.01 * (1 + 0.05 * iterations) * noise, strict=True)]) > 0.02


@pytest.mark.parametrize("few", [[], [(10, 1.0), (20, 2.0)], [(10, 1.0)] * 8])
def test_few_segments_and_segments_alike_say_nothing(few: list[tuple[int, float]]) -> None:
    assert state_growth(few) == 0
