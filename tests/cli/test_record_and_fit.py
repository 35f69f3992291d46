"""Learning curves of a user's own training: recorded and fitted on the command line, without
torch."""

import json
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from shutil import copy

import pytest

from hetsched import load_scenario
from hetsched.cli.fit import order_of
from hetsched.cli.main import main
from hetsched.cli.main import parser as command_parser
from hetsched.errors import InputError
from hetsched.studies.fit import fit
from sim.learning.recorded import Tabular
from sim.learning.recordings import read_recordings

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_training.py"
SCENARIO = """
name = "toy"
strategies = ["uniform+fifo"]
[training]
class = "my_training.py:Mine"
options = { batch = 4 }
[cluster]
nodes = [{ name = "here", cores = 2 }]
[[workload.experiments]]
name = "lines"
population = 4
stop_iterations = 60
metric = { name = "loss", mode = "min" }
search_space.lr = { low = 0.001, high = 1.0, scale = "log" }
search_space.optimizer.name = { choices = ["sgd", "adam"] }
"""
WALK = """
from ray import tune

class Walk(tune.Trainable):
    def setup(self, config):
        self.lr, self.loss = config["lr"], 3.0

    def step(self):
        self.loss *= 1 - self.lr / 10
        return {"loss": self.loss}

    def save_checkpoint(self, folder):
        return {"loss": self.loss}

    def load_checkpoint(self, state):
        self.loss = state["loss"]
"""
SMALL = ["--recordings", "12", "--every", "10"]


def toy(folder: Path) -> Path:
    copy(EXAMPLE, folder)
    path = folder / "toy.toml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    return toy(tmp_path)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `record` writes, once for all tests that only read it."""
    return recorded(toy(tmp_path_factory.mktemp("recorded")), "r.csv").read_text()


@pytest.fixture
def out(scenario: Path, recordings: str) -> Path:
    """A file of recordings beside the scenario."""
    path = scenario.parent / "r.csv"
    path.write_text(recordings)
    return path


def recorded(scenario: Path, name: str, *options: str) -> Path:
    out = scenario.parent / name
    assert main(["record", str(scenario), "--out", str(out), *SMALL, *options]) == 0
    return out


