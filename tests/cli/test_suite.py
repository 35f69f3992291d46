"""`hetsched suite`, as it is typed."""

import json
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.scenario.packaged.suite import suite_file, suite_names


def test_the_list_says_what_each_scenario_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(suite_names()) <= set(listed["scenarios"])
    assert listed["scenarios"]["homogeneous"].startswith("Nothing to gain")


def test_what_is_generated_can_be_simulated_and_ranked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["suite", "generate", "--seed", "3", "--count", "2", "--out", "drawn"]) == 0
    files = sorted(map(str, Path("drawn").glob("*.toml")))
    words = [
        "suite",
        *files,
        "--policies",
        "least-progress",
        "gavel-las",
        "--seeds",
        "1",
        "--jobs",
        "1",
        "--out",
        "out",
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "scenarios of your own: 2 scenarios, 1 seed, simulated" in printed
    assert "fifo (baseline)" in printed
    assert main(["suite", "--resume", "out", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert set(again["order"]) == {"fifo", "least-progress", "gavel-las"}
    assert again.items() <= json.loads(Path("out/summary.json").read_text()).items()


def test_whole_strategies_stand_for_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--policies", "gpu-only+fifo", "fusion+lookahead", "--baseline", "gpu-only+fifo", "--seeds", "1"]
    assert main(["suite", "small-population", *words, "--jobs", "1", "--json", "--out", str(tmp_path / "out")]) == 0
    assert json.loads(capsys.readouterr().out)["order"] == ["fusion+lookahead", "gpu-only+fifo"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing-such"], "nothing-such: no scenario of the suite: "),
        (["--all", "homogeneous"], "--all: leave it out, or leave out homogeneous"),
        (["--resume", "nowhere"], "--resume nowhere: no suite to go on with"),
        (["--resume", "nowhere", "--policies", "fifo"], "leave out --policies"),
        (["homogeneous", "--policies", "looksahead"], "unknown scheduling policy 'looksahead'"),
        (["missing.toml"], "missing.toml"),
    ],
)
def test_wrong_words_are_a_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["suite", *words]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_compare_ranks_strategies_over_several_scenarios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        text = suite_file("homogeneous").read_text().replace('name = "homogeneous"', f'name = "{name}"')
        Path(f"{name}.toml").write_text(text)
    words = ["compare", "one.toml", "two.toml", "--strategies", "gpu-only+lookahead", "gpu-only+fifo"]
    assert main([*words, "--baseline", "gpu-only+fifo", "--seeds", "1", "--jobs", "1", "--json", "--out", "out"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["order"] == ["gpu-only+lookahead", "gpu-only+fifo"]
    assert list(found["policies"]["gpu-only+fifo"]["scenarios"]) == ["one", "two"]
    assert main([*words, "--seeds", "auto"]) == 2
    assert "--seeds auto: for one scenario only" in capsys.readouterr().err
