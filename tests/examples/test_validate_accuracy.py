"""The scenario whose accuracies are predicted and measured: its curve is that of its recordings."""

from pathlib import Path

import pytest

import hetsched
from sim.learning.errors import Predict, errors, predictor
from sim.learning.recordings import mean_curve, read_recordings

EXAMPLE = Path(__file__).parents[2] / "examples" / "validate-accuracy"
SCENARIO = EXAMPLE / "validate-accuracy.toml"


def constant(curve: dict[int, float]) -> Predict:
    return lambda recording: [curve[line.iteration] for line in recording.evaluations[1:]]


@pytest.mark.parametrize("file", ["recordings.csv", "recordings-long.csv"])
def test_its_curve_is_closer_to_its_recordings_than_their_mean(file: str) -> None:
    recordings = read_recordings(EXAMPLE / file)
    found = errors(predictor(hetsched.load_scenario(SCENARIO).learning_model()), recordings)
    assert found.mean_absolute_error < 0.025
    assert found.mean_absolute_error < errors(constant(mean_curve(recordings)), recordings).mean_absolute_error


@pytest.mark.parametrize("slower", [1, 4])
def test_every_strategy_reaches_the_target_before_the_deadline(slower: int, tmp_path: Path) -> None:
    """Also with the pace and the deadline that the file advises for a slower machine."""
    time_scale, deadline_s = 3.0 * slower, 45.0 * slower
    if slower > 1:
        told = f"set this to {time_scale}, and metrics.deadline_s to {deadline_s}."
        assert told in SCENARIO.read_text()
    scenario = hetsched.load_scenario(SCENARIO).replace(real={"time_scale": time_scale})
    result = hetsched.compare(scenario, seeds=1, folder=tmp_path / "c")
    for run in result.runs:
        assert run.metrics.iterations == 8 * 300
        assert run.metrics.time_to_target_s is not None and run.metrics.time_to_target_s < deadline_s