def test_a_toy_training_is_recorded_and_fitted(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recorded(scenario, "r.csv")
    recordings = read_recordings(out, metric="loss")
    assert [[line.iteration for line in r.evaluations] for r in recordings] == [list(range(0, 61, 10))] * 12
    assert {r.evaluations[0].hyperparameters["optimizer.name"] for r in recordings} == {"sgd", "adam"}
    assert len({r.configuration for r in recordings}) == 9  # the first four are one configuration
    assert len({r.evaluations[0].seed for r in recordings}) == 12
    assert any(r.has_schedule for r in recordings)
    assert f"fit: hetsched fit {out} --metric loss --mode min\n" in capsys.readouterr().out
    assert main(["fit", str(out), "--metric", "loss", "--mode", "min", "--folds", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = [judged["name"] for judged in found["judged"]]
    assert sorted(names) == ["mean curve", "multi-power", "tabular"]
    errors = [judged["held_out"]["mean_absolute_error"] for judged in found["judged"]]
    assert errors == sorted(errors)
    assert found["noise"]["between_seeds"] > 0
    assert found["noise"]["by_images"] is None  # a loss is no share of right answers


def test_a_trainable_of_ray_is_recorded_without_a_score_of_the_untrained_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`evaluate returned {}` was all that was said."""
    pytest.importorskip("ray")
    path = tmp_path / "walk.toml"
    (tmp_path / "walk.py").write_text(WALK)
    path.write_text(SCENARIO.replace("my_training.py:Mine", "walk.py:Walk").replace("options = { batch = 4 }", ""))
    out = recorded(path, "r.csv")
    first, second, *_ = read_recordings(out, chance=5.0, metric="loss")[0].evaluations
    assert (first.iteration, first.score) == (0, 5.0) and second.iteration == 10
    command = f"hetsched fit {out} --metric loss --mode min --chance "
    assert f"fit: {command}UNTRAINED_SCORE\n" in capsys.readouterr().out
    assert main([*command.split()[1:], "5.0"]) == 0


@pytest.mark.parametrize("falls", [0.5, 1.0])
def test_a_noise_that_falls_with_the_loss_is_left_out(
    falls: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines had the mean noise, 10 times the last losses, and simulated losses were below 0."""
    lines = [
        f"{rate}-{seed},m,own,1,{seed},{10 * place},{rate},{falls**place * (5 - rate) * (1 + 0.3 * seed)}"
        for rate in (1, 2, 3)
        for seed in (range(4) if rate == 2 else [0])
        for place in range(9)
    ]
    out = tmp_path / "r.csv"
    out.write_text("\n".join(["recording,model,dataset,batch_size,seed,iteration,lr,loss", *lines]))
    assert main(["fit", str(out), "--metric", "loss", "--mode", "min", "--show", "tabular"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert ("options.noise is left out: noise by seed is " in said) is (falls < 1)
    assert ("noise = " in said) is (falls == 1)


def test_every_column_of_the_file_has_a_line(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recorded(scenario, "r.csv")
    said = [re.split(" {2,}", line)[0] for line in capsys.readouterr().out.splitlines() if "  " in line]
    assert said == out.read_text().partition("\n")[0].split(",")


def test_a_recording_needs_neither_strategies_nor_a_cluster(scenario: Path) -> None:
    """No policy is asked, and the machine is this one."""
    whole = recorded(scenario, "whole.csv")
    head, rest = SCENARIO.split('strategies = ["uniform+fifo"]\n')
    scenario.write_text(head + rest.replace('[cluster]\nnodes = [{ name = "here", cores = 2 }]\n', ""))
    assert recorded(scenario, "without.csv").read_text() == whole.read_text()


def test_what_a_fit_prints_is_what_a_scenario_takes(
    scenario: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    fit = ["fit", str(out), "--metric", "loss", "--mode", "min", "--folds", "3", "--show", "tabular"]
    assert main(fit) == 0
    said = capsys.readouterr().out
    learning = said[said.index("[learning]") :]
    assert tomllib.loads(learning)["learning"]["model"] == "tabular"
    profile = scenario.parent / "profile.csv"
    profile.write_text("model,dataset,device,cores,batch_size,seconds_per_iteration\nMine,own,cpu,1,1,0.1\n")
    simulated = scenario.with_name("simulated.toml")
    simulated.write_text(SCENARIO + learning + '\n[profile]\nsources = ["profile.csv"]\n')
    assert main(["simulate", str(simulated), "--strategy", "uniform+fifo", "--out", str(scenario.parent / "o")]) == 0


def test_what_is_in_the_file_is_not_recorded_again(
    scenario: Path, recordings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = recordings.splitlines(keepends=True)
    for kept in (1, 2, 9, 20, len(lines) - 1):  # killed at any line, in the midst of a recording or not
        cut = scenario.parent / "cut.csv"
        cut.write_text("".join(lines[:kept]) + lines[kept][:7])
        capsys.readouterr()
        assert main(["record", str(scenario), "--out", str(cut), *SMALL, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["recorded_now"] == 12 - (kept - 1) // 7
        assert len(said["assumptions"]) == (said["recorded_now"] < 12)
        assert cut.read_text() == recordings


@pytest.mark.parametrize("recordings_now", ["2", "4", "12"])
def test_longer_recordings_do_not_replace_those_in_the_file(
    recordings_now: str, scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finished recordings were dropped without a word, and recorded again."""
    out = recorded(scenario, "r.csv", "--recordings", "4")
    before = out.read_text()
    longer = ["--recordings", recordings_now, "--every", "10", "--iterations", "120"]
    assert main(["record", str(scenario), "--out", str(out), *longer]) == 2
    said = capsys.readouterr().err
    assert f"{out}:8: recording 0 ends at iteration 60, and this command would record 120; give the options" in said
    assert out.read_text() == before


def test_a_short_line_in_the_midst_of_the_file_is_named(
    scenario: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join([*lines[:7], f"{lines[7].rpartition(',')[0]}\n", *lines[8:]]))
    assert main(["record", str(scenario), "--out", str(out), *SMALL]) == 2
    assert f"{out}:8: expected " in capsys.readouterr().err


def test_a_quote_in_the_file_takes_in_no_lines_below(
    scenario: Path, recordings: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The recordings below it were recorded again without a word."""
    lines = recordings.splitlines(keepends=True)
    odd = scenario.parent / "odd.csv"
    odd.write_text("".join([*lines[:9], lines[9].replace(",", ',"', 1), *lines[10:]]))
    assert main(["record", str(scenario), "--out", str(odd), *SMALL]) == 2
    assert f"{odd}:10: expected " in capsys.readouterr().err


def test_more_recordings_leave_those_that_are_there(
    scenario: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing was said of a training whose options had changed since."""
    before = out.read_text()
    capsys.readouterr()
    recorded(scenario, out.name, "--recordings", "14")
    said = "14 recordings, 12 of them before\nassumed: the 12 before are of the training as it is now; the file"
    assert f"{out}: {said}" in capsys.readouterr().out
    assert out.read_text().startswith(before)


def test_a_killed_recorder_leaves_whole_recordings(scenario: Path) -> None:
    out = scenario.parent / "r.csv"
    command = [sys.executable, "-m", "hetsched", "record", str(scenario), "--out", str(out)]
    process = subprocess.Popen([*command, "--recordings", "100000", "--every", "10"], stderr=subprocess.DEVNULL)
    while not out.exists() or len(out.read_text().splitlines()) < 15:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert {len(r.evaluations) for r in read_recordings(out, metric="loss")} == {7}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--every", "7"], "--iterations 60: must be a multiple of --every 7"),
        (
            ["--metric", "f1"],
            "evaluate did not report 'f1': expected a reported metric, one of 'loss', 'worst': name it with --metric",
        ),
        (["--out", "none/r.csv"], "there is no folder"),
        (["--experiment", "line"], "no experiment 'line': did you mean 'lines'?"),
        (["--metric", "seed"], "a recording file has another column of this name"),
    ],
)
def test_wrong_options_are_one_line_and_leave_no_file(
    options: list[str], message: str, scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = scenario.parent / "r.csv"
    assert main(["record", str(scenario), "--out", str(out), *SMALL, *options]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not out.exists()


def test_an_accuracy_in_percent_is_refused_at_once(scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All was recorded, and `hetsched fit` refused the file."""
    training = scenario.parent / "my_training.py"
    training.write_text(training.read_text().replace('"loss": sum', '"accuracy": 50.0 + sum'))
    scenario.write_text(scenario.read_text().replace('metric = { name = "loss", mode = "min" }', ""))
    out = scenario.parent / "r.csv"
    assert main(["record", str(scenario), "--out", str(out), *SMALL]) == 2
    said = capsys.readouterr().err
    assert "evaluate reported accuracy " in said and "expected 0 to 1: divide percent by 100" in said
    assert not out.exists()


def test_a_file_of_another_scenario_is_not_gone_on_with(
    scenario: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", str(scenario), "--out", str(out), *SMALL, "--seed", "1"]) == 2
    said = capsys.readouterr().err
    assert f"{out}:2: seed: this command would record" in said and said.count("\n") == 1
    assert main(["record", str(scenario), "--out", str(out), *SMALL, "--metric", "worst"]) == 2
    assert f"{out}:1: expected the columns recording,model," in capsys.readouterr().err


@pytest.mark.parametrize(
    ("replaced", "by", "message"),
    [
        ("loss", "accuracy", "has no column 'loss', and has 'accuracy'"),
        (",10,", ",ten,", ":3: iteration"),
        (",20,", ",5,", ":4: recording '0': its lines must be in the order of iterations"),
        ("\n1,Mine", "\n0,Mine", "iterations"),
    ],
)
def test_a_bad_file_is_one_line_with_file_and_line(
    replaced: str, by: str, message: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out.write_text(out.read_text().replace(replaced, by, 1))
    capsys.readouterr()
    assert main(["fit", str(out), "--metric", "loss", "--mode", "min"]) == 2
    said = capsys.readouterr().err
    assert str(out) in said and message in said and said.count("\n") == 1


def test_which_scores_are_better_is_not_guessed(scenario: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(out), "--metric", "loss"]) == 2
    assert "--metric loss: say which scores are better: --mode max, or --mode min" in capsys.readouterr().err
    learning = f'[learning]\nmodel = "tabular"\noptions = {{ file = "{out}", metric = "loss", mode = "max" }}\n'
    scenario.write_text(f"{scenario.read_text()}\n{learning}")
    with pytest.raises(
        InputError, match=r"^learning.options.mode is 'max', and experiment '\w+' has metric.mode 'min'"
    ):
        load_scenario(scenario).resolve().learning_model()


@pytest.mark.parametrize("column", ["lr", "seed", "iteration", "hyperparameters.optimizer.name"])
def test_a_column_that_says_what_was_recorded_is_no_score(
    column: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["fit", str(out), "--metric", column, "--mode", "min"]) == 2
    said = capsys.readouterr().err
    assert f"{out}: column {column!r} says what was recorded, and is no score" in said and said.count("\n") == 1


ERRORS_OF_TWO = """recording,model,dataset,batch_size,seed,iteration,lr,hyperparameters.depth,accuracy
0,m,d,8,0,0,0.1,2,0.9
0,m,d,8,0,10,0.1,2,0.5
1,m,d,8,0,0,0.2,4,0.9
1,m,d,8,0,10,0.2,4,0.3
"""


def test_a_cell_without_a_value_in_a_column_of_numbers_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The column was compared as one of texts, without a word."""
    path = tmp_path / "r.csv"
    path.write_text(ERRORS_OF_TWO.replace("10,0.2,4,", "10,0.2,,"))
    assert main(["fit", str(path)]) == 2
    said = capsys.readouterr().err
    assert f"{path}:5: hyperparameters.depth: empty, and line 3 has a value" in said
    path.write_text(ERRORS_OF_TWO.replace(",2,", ",,").replace(",4,", ",,"))
    assert not any(line.others for each in read_recordings(path) for line in each.lines)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("hyperparameters.lr", "3", "expected the column 'lr' for this hyperparameter"),
        ("hyperparameters.momentum", "0.5", "expected the column 'momentum' for this hyperparameter"),
        ("hyperparameters.batch_size", "3", "expected 8, as in batch_size, found 3"),
    ],
)
def test_a_hyperparameter_has_one_column(column: str, value: str, said: str, tmp_path: Path) -> None:
    """The second column won without a word."""
    path = tmp_path / "r.csv"
    lines = [
        "recording,model,dataset,batch_size,seed,iteration,lr,accuracy",
        "0,m,d,8,0,0,0.1,0.1",
        "0,m,d,8,0,10,0.1,0.5",
    ]
    path.write_text("".join(f"{line},{value if at else column}\n" for at, line in enumerate(lines)))
    with pytest.raises(InputError, match=re.escape(f"{path}:2: {column}: {said}")):
        read_recordings(path)


def test_a_rate_that_one_line_lacks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    lines = [
        "recording,model,dataset,batch_size,seed,iteration,lr,momentum,accuracy",
        "0,m,d,8,0,0,,,0.1",
        "0,m,d,8,0,10,0.1,0.9,0.5",
    ]
    path.write_text("\n".join([*lines, ""]))
    assert not read_recordings(path)[0].has_schedule, "an untrained network has no rate"
    path.write_text("\n".join([*lines, "0,m,d,8,0,20,0.1,,0.6", ""]))
    with pytest.raises(InputError, match=re.escape(f"{path}:4: momentum: empty, and line 3 has a value")):
        read_recordings(path)


def test_a_text_in_a_column_of_numbers_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.csv"
    path.write_text(ERRORS_OF_TWO.replace(",4,", ",four,"))
    words = ["fit", str(path), "--constants", "scale", "--folds", "2"]
    said = "hyperparameters.depth has 'four' in recording '1' and numbers in others"
    assert main(words) == 0
    assert said in " ".join(capsys.readouterr().out.split())
    assumed = list(Tabular(path, noise=0.02).assumed([]))
    assert len(assumed) == 1 and said in assumed[0] and str(path) in assumed[0]
    path.write_text(ERRORS_OF_TWO)
    assert not list(Tabular(path, noise=0.02).assumed([]))


def test_a_file_of_another_metric_offers_it(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["fit", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"{out}: has no column 'accuracy', and has 'loss'" in said
    assert "by --metric loss --mode min (or max)" in said


def test_recordings_that_diverged_are_named(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their scores are finite and huge. They decided the errors of all models without a word."""
    *lines, last = out.read_text().splitlines()
    out.write_text("\n".join([*lines, f"{last.rpartition(',')[0]},1e130"]) + "\n")
    capsys.readouterr()
    assert main(["fit", str(out), "--metric", "loss", "--mode", "min", "--folds", "2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 12 recordings have diverged (11): their loss grew more than 1000-fold" in said


@pytest.mark.parametrize("kept", [["0"], []])
def test_recordings_without_a_score_are_left_out_and_named(
    out: Path, capsys: pytest.CaptureFixture[str], kept: list[str]
) -> None:
    """Such is the file of a training that returns nan once it has diverged. `kept`: the iterations
    whose score stays."""
    head, *lines = out.read_text().splitlines()
    *_, last = [line.partition(",")[0] for line in lines]
    blank = [
        f"{line.rpartition(',')[0]}," if line.partition(",")[0] == last and line.split(",")[5] not in kept else line
        for line in lines
    ]
    out.write_text("\n".join([head, *blank]) + "\n")
    capsys.readouterr()
    assert main(["fit", str(out), "--metric", "loss", "--mode", "min", "--folds", "2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"left out: 1 recording without a score after the first line: {last}" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--chance", "5"], "--chance 5.0: expected an accuracy, from 0 to 1"),
        (["--chance", "-1"], "--chance -1.0: expected an accuracy, from 0 to 1"),
        (["--chance", "nan"], "--chance nan: expected a finite number"),
        (["--metric", "loss", "--mode", "min", "--chance", "inf"], "--chance inf: expected a finite number"),
        (["--mode", "min"], "--mode min: of accuracy the greater score is better"),
        (["--folds", "1"], "--folds 1: expected at least 2"),
    ],
)
def test_a_fit_that_no_model_has_is_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines were refused where they were pasted."""
    assert main(["fit", *options]) == 2
    assert message in capsys.readouterr().err
    order = order_of(command_parser().parse_args(["fit", *options]))
    with pytest.raises(InputError, match=re.escape(message)):
        fit(order)
