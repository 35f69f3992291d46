"""Studies for pages, which the simulator carries out, also those that are for real."""

from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.studies.compare import Interrupted
from sim.backend import SimBackend
from tests.conftest import make_setup
from tests.report.page.runs import NODES
from tests.studies.test_comparison_resume import ctrl_c_after

STRATEGIES = ["uniform+fifo", "fusion+fifo", "fusion+lookahead"]


def scenario(**changes: Any) -> Any:
    return make_setup(nodes=NODES[:3], population=4, stop_iterations=40, **changes)


def compared(folder: Path, seeds: int = 3) -> hetsched.ComparisonResult:
    return hetsched.compare(scenario(), STRATEGIES, seeds, folder, baseline=STRATEGIES[0])


def interrupted(folder: Path, runs: int) -> None:
    """A comparison under 3 seeds that was killed after so many runs."""
    with pytest.raises(Interrupted):
        hetsched.compare(scenario(), STRATEGIES, 3, folder, baseline=STRATEGIES[0], progress=ctrl_c_after(runs))
    (folder / "summary.json").unlink(missing_ok=True)


def validated(
    folder: Path, profile: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> hetsched.ValidationResult:
    """Under 2 seeds; what is measured is another draw than what is predicted."""
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    return hetsched.validate(scenario().replace(**changes), STRATEGIES[:2], 2, folder, predictions=2)
