"""A policy that takes workers from running trials cannot do so where jobs have no checkpoints."""

from pathlib import Path

import pytest

import hetsched
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS
from tests.test_front_door import TABLES

JOBS = [
    {"name": name, "batch_size": 32, "stop_iterations": 40, "pbt": {"enabled": False}, "arrival_s": arrival_s}
    for name, arrival_s in (("first", 0.0), ("second", 1.0))
]
SAID = "'las' takes a worker from a trial only at a checkpoint"


def test_every_study_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    scenario = hetsched.Scenario(**TABLES | {"workload": {"experiments": JOBS}})
    assert SAID in hetsched.simulate(scenario, "fusion+las").warnings["fusion+las"]
    assert SAID in hetsched.compare(scenario, ["fusion+las"], 1).warnings["fusion+las"]
    assert SAID in hetsched.ablate(scenario, "fusion+las", 1).warnings["fusion+las"]
    (tmp_path / "s.toml").write_text(scenario.to_toml())
    found = hetsched.suite(["s.toml"], ["fifo", "las"], 1, "out")
    assert any(SAID in line for lines in found.plan.assumed.values() for line in lines)
