"""A plan on a Ray cluster, and the run of its best strategy."""

import json
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.core.events import RunPredicted, SegmentEnded
from hetsched.core.log import read_log
from hetsched.scenario.profile_files import read_profile
from tests.on_ray.conftest import PACE_S, A, B, small_scenario

STRATEGIES = ["--strategies", "test-core-per-node+lpt", "test-core-per-node+hrfs", "fusion+lpt", "--jobs", "1"]


def test_the_best_strategy_is_found_on_the_cluster_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    small_scenario().save(tmp_path / "given")
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "given/scenario.toml", *STRATEGIES, "--out", "results/plan", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert set(found["strategies"]) == {"test-core-per-node+lpt", "test-core-per-node+hrfs", "fusion+lpt"}
    rows = {row.device: row for row in read_profile(Path("results/plan/measured.csv"))}
    assert set(rows) == set(PACE_S)
    probed = [log for folder in found["probes"] for log in read_log(Path(folder) / "events.jsonl")]
    segments = [event for event in probed if isinstance(event, SegmentEnded)]
    assert {event.worker for event in segments} >= {A, B}
    slowest = max(event.parts.train_s / event.iterations for event in segments)
    for device, seconds in PACE_S.items():
        assert seconds <= rows[device].seconds_per_iteration <= slowest
        assert rows[device].start_up_s and rows[device].restore_s

    assert main(["run", "given/scenario.toml", "--strategy", "auto", *STRATEGIES, "--out", "results/run"]) == 0
    shown = capfd.readouterr().out
    assert "measured before, in results/plan" in shown and "the prediction was" in shown
    done = json.loads(Path("results/run/summary.json").read_text())
    assert done["strategy"] == done["foretold"]["prediction"]["strategy"] == found["best"]
    [foretold] = [event for event in read_log(Path("results/run/events.jsonl")) if isinstance(event, RunPredicted)]
    assert foretold.makespan_s == done["foretold"]["prediction"]["makespan_s"]
    for folder in ("results/run", *found["probes"]):
        assert main(["replay", folder]) == 0
    assert main(["run", "--resume", "results/run"]) == 0
    assert "the prediction was" in capfd.readouterr().out
