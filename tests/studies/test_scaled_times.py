"""Step times that a probe did not measure, but scaled: the studies say so beside their figures."""

from pathlib import Path

import pytest

from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_times import OWN_WORD
from hetsched.studies.assumptions import assumptions
from hetsched.studies.calibration import Calibration, calibrated, completed
from hetsched.studies.fidelity.recordings import About, keep
from hetsched.studies.measured import Measured
from tests.conftest import make_setup, profile_row

FIFO = Strategy("fusion", "fifo")
COSTS = "with costs of batch 32"


def two_sizes(provenance: str) -> Setup:
    """A scenario of two batch sizes, with a profile of this provenance."""
    rows = [profile_row(batch_size=size, seconds=size / 32, provenance=provenance) for size in (32, 64)]
    return make_setup(({"name": "a", "cores": 1},), rows, batch_size=[32, 64], population=4)


def probed(setup: Setup) -> Calibration:
    """What a probe says that saw only the first batch size, and took three times as long."""
    update = {"seconds_per_iteration": 3.0, "provenance": "measured by the probe run in /a/folder"}
    return Calibration([setup.times.rows[0].model_copy(update=update)], 0.0)


def not_measured(setup: Setup) -> list[str]:
    return [line for line in assumptions(setup, [FIFO]) if OWN_WORD in line]


@pytest.mark.parametrize(("provenance", "word"), [("measured", "scaled"), ("declared: guess", "declared and scaled")])
def test_a_validation_says_which_step_times_are_scaled(provenance: str, word: str, tmp_path: Path) -> None:
    setup = two_sizes(provenance)
    predicting = calibrated(setup, completed(probed(setup), setup, setup.workers(FIFO)))
    assert [row.seconds_per_iteration for row in predicting.times.rows] == [3.0, 6.0]
    [said] = not_measured(predicting)
    assert f"({word} by the probe {COSTS}): resnet18" in said and "batch 64" in said
    log = tmp_path / "log"
    log.write_text("")
    keep(tmp_path / "kept", predicting, log, About("today", "1"))
    text = "".join(file.read_text() for file in (tmp_path / "kept").glob("*.csv"))
    assert f"{word} by the probe {COSTS}" in text and "/a/folder" not in text


@pytest.mark.parametrize(("provenance", "word"), [("measured", "scaled"), ("declared: guess", "declared and scaled")])
def test_a_plan_says_which_step_times_are_scaled(provenance: str, word: str) -> None:
    setup = two_sizes(provenance)
    measured = Measured(setup)
    measured.add(probed(setup))
    [said] = not_measured(measured.setup)
    assert f"({word} by 3 as measured on cpu): resnet18" in said and "batch 64" in said
