"""Options that name files are relative to the scenario, and results have copies of them."""

from hashlib import sha256
from pathlib import Path

import pytest

from hetsched import allocation, scheduling
from hetsched.cli.main import main
from hetsched.domain import learning, registry
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.policy_files import policies_of
from hetsched.scenario.scenario import Setup
from hetsched.studies.comparison_plan import ComparisonPlan

DEMO = Path(__file__).parents[2] / "examples" / "demo.toml"

RECORDINGS = """recording,model,dataset,batch_size,seed,iteration,lr,momentum,accuracy
1,resnet18,cifar10,32,0,0,0.1,0,0.1
1,resnet18,cifar10,32,0,1000,0.1,0,0.9
"""
PLACED = '''
from pathlib import Path

from hetsched.scheduling import Dispatch, register

@register("by-table")
class ByTable:
    """The first trial on the first worker, with a table that is read when it is made."""

    def __init__(self, table: "Path | None" = None, rounds: int = 1) -> None:
        self.table = table.read_text() if table else ""

    def dispatch(self, state):
        for trial, worker in zip(state.ready_trials, state.idle_workers):
            yield Dispatch(trial.id, worker.id, state.interval(trial))
'''


BY_TABLE = Strategy("fusion", "by-table")


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario in a folder that is not the current one, with a learning model's file and a
    policy's."""
    for kind in (allocation, scheduling):
        monkeypatch.setattr(kind.policies, "_factories", dict(kind.policies._factories))
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "curves.csv").write_text(RECORDINGS)
    (folder / "table.txt").write_text("a table")
    (folder / "placed.py").write_text(PLACED)
    head = DEMO.read_text().partition("[learning.options]")[0]
    path = folder / "s.toml"
    path.write_text(
        f'policy_files = ["placed.py"]\n{head}\n[learning]\nmodel = "tabular"\noptions.file = "curves.csv"\n'
        '[scheduling.by-table]\ntable = "table.txt"\n[real]\ndata_dir = "data"\nmodel_file = "models.py"\n'
    )
    return path


def table(setup: Setup) -> object:
    return getattr(setup.scenario.scheduling_policy(BY_TABLE), "table", None)


def copies(setup: Setup) -> tuple[str, str]:
    return str(setup.scenario.learning.options["file"]), str(setup.scenario.scheduling["by-table"]["table"])


def test_they_are_relative_to_the_scenario_and_copied_into_the_results(scenario: Path, tmp_path: Path) -> None:
    setup, out = load_setup(scenario), tmp_path / "out"
    assert table(setup) == "a table"
    setup.save(out)
    for file in ("curves.csv", "table.txt"):
        (scenario.parent / file).unlink()
    again = load_setup(out / "scenario.toml")
    assert copies(again) == ("options/curves.csv", "options/table.txt")
    sums = dict(line.split("  ")[::-1] for line in (out / "options" / "SHA256SUMS").read_text().splitlines())
    assert sums["curves.csv"] == sha256(RECORDINGS.encode()).hexdigest()
    assert table(again) == "a table"
    again.learning_model()
    again.save(out)  # into its own folder, as a run that goes on does
    assert copies(load_setup(out / "scenario.toml")) == copies(again)


def test_a_file_that_is_not_there_is_said(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (scenario.parent / "table.txt").unlink()
    assert main(["simulate", str(scenario), "--strategy", "fusion+fifo"]) == 2
    said = capsys.readouterr().err
    assert "scheduling policy 'by-table': option 'table': " in said and "table.txt: no such file" in said


def test_data_and_models_are_found_from_the_results(scenario: Path, tmp_path: Path) -> None:
    load_setup(scenario).save(tmp_path / "out")
    real = load_setup(tmp_path / "out" / "scenario.toml").scenario.real
    assert real.data_dir == str(scenario.parent / "data") and real.model_file == str(scenario.parent / "models.py")


def test_annotations_in_quotes_say_what_an_option_is(scenario: Path) -> None:
    text = scenario.read_text().replace('table = "table.txt"', 'table = "table.txt"\nrounds = "many"')
    scenario.write_text(text)
    (scenario.parent / "placed.py").write_text(f"from __future__ import annotations\n{PLACED}")
    with pytest.raises(InputError, match="'by-table': option 'rounds' must be int, got 'many'"):
        load_setup(scenario)


def test_a_comparison_does_not_go_on_with_another_file(scenario: Path, tmp_path: Path) -> None:
    setup, out = load_setup(scenario), tmp_path / "out"
    setup.save(out)
    with policies_of(setup.policy_files):
        plan = ComparisonPlan.begun(out, setup, [BY_TABLE], [0], 1)
    load_setup(out / "scenario.toml")
    plan.check(out)
    (out / "options" / "curves.csv").write_text(RECORDINGS.replace("0.9", "0.8"))
    with pytest.raises(InputError, match="curves.csv: has changed since the comparison began"):
        plan.check(out)


def test_entry_points_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They were looked for in every simulation of a comparison, which then took a third longer."""
    learning.models.create("sgd", {"noise": 0.1})
    monkeypatch.setattr(registry, "entry_points", lambda **_: pytest.fail("looked for again"))
    assert learning.models.files("sgd", {"noise": 0.1}) == {}
