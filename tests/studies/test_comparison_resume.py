"""A comparison goes seed by seed; what stops it leaves complete seeds, and it goes on from
there."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.core.log import LOG_NAME
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.compare import Interrupted, resume_comparison
from hetsched.studies.results_csv import RESULTS_NAME
from hetsched.studies.run_plan import is_complete
from tests.conftest import ROWS
from tests.test_front_door import TABLES

STRATEGIES = ["uniform+fifo", "fusion+hrfs", "fusion+lookahead"]


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hetsched.Scenario:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    return hetsched.Scenario(**TABLES)


def ctrl_c_after(runs: int) -> Callable[[int], Any]:
    """A progress that sends SIGINT after so many runs."""
    done = 0

    @contextmanager
    def progress(total: int) -> Iterator[Callable[[], None]]:
        def advance() -> None:
            nonlocal done
            done += 1
            if done == runs:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)  # a second one changes nothing

        yield advance

    return progress


def logs(folder: Path) -> dict[str, bytes]:
    return {str(log.relative_to(folder)): log.read_bytes() for log in sorted(folder.rglob(LOG_NAME))}


def figures(document: dict[str, Any]) -> dict[str, Any]:
    """A document without its folder and what this host's clock says."""
    of_strategies = {name: {**figures, "decision_s": 0} for name, figures in document["strategies"].items()}
    return {**document, "folder": "", "strategies": of_strategies}


def summary(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "summary.json").read_text())
    return found


@pytest.mark.parametrize("seeds", [4, [7, 3, 5, 1], "auto"])
def test_what_ctrl_c_stops_goes_on_to_the_same_result(
    scenario: hetsched.Scenario, seeds: int | list[int] | Literal["auto"]
) -> None:
    hetsched.compare(scenario, STRATEGIES, seeds, "whole", max_seeds=12)
    with pytest.raises(Interrupted) as stopped:
        hetsched.compare(scenario, STRATEGIES, seeds, "part", max_seeds=12, progress=ctrl_c_after(7))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    note, report = stopped.value.__notes__
    ran = "7 runs" if seeds == "auto" else "7 of 12 runs"
    assert note == f"{ran} finished, 2 seeds complete in part; go on with: hetsched compare --resume part"
    assert report == "report: hetsched report part"
    partial = stopped.value.result
    assert partial is not None
    first = sorted([7, 3] if isinstance(seeds, list) else [0, 1])
    assert (partial.complete, partial.seeds) == (False, first)
    assert (summary("part")["complete"], summary("part")["seeds"]) == (False, first)
    result = resume_comparison("part")
    assert result.complete
    assert logs(Path("part")) == logs(Path("whole"))
    assert figures(summary("part")) == figures(summary("whole"))


