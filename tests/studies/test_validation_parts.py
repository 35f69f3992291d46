"""What a validation says of where its errors come from, with a slower machine in the runs than in
the probe."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from hetsched.domain.profiles import StepTimes
from hetsched.report.agreement_in_words import agreement_lines
from hetsched.studies.validate import validate
from hetsched.studies.validation import PROBE
from sim.backend import SimBackend
from tests.conftest import make_setup


class SlowToStart(SimBackend):
    """Workers take 300 s longer to start than in the probe."""

    def run(self, setup: Any, strategy: Any, *rest: Any) -> Any:
        if strategy.scheduling != PROBE:
            slower = [row.model_copy(update={"start_up_s": 300.0}) for row in setup.times.rows]
            setup = setup.replace_times(StepTimes(slower))
        return super().run(setup, strategy, *rest)


def test_start_up_under_load_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hetsched.studies.one_run.backend", lambda name: SimBackend() if name == "sim" else SlowToStart()
    )
    setup = make_setup(({"name": "a", "cores": 1}, {"name": "b", "cores": 2}), population=4, stop_iterations=100)
    result = validate(setup, ["fusion+fifo"], range(2), tmp_path / "v")
    [found] = result.agreements.values()
    assert found.parts is not None
    parts = asdict(found.parts)
    assert found.makespan_s.error_percent == pytest.approx(sum(parts.values()))
    assert min(parts, key=parts.__getitem__) == "start_up"
    assert next(agreement_lines(result)).startswith("fusion+fifo: the error of the makespan is start-up -")
    assert any("another machine than the prediction's" in remark for remark in result.remarks("fusion+fifo"))
