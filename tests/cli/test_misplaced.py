"""A scenario or a folder in the wrong place: the message names the command that is meant."""

from pathlib import Path

import pytest

from hetsched.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["profile", "sine.toml"], "profile takes no scenario, got 'sine.toml': 'hetsched plan sine.toml' measures"),
        (["profile", "--out", "p.csv", "--cores", "1", "sine.toml"], "'hetsched plan sine.toml' measures"),
        (["profile", "demo"], "'hetsched plan demo' measures a scenario's training"),
        (["training", "sine.toml"], "write 'hetsched training check sine.toml'"),
        (["training", "my.py:Mine"], "write 'hetsched training check my.py:Mine'"),
        (["fidelity", "results"], "'hetsched fidelity --folder results' predicts"),
        (["fidelity", "results"], "'hetsched fidelity add results' takes over"),
        (["policies", "check", "sine.toml"], "sine.toml: is a scenario, and a policy was expected, such as fifo"),
        (["policies", "sine.toml"], "'hetsched compare sine.toml' simulates"),
    ],
)
def test_it_is_refused_with_the_command_that_is_meant(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """argparse said: invalid choice: 'sine.toml' (choose from 'check')."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_scenario_in_its_place_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.csv").write_text("model,batch_size,device,seconds\nm,1,cpu,0.1\n")
    assert main(["profile", "check", "p.csv", "demo"]) == 1  # the demo needs other rows
    assert main(["policies", "fifo"]) == 0


def test_of_two_scenarios_of_a_tune_scripts_folder_the_measured_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message named 'hetsched plan' alone, which cannot train a script."""
    text = """
name = "s"
strategies = ["uniform+fifo"]
learning.model = "unknown"
cluster.nodes = [{ name = "a", cores = 1 }]
workload.experiments = [{ name = "e", model = "m", batch_size = 1, population = 2, stop_iterations = 10 }]
"""
    (tmp_path / "scenario.toml").write_text(text)
    words = ["compare", str(tmp_path / "scenario.toml"), "--seeds", "1", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "measured" not in capsys.readouterr().err.replace("nobody measured", "")
    (tmp_path / "measured").mkdir()
    (tmp_path / "measured" / "scenario.toml").write_text(text)
    assert main(words) == 2
    assert f"give {tmp_path / 'measured' / 'scenario.toml'} instead" in capsys.readouterr().err
