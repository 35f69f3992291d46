"""The table `[training]` of a scenario: what experiments need not say with it, and the copy in
results folders."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.scenario.loading import load_setup
from hetsched.scenario.profile_files import write_profile
from tests.conftest import profile_row
from tests.domain.test_training_class import MINE

SPACE = {"lr": {"low": 0.01, "high": 0.1}}
ROWS = [profile_row(device, model="Mine", dataset="own", batch_size=1) for device in ("cpu", "k80")]


def tables(training: Any = None, **experiment: Any) -> dict[str, Any]:
    return {
        "name": "own",
        "strategies": ["fusion+fifo"],
        "cluster": {"nodes": [{"name": "box", "cores": 1}]},
        "workload": {
            "experiments": [{"name": "e", "population": 2, "stop_iterations": 10, "search_space": SPACE} | experiment]
        },
        "profile": {"sources": ["p.csv"]},
        "training": {"class": "mine.py:Mine"} if training is None else training,
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_experiments_need_not_say_what_images_are_for() -> None:
    [experiment] = hetsched.Scenario(**tables()).workload.listed_experiments()
    assert (experiment.model, experiment.dataset, experiment.batch_sizes) == ("Mine", "own", (1,))
    assert experiment.evaluation_images == 1
    [experiment] = hetsched.Scenario(**tables(model="named", batch_size=8)).workload.listed_experiments()
    assert (experiment.model, experiment.dataset, experiment.batch_sizes) == ("named", "own", (8,))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training": {"class": "mine.py"}}, "training.class: expected FILE.py:CLASS, such as my_training.py:Mine"),
        ({"training": {"class": "mine"}}, "training.class: expected FILE.py:CLASS"),
        ({"training": {}}, "training.class: missing"),
        ({"training": {"clas": "mine.py:Mine"}}, "training.clas: unknown key: did you mean 'class'?"),
        ({"training": {"class": "mine.py:Mine", "options": 3}}, "training.options: "),
        ({"search_space": None}, "workload.experiments.e.search_space: missing: say which hyperparameters of Mine"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(changes: dict[str, Any], said: str) -> None:
    made = tables(**changes)
    if "search_space" in changes:
        del made["workload"]["experiments"][0]["search_space"]
    with pytest.raises(hetsched.InputError) as raised:
        hetsched.Scenario(**made)
    assert any(line.startswith(said) for line in str(raised.value).splitlines()), raised.value


def test_a_file_that_is_not_there_is_said_before_anything_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "s.toml").write_text(hetsched.Scenario(**tables()).to_toml())
    (folder / "mine.py").unlink()
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo"]) == 2
    said = capsys.readouterr().err
    assert "s.toml: training.class: mine.py: no such file: expected FILE.py:CLASS" in said
    assert len(said.splitlines()) == 1


def test_results_have_a_copy_which_a_simulation_does_not_run(folder: Path) -> None:
    """The class is named by the copy, so that what goes on with the folder needs no other file."""
    training = {"class": "mine.py:Mine", "options": {"layers": [2, 3], "data": {"path": "x"}}}
    made = hetsched.Scenario(**tables(training))
    (folder / "s.toml").write_text(made.to_toml())
    (folder / "mine.py").write_text("raise AssertionError('it was run')\n" + MINE)
    learning = made.replace(learning={"model": "unknown"}).to_toml()
    (folder / "s.toml").write_text(learning)
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    assert (folder / "out/training/mine.py").read_bytes() == (folder / "mine.py").read_bytes()
    subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd="out/training", check=True)
    (folder / "mine.py").unlink()
    again = hetsched.load_scenario("out/scenario.toml")
    assert again.training is not None
    assert (again.training.class_name, again.training.options) == ("training/mine.py:Mine", training["options"])
    assert main(["simulate", "out/scenario.toml", "--strategy", "fusion+fifo", "--out", "twice"]) == 0
    assert Path("twice/training/mine.py").is_file()
    assert main(["replay", "out"]) == 0


def test_a_scenario_is_made_anew_of_its_own_tables() -> None:
    made = hetsched.Scenario(**tables())
    assert hetsched.Scenario(**made.model_dump()) == made
    assert made.replace(seeds=2).training == made.training


def test_a_batch_size_may_be_searched(folder: Path) -> None:
    """The default of 1 was held against the search space, with the advice to leave out what nobody
    had written."""
    space = {"batch_size": {"choices": [32, 64]}, "lr": {"low": 0.01, "high": 0.1}}
    made = hetsched.Scenario.of(tables(search_space=space), folder)
    [experiment] = made.workload.listed_experiments()
    assert experiment.batch_sizes == (32, 64) and experiment.searches_batch_size
    (folder / "again.toml").write_text(made.to_toml())
    assert load_setup(folder / "again.toml").workload.experiments == (experiment,)


def test_a_profile_that_names_no_data_set_is_of_the_experiments(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The profile said cifar10 and the experiment said own, where the user had written neither."""
    (folder / "p.csv").write_text("model,batch_size,device,seconds\nMine,1,cpu,0.5\n")
    for experiment, dataset in ({}, "own"), ({"dataset": "wiki"}, "wiki"):
        (folder / "s.toml").write_text(hetsched.Scenario(**tables(**experiment)).to_toml())
        assert [row.dataset for row in load_setup(Path("s.toml")).times.rows] == [dataset]
        assert main(["profile", "check", "p.csv", "s.toml"]) == 0
        assert f"no value of dataset: {dataset}, as in an experiment" in capsys.readouterr().out
        assert main(["simulate", "s.toml", "--strategy", "fusion+fifo"]) == 0
        capsys.readouterr()


def test_a_profile_that_names_a_data_set_keeps_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "p.csv").write_text("model,dataset,batch_size,device,seconds\nMine,cifar10,1,cpu,0.5\n")
    (folder / "s.toml").write_text(hetsched.Scenario(**tables()).to_toml())
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo"]) == 2
    assert "the profile has no dataset 'own': it has cifar10" in capsys.readouterr().err


def test_a_misspelt_class_is_looked_for_in_the_class(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A simulation does not run the file. It blamed a key `model` that the user had not written."""
    (folder / "s.toml").write_text(hetsched.Scenario(**tables({"class": "mine.py:Min"})).to_toml())
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo"]) == 2
    said = capsys.readouterr().err
    assert "training.class: 'mine.py:Min': workload.experiments.e.model is the class's name" in said
    assert "the profile has no model 'Min': did you mean 'Mine'?" in said