def test_the_command_stops_and_goes_on(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.toml").write_text(scenario.to_toml())
    with monkeypatch.context() as patch:
        patch.setattr("hetsched.cli.compare.runs_progress", ctrl_c_after(5))
        assert main(["compare", "s.toml", "--seeds", "3", "--jobs", "1", "--out", "out"]) == 130
    printed = capsys.readouterr()
    assert "small: 2 seeds (of more that were asked for), simulated" in printed.out
    assert "2 seeds complete in out; go on with: hetsched compare --resume out" in printed.err
    assert main(["compare", "--resume", "out", "--jobs", "1"]) == 0
    assert "small: 3 seeds, simulated" in capsys.readouterr().out
    before = logs(Path("out"))
    assert main(["compare", "--resume", "out", "--jobs", "1"]) == 0  # what is complete is printed again
    assert "small: 3 seeds, simulated" in capsys.readouterr().out
    assert logs(Path("out")) == before


def test_before_the_first_seed_is_complete_there_is_no_table(scenario: hetsched.Scenario) -> None:
    with pytest.raises(Interrupted) as stopped:
        hetsched.compare(scenario, STRATEGIES, 2, "out", progress=ctrl_c_after(2))
    assert stopped.value.result is None
    assert stopped.value.__notes__ == [
        "2 of 6 runs finished, 0 seeds complete in out; go on with: hetsched compare --resume out",
        "report: hetsched report out",
    ]
    assert not Path("out/summary.json").exists()


def test_runs_go_seed_by_seed(scenario: hetsched.Scenario) -> None:
    result = hetsched.compare(scenario, STRATEGIES, 3, "out")
    ages = sorted((log.stat().st_mtime_ns, log) for log in Path("out").rglob(LOG_NAME))
    assert [log.parent.name for _, log in ages] == [f"seed-{seed}" for seed in (0, 1, 2) for _ in STRATEGIES]
    assert [run.metrics.strategy for run in result.runs] == [name for name in STRATEGIES for _ in (0, 1, 2)]


def test_what_a_policy_cost_is_unknown_where_nobody_measured_it(scenario: hetsched.Scenario) -> None:
    """It was 0 s per call, and `summary.json` said so in the place of what was measured."""
    measured = hetsched.compare(scenario, STRATEGIES, 1, "out").comparisons["fusion+hrfs"].decision_s
    assert measured is not None and measured > 0
    (Path("out") / RESULTS_NAME).unlink()
    assert resume_comparison("out").comparisons["fusion+hrfs"].decision_s is None
    assert summary("out")["strategies"]["fusion+hrfs"]["decision_s"] is None
    assert {run.decision_s for run in hetsched.load_results("out").runs} == {None}


def test_that_jobs_were_dealt_is_still_said(tmp_path: Path) -> None:
    """The folder has the jobs as they were dealt, and not that they were."""
    helios = hetsched.load_scenario(Path(__file__).parents[2] / "examples" / "helios.toml")
    said = hetsched.compare(helios, ["gpu-only+las"], 1, tmp_path / "out").assumptions
    assert any("dealt by lot" in line for line in said)
    assert sorted(resume_comparison(tmp_path / "out").assumptions) == sorted(said)


def test_an_unfinished_run_is_begun_again(scenario: hetsched.Scenario) -> None:
    hetsched.compare(scenario, STRATEGIES, 2, "out")
    before = logs(Path("out"))
    log = Path("out/fusion+hrfs/seed-1") / LOG_NAME
    log.write_bytes(log.read_bytes()[:-100])
    resume_comparison("out")
    assert logs(Path("out")) == before


def test_what_somebody_else_put_beside_the_runs_stays(scenario: hetsched.Scenario) -> None:
    with pytest.raises(Interrupted):
        hetsched.compare(scenario, STRATEGIES, 2, "c", progress=ctrl_c_after(4))
    mine = [Path("c/fusion+hrfs") / name for name in ("seed-0.old", "seed-000", "seed-7")]
    for folder in mine:
        folder.mkdir()
    Path("c/fusion+hrfs/seed-8").write_text("a note")
    assert len(resume_comparison("c").runs) == 6
    assert all(folder.is_dir() for folder in mine)
    assert Path("c/fusion+hrfs/seed-8").is_file()


def test_a_log_of_another_seed_is_not_taken_for_the_one_that_is_missing(scenario: hetsched.Scenario) -> None:
    hetsched.compare(scenario, STRATEGIES, 2, "c")
    shutil.copy(Path("c/fusion+hrfs/seed-0") / LOG_NAME, Path("c/fusion+hrfs/seed-1"))
    with pytest.raises(hetsched.InputError, match="seed-1/.* is the log of fusion.hrfs with seed 0, where"):
        resume_comparison("c")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: Path("out/compare.json").unlink(), "no comparison to go on with"),
        (lambda: Path("out/compare.json").write_text("{}"), "not what 'hetsched compare' wrote"),
        (
            lambda: _edit("out/compare.json", f'"hetsched": "{hetsched.__version__}"', '"hetsched": "99.0", "more": 1'),
            "unknown field `more` .written by hetsched 99.0, this is",
        ),
        (lambda: Path("out/p2.csv").write_text("x"), "p2.csv: is new since the comparison began"),
        (lambda: Path("out/profile.csv").unlink(), "profile.csv: is gone since the comparison began"),
        (lambda: _edit("out/scenario.toml", "population = 4", "population = 5"), "scenario.toml: has changed since"),
        (lambda: _edit("out/compare.json", hetsched.__version__, "0.0.1"), "begun with hetsched 0.0.1, this is"),
    ],
)
def test_what_is_no_longer_the_same_comparison_is_refused(
    scenario: hetsched.Scenario, change: Callable[[], object], message: str
) -> None:
    hetsched.compare(scenario, STRATEGIES, 1, "out")
    change()
    with pytest.raises(hetsched.InputError, match=message):
        resume_comparison("out")


