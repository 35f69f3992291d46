"""`hetsched suite`, as it is typed."""

import json
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.scenario.packaged.suite import VERSION, suite_file, suite_names
from hetsched.studies.folder import RUNNING, SCENARIOS
from hetsched.studies.results import load_results
from hetsched.studies.suite.suite_plan import RUNS_NAME, SuitePlan
from tests.conftest import Simulate, make_setup
from tests.report.suites import suite_folder, three_policies

DEMO = Path(__file__).parents[2] / "examples" / "demo.toml"


def test_the_list_says_what_each_scenario_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(suite_names()) <= set(listed["scenarios"])
    assert listed["scenarios"]["homogeneous"].startswith("Nothing to gain")
    assert set(listed["seconds_per_run"]) == set(listed["scenarios"]), "python -m benchmarks.seconds_of_suite"
    assert all(s > 0 for of_one in listed["seconds_per_run"].values() for s in of_one.values())
    assert main(["suite", "list"]) == 0
    assert "lookahead [s]" in capsys.readouterr().out


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


def test_show_says_how_to_go_on_with_a_suite_that_was_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = suite_folder(tmp_path / "out", three_policies(2, 2))
    runs = folder / RUNS_NAME
    runs.write_text("".join(runs.read_text().splitlines(keepends=True)[:-1]))
    assert main(["show", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "other is not ranked: it has not run under all seeds of s1 yet" in said
    assert f"11 of 12 runs finished; unless it goes on already, go on with: hetsched suite --resume {folder}" in said


def test_export_says_that_a_suite_has_no_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["suite", "small-population", "--policies", "fifo", "--seeds", "1", "--jobs", "1"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert main(["export", str(tmp_path / "out"), "--to", "csv"]) == 2
    assert "a suite keeps the figures of its runs, in results.csv, and no logs" in capsys.readouterr().err


def test_whole_strategies_stand_for_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--policies", "gpu-only+fifo", "fusion+lookahead", "--baseline", "gpu-only+fifo", "--seeds", "1"]
    assert main(["suite", "small-population", *words, "--jobs", "1", "--json", "--out", str(tmp_path / "out")]) == 0
    assert json.loads(capsys.readouterr().out)["order"] == ["fusion+lookahead", "gpu-only+fifo"]
    assert main(["show", str(tmp_path / "out")]) == 0
    assert "any schedule under any allocation" in " ".join(capsys.readouterr().out.split())


def test_a_suite_says_which_workers_an_allocation_chose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Policies were alike on the workers of `uniform`, and `uniform` was in no output."""
    words = ["--policies", "fifo", "fusion+fifo", "--seeds", "1", "--jobs", "1"]
    assert main(["suite", str(DEMO), *words, "--out", str(tmp_path / "out")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "demo: uniform: 20 workers of 1 cpu (bundle: 1 core" in said
    assert "demo: policies run on the workers of uniform, as in the scenario's first strategy" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing-such"], "nothing-such: no scenario of the suite: "),
        (["--all", "homogeneous"], "--all: leave it out, or leave out homogeneous"),
        (["--resume", "nowhere"], "--resume nowhere: no suite to go on with"),
        (["--resume", "nowhere", "--policies", "fifo"], "leave out --policies"),
        (["homogeneous", "--policies", "looksahead"], "unknown scheduling policy 'looksahead'"),
        (["missing.toml"], "missing.toml"),
        (["."], ".: is a folder; name the files of the scenarios, such as ./*.toml"),
        (["homogeneous", "homogeneous"], "there is another scenario called 'homogeneous': name it once, or"),
        (
            ["--resume", "nowhere", "--seeds", "5", "--afresh"],
            "--resume: the folder says what to simulate; leave out --",
        ),
        (["--resume", "nowhere", "--without-costs"], "leave out --without-costs"),
        (["--resume", "nowhere", "--all", "--seed", "0"], "leave out --all, --seed"),
        (["list", "--seeds", "3", "--jobs", "2"], "list simulates nothing; leave out --seeds, --jobs"),
        (["list", "--policy-file", "mine.py"], "mine.py: no such file"),
        (["generate", "--policies", "fifo", "--seed", "3"], "generate simulates nothing; leave out --policies"),
        (["list", "homogeneous"], "list: goes with no scenarios"),
        (["homogeneous", "--seed", "0"], "only 'generate' draws scenarios; leave out --seed"),
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
    assert main(["show", "out"]) == 0
    assert "a policy of your own" not in capsys.readouterr().out
    assert main([*words, "--seeds", "auto"]) == 2
    assert "--seeds auto: for one scenario only" in capsys.readouterr().err


def test_compare_takes_several_scenarios_that_come_with_the_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "homogeneous", "small-population", "--strategies", "fusion+lookahead", "fusion+fifo"]
    assert main([*words, "--seeds", "1", "--jobs", "1", "--json", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["suite"] == VERSION
    assert list(found["policies"]["fusion+fifo"]["scenarios"]) == ["homogeneous", "small-population"]


def test_an_order_that_does_not_hold_on_fresh_scenarios_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["suite", "generate", "--seed", "5", "--count", "2", "--out", "fresh"]) == 0
    assert "hetsched suite --held-out fresh/*.toml" in capsys.readouterr().out
    files = sorted(map(str, Path("fresh").glob("*.toml")))
    words = ["suite", "homogeneous", "--policies", "fifo", "srtf", "hrfs", "--seeds", "1", "--jobs", "1"]
    assert main([*words, "--held-out", *files, "--out", "out"]) == 0
    printed = capsys.readouterr().out
    assert "1 scenario (and 2 held out)" in printed
    assert main(["suite", "--resume", "out", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    holds = found["order"] == found["held_out_order"]
    assert found["held_out_in_words"].startswith("the order holds on" if holds else "on the 2 scenarios that")
    assert ("the order holds on the 2 scenarios" if holds else "the order is another one from place") in printed


def test_the_hint_of_a_comparison_names_the_scenario_with_the_periods_that_were_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compare", "heavy-checkpoints", "--strategies", "fusion+gavel-las", "fusion+fifo", "--seeds", "1"]
    assert main([*words, "--jobs", "1", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    hints = [line for line in printed.splitlines() if "hetsched simulate" in line]
    assert hints and all(f"{tmp_path / 'out'}/scenario.toml" in line for line in hints)


@pytest.fixture
def stopped(tmp_path: Path, simulate_log: Simulate) -> Path:
    """A suite that stopped in its first run, a third of the way."""
    folder, setup = tmp_path / "out", make_setup(evaluation_images=0)
    setup.save(folder / SCENARIOS / "mine")
    SuitePlan(
        suite=None,
        scenarios={"mine": "0"},
        files={},
        policies=["fifo", "srtf"],
        baseline="fifo",
        seeds=[0],
        policy_files=[],
        periods={},
    ).save(folder)
    (folder / RUNS_NAME).touch()
    events = simulate_log(setup, "fusion+fifo", 0)
    run = folder / RUNNING / "mine" / "fusion+fifo" / "seed-0"
    run.mkdir(parents=True)
    with LogWriter(run / LOG_NAME) as log:
        for event in events[: len(events) // 3]:
            log.write(event)
    return folder


def test_a_suite_that_stopped_before_anything_can_be_ranked_is_read(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its logs lie elsewhere than its scenarios: nobody found what was run, or what it assumes."""
    not_evaluated = "scores: not evaluated, and unknown, for e"
    assert main(["report", str(stopped)]) == 0
    assert main(["export", str(stopped), "--to", "csv"]) == 0
    assert not_evaluated in capsys.readouterr().out
    found = load_results(stopped)
    assert [run.metrics.strategy for run in found.runs] == ["fusion+fifo"]
    assert any(line.startswith(not_evaluated) for line in found.assumptions)
    assert main(["show", str(stopped)]) == 1
    said = capsys.readouterr().err
    assert "the baseline 'fifo' has not run under all seeds of mine yet" in said
    assert said.endswith(f"go on with: hetsched suite --resume {stopped}\n")
