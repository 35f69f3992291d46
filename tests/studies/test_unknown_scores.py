"""A mean over some of the runs says so, wherever it is printed."""

from pathlib import Path

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.domain.learning import models
from hetsched.domain.registry import Strategy
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.run_warnings import of_real_runs
from tests.conftest import ROWS
from tests.test_front_door import TABLES

MODEL = '''
from hetsched.domain.learning import register

@register("at-times")
class AtTimes:
    """No score is a number in a run whose first draw is negative."""

    def __init__(self) -> None:
        self.known = None

    def fresh(self, kind):
        return 0

    def train(self, weights, kind, hyperparameters, iterations):
        return weights + iterations

    def score(self, weights, normal):
        self.known = normal > 0 if self.known is None else self.known
        return 0.5 if self.known else float("nan")
'''
SAID = "of 6 runs reported no score that is a number: the mean of the best scores is of the others"


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "_factories", dict(models._factories))
    (tmp_path / "model.py").write_text(MODEL)
    write_profile(tmp_path / "p.csv", ROWS)
    tables = TABLES | {"learning": {"model": "at-times"}, "policy_files": ["model.py"]}
    made = hetsched.Scenario.of(tables, tmp_path)
    (tmp_path / "s.toml").write_text(made.to_toml())
    return tmp_path / "s.toml"


def test_every_study_says_of_how_many_runs_its_mean_score_is(
    scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = hetsched.load_scenario(scenario)
    simulated = hetsched.simulate(loaded, "fusion+fifo", 6)
    unknown = [run.metrics.best_score for run in simulated.runs].count(None)
    assert 0 < unknown < 6
    said = {"fusion+fifo": f"{unknown} {SAID}"}
    assert simulated.warnings == said
    assert f"Note : {unknown} {SAID}" in (simulated.folder / "Running_Results.txt").read_text()
    assert hetsched.compare(loaded, ["fusion+fifo"], 6).warnings["fusion+fifo"] == said["fusion+fifo"]
    assert hetsched.ablate(loaded, "fusion+fifo", 6).warnings["everything"] == said["fusion+fifo"]
    command = ["simulate", str(scenario), "--strategy", "fusion+fifo", "--repeat", "6", "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert f"warning: fusion+fifo: {unknown} {SAID}" in capsys.readouterr().out


def test_a_real_run_without_any_score_says_so(scenario: Path) -> None:
    """Its table had blank cells, and PBT copied trials all the same."""
    scenario.with_name("model.py").write_text(MODEL.replace("0.5 if self.known else ", ""))
    loaded = hetsched.load_scenario(scenario)
    strategy = Strategy("fusion", "fifo")
    for images, said in ((100, True), (0, False)):
        document = loaded.model_dump(mode="json", exclude_none=True)
        document["workload"]["experiments"][0]["evaluation_images"] = images
        setup = hetsched.Scenario.of(document, scenario.parent).resolve()
        runs = {strategy: hetsched.simulate(setup, strategy, 2).runs}
        warnings = of_real_runs(setup, runs)
        assert ("no trial reported a score that is a number" in warnings.get(str(strategy), "")) is said