def _edit(file: str, old: str, new: str) -> None:
    text = Path(file).read_text()
    assert old in text
    Path(file).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "word", ["s.toml", "--strategies=fusion+fifo", "--seeds=3", "--out=x", "--baseline=fusion+fifo"]
)
def test_the_folder_says_what_to_compare(
    scenario: hetsched.Scenario, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.toml").write_text(scenario.to_toml())
    hetsched.compare(scenario, STRATEGIES, 1, "out")
    assert main(["compare", "--resume", "out", word]) == 2
    assert "--resume: the folder says what to compare; leave out" in capsys.readouterr().err


def test_another_baseline(scenario: hetsched.Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    result = hetsched.compare(scenario, STRATEGIES, 3, baseline="fusion+lookahead")
    assert result.baseline == "fusion+lookahead"
    assert sorted(result.verdicts) == ["fusion+hrfs", "uniform+fifo"]
    Path("s.toml").write_text(scenario.to_toml())
    assert main(["compare", "s.toml", "--baseline", "fusion+lookahead", "--seeds", "1", "--jobs", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["baseline"] == "fusion+lookahead"
    assert main(["compare", "s.toml", "--baseline", "fusion+lokahead"]) == 2
    assert "--baseline: 'fusion+lokahead'" in capsys.readouterr().err


def test_a_comparison_has_one_process_at_a_time(scenario: hetsched.Scenario) -> None:
    """A second one removed the log that the first was writing."""
    refused: list[str] = []

    @contextmanager
    def meanwhile(total: int) -> Iterator[Callable[[], None]]:
        def advance() -> None:
            before = logs(Path("part"))
            with pytest.raises(hetsched.InputError) as error:
                resume_comparison("part")
            refused.append(str(error.value))
            assert logs(Path("part")) == before

        yield advance

    hetsched.compare(scenario, STRATEGIES[:2], 1, "part", progress=meanwhile)
    assert refused == ["part: another process is carrying this comparison out; wait until it ends, or stop it"] * 2
    assert resume_comparison("part").complete


def test_going_on_keeps_what_the_decisions_of_finished_runs_took(scenario: hetsched.Scenario) -> None:
    hetsched.compare(scenario, STRATEGIES, 2, "out")
    before = (Path("out") / RESULTS_NAME).read_bytes()
    resumed = resume_comparison("out").comparisons["fusion+hrfs"]
    assert resumed.decision_s is not None and (Path("out") / RESULTS_NAME).read_bytes() == before


def test_ctrl_c_counts_finished_runs_that_no_process_has_reported(scenario: hetsched.Scenario) -> None:
    with pytest.raises(Interrupted) as stopped:
        hetsched.compare(scenario, STRATEGIES, 6, "out", jobs=2, progress=ctrl_c_after(3))
    finished = sum(is_complete(log) for log in Path("out").rglob(LOG_NAME))
    assert stopped.value.__notes__[0].startswith(f"{finished} of 18 runs finished")


def test_a_folder_of_several_scenarios_names_the_command_that_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "suite.json").write_text("{}")
    assert main(["compare", "--resume", str(tmp_path)]) == 2
    assert f"is of several scenarios; go on with: hetsched suite --resume {tmp_path}" in capsys.readouterr().err


def test_a_missing_scenario_is_named_with_what_to_do(
    scenario: hetsched.Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    hetsched.compare(scenario, STRATEGIES, 1, "out")
    Path("out/scenario.toml").unlink()
    assert main(["compare", "--resume", "out"]) == 2
    assert "out/scenario.toml: is gone since the comparison began" in capsys.readouterr().err


def test_nobody_goes_on_when_a_comparison_is_killed(scenario: hetsched.Scenario) -> None:
    """Its processes went on with the queued runs, into the logs of who resumed it."""
    command = [sys.executable, "-m", "hetsched", "compare", "demo", "--seeds", "200", "--jobs", "2", "--out", "out"]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(logs(Path("out"))) < 6:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    time.sleep(1.0)
    left = logs(Path("out"))
    time.sleep(1.0)
    assert logs(Path("out")) == left and len(left) < 800


def test_ctrl_c_after_the_last_run_counts_all_runs(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hetsched.studies.compare._written", interrupted)
    with pytest.raises(Interrupted) as stopped:
        hetsched.compare(scenario, STRATEGIES, 2, "out")
    assert stopped.value.__notes__[0].startswith("6 of 6 runs finished, 2 seeds complete")
