"""The command line end to end: what it prints, what it writes, and its exit status."""

import json
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from hetsched.cli.main import main
from hetsched.cli.shared import finish
from hetsched.core.log import read_log
from hetsched.core.state import state_of
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS

SCENARIO = """
name = "small"
strategies = ["uniform+fifo", "fusion+least-progress", "fusion+hrfs"]
seeds = 3

[profile]
sources = ["p.csv"]

[[cluster.nodes]]
name = "server"
cores = 2
gpus = 1
gpu_type = "k80"

[[cluster.nodes]]
name = "box"
cores = 2
count = 3

[[workload.experiments]]
name = "e"
batch_size = 32
population = 8
stop_iterations = 100
stop_accuracy = 0.5
pbt.perturbation_interval = 10
"""

POLICY = """
print("a policy file may say something; a JSON document on stdout must not hear of it")
from hetsched.scheduling import Dispatch, register


@register("newest-first")
class NewestFirst:
    '''The trial that was added last.'''

    def dispatch(self, state):
        waiting = sorted(state.ready_trials, key=lambda trial: -trial.index)
        for worker, trial in zip(state.idle_workers, waiting):
            yield Dispatch(trial.id, worker.id, state.interval(trial))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    (tmp_path / "mine.py").write_text(POLICY)
    (tmp_path / "exit.py").write_text("import sys; sys.exit(0)")
    return tmp_path


def document(capfdbinary: pytest.CaptureFixture[bytes], *arguments: str) -> Any:
    """Run a command with --json; stdout must be one JSON document."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capfdbinary.readouterr().out)


def logs(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("events.jsonl"))}


def test_compare_json(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    found = document(capfdbinary, "compare", "s.toml", "--jobs", "1")
    assert list(found["strategies"]) == ["uniform+fifo", "fusion+least-progress", "fusion+hrfs"]
    assert found["baseline"] == "uniform+fifo"
    for figures in found["strategies"].values():
        makespan = figures["makespan_s"]
        assert len(makespan["per_seed"]) == 3
        assert makespan["ci95"][0] <= makespan["mean"] <= makespan["ci95"][1]
        assert figures["bound_ratio"] >= 0.99
        assert 0 < figures["bound_s"] <= figures["workers_bound_s"] <= 1.01 * makespan["mean"]  # there is noise
        assert 0 < figures["jct_bound_s"] <= figures["mean_jct_s"] <= makespan["mean"]
        assert 0 < figures["utilisation"] <= 1
        assert 0 < figures["best_score"] <= 1
        assert figures["mean_jct_s"] <= figures["p99_jct_s"] <= makespan["mean"]
        assert figures["wasted_s"] == figures["wasted_fraction"] == figures["lost_segments"] == 0
        assert figures["staleness"] > 0
    baseline, hrfs = (found["strategies"][name] for name in ("uniform+fifo", "fusion+hrfs"))
    assert baseline["speedup_vs_baseline"] == 1 and baseline["makespan_vs_baseline"] is None
    paired = hrfs["makespan_vs_baseline"]
    assert paired["ratio"] == hrfs["speedup_vs_baseline"]
    assert paired["ci95"][0] <= paired["ratio"] <= paired["ci95"][1]
    assert (paired["seeds"], paired["seeds_needed"], paired["shown"]) == (3, 3, True)
    assert paired["p_value"] <= paired["p_holm"] < 0.05 and paired["ci95"][0] > 1
    assert hrfs["verdict"].endswith("in all 3 seeds")
    assert 0 <= found["rank_agreement"]["kendall_w"] <= 1
    assert json.loads((Path(found["folder"]) / "summary.json").read_text())["strategies"] == found["strategies"]


def test_compare_prints_a_table_and_names_the_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "s.toml", "--jobs", "1", "--out", "out"]) == 0
    printed = capsys.readouterr().out
    assert "fusion+hrfs" in printed and "95% interval" in printed and "results: out" in printed
    assert "Avg_total_runtime" in (folder / "out" / "Running_Results.txt").read_text()


def test_a_verdict_on_every_strategy_stands_under_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "s.toml", "--jobs", "1", "--seeds", "8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    verdicts = [line for line in lines if line.startswith(("fusion+least-progress: ", "fusion+hrfs: "))]
    assert len(verdicts) == 2
    assert all("x faster than uniform+fifo (" in line and "in all 8 seeds" in line for line in verdicts)


def test_seeds_are_added_until_intervals_are_narrow_or_they_are_too_many(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["compare", "s.toml", "--seeds", "auto", "--max-seeds", "12", "--strategies", "fusion+hrfs"]
    for jobs in ("1", "2"):
        assert main([*options, "--jobs", jobs, "--out", jobs]) == 0
        assert "--seeds auto: 12 seeds, an interval is still 1%" in capsys.readouterr().out
    assert len(logs(folder / "1")) == 2 * 12
    assert logs(folder / "1") == logs(folder / "2")
    found = [json.loads((folder / jobs / "summary.json").read_text()) for jobs in ("1", "2")]
    assert found[0]["seeds"] == list(range(12)) and found[0]["intervals_are_narrow"] is False
    paired = [of["strategies"]["fusion+hrfs"]["makespan_vs_baseline"] for of in found]
    assert paired[0] == paired[1]

    (folder / "s.toml").write_text(
        SCENARIO.replace("stop_accuracy = 0.5", "") + "[overheads]\nnoise = false\nrestore = false\n"
    )
    assert main([*options, "--jobs", "1"]) == 0
    assert "--seeds auto: 12 seeds, every interval is under 1%" in capsys.readouterr().out


def test_a_deadline_and_a_target_are_keys_of_the_scenario(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (folder / "s.toml").write_text(SCENARIO + "[metrics]\ndeadline_s = 100.0\ntarget_score = 0.15\n")
    options = ["--strategies", "fusion+hrfs", "--seeds", "2", "--jobs", "1"]
    found = document(capfdbinary, "compare", "s.toml", *options)["strategies"]["fusion+hrfs"]
    assert 0 < found["score_at_deadline"] <= found["best_score"]
    assert found["target_reached"] == 2
    assert 0 < found["time_to_target_s"] < found["makespan_s"]["mean"]


def test_the_same_seed_gives_the_same_log_alone_or_with_jobs(folder: Path) -> None:
    for out, jobs in (("one", "1"), ("two", "2"), ("again", "1")):
        assert main(["compare", "s.toml", "--jobs", jobs, "--out", out]) == 0
    assert len(logs(folder / "one")) == 9
    assert logs(folder / "one") == logs(folder / "two") == logs(folder / "again")
    assert main(["simulate", "s.toml", "--strategy", "fusion+hrfs", "--seed", "2", "--out", "single"]) == 0
    alone = (folder / "single" / "events.jsonl").read_bytes()
    assert alone == logs(folder / "one")["fusion+hrfs/seed-2/events.jsonl"]


def test_a_results_folder_is_enough_to_run_again(folder: Path) -> None:
    assert main(["simulate", "s.toml", "--strategy", "fusion+hrfs", "--out", "first"]) == 0
    (folder / "p.csv").unlink()
    assert main(["simulate", "first/scenario.toml", "--strategy", "fusion+hrfs", "--out", "second"]) == 0
    assert logs(folder / "first") == logs(folder / "second")


def test_simulate_prints_the_state_that_its_log_replays_to(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    [run] = document(capfdbinary, "simulate", "s.toml", "--strategy", "fusion+hrfs")["runs"]
    assert state_of(read_log(Path(run["log"]))).snapshot() == run["state"]
    assert run["completed"] == run["trials"] == 8


def test_ablation_says_what_each_part_takes_and_its_runs_can_be_replayed(
    folder: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    found = document(capfdbinary, "simulate", "s.toml", "--strategy", "fusion+hrfs", "--ablate", "--out", "out")[
        "variants"
    ]
    assert {"everything", "without start_up", "without evaluation", "training alone"} <= set(found)
    bare, whole = found["training alone"]["makespan_s"], found["everything"]["makespan_s"]
    assert bare < found["without evaluation"]["makespan_s"] < whole
    replayed = document(capfdbinary, "replay", "out/without-start_up/seed-0")
    assert replayed["alike"] == replayed["decisions"] > 0


def test_bound_json(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    found = document(capfdbinary, "bound", "s.toml")
    # A K80 at 2 iterations a second and 8 cores at 1/4 each: 800 iterations at 4 a second.
    assert found["training_alone_bound_s"] == pytest.approx(200.0)
    assert found["bound_s"] > 200.0
    assert found["training_alone_bound_s"] <= min(found["training_alone_by_allocation_s"].values())
    assert found["bound_s"] <= min(found["by_allocation_s"].values())
    # One experiment: its JCT is the makespan. Its trials: the first completes earlier.
    assert found["experiment_jct_bound_s"] == pytest.approx(found["bound_s"])
    assert 0 < found["trial_jct_bound_s"] < found["bound_s"]
    for of in ("trial", "experiment"):
        assert found[f"{of}_jct_bound_s"] <= min(found[f"{of}_jct_by_allocation_s"].values())


def test_a_policy_file_is_listed_and_compared(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    listed = document(capfdbinary, "policies", "--policy-file", "mine.py")
    assert listed["scheduling"]["newest-first"] == "The trial that was added last."
    options = ["--strategies", "fusion+newest-first", "--policy-file", "mine.py", "--jobs", "2"]
    found = document(capfdbinary, "compare", "s.toml", *options)
    assert list(found["strategies"]) == ["uniform+fifo", "fusion+newest-first"]


TOO_MANY = "99999999999999999999"

WRONG = [
    (["compare", "none.toml"], "none.toml: cannot read the scenario"),
    (["compare", "s.toml", "--strategies", "fusion+hfrs"], "did you mean 'hrfs'?"),
    (["compare", "s.toml", "--seeds", "0"], "argument --seeds: expected a whole number from 1 or 'auto', found '0'"),
    (["compare", "s.toml", "--max-seeds", "3"], "--max-seeds: only --seeds auto adds seeds"),
    (["compare", "s.toml", "--seeds", TOO_MANY], "from 1 to 1,000,000 or 'auto'"),
    (["compare", "s.toml", "--jobs", TOO_MANY], "argument --jobs: expected a whole number from 1 to 1,000,000, found"),
    (["simulate", "s.toml", "--strategy", "fusion+fifo", "--seed", TOO_MANY], "from 0 to 1,000,000,000,000,000,000,"),
    (["simulate", "s.toml", "--strategy", "fusion+fifo", "--repeat", TOO_MANY], "from 1 to 1,000,000,"),
    (["validate", "s.toml", "--predictions", "1001"], "predictions: expected a whole number from 1 to 1,000, got 1001"),
    (["compare", "s.toml", "--seeds", "ten"], "expected a whole number from 1 or 'auto', found 'ten'"),
    (["compare", "s.toml", "--seeds", "auto", "--strategies", "uniform+fifo"], "nothing to compare with the baseline"),
    (["simulate", "s.toml"], "--strategy"),
    (["simulate", "s.toml", "--strategy", "fusion+hrfs", "--out", "."], "never overwritten"),
    (["policies", "--policy-file", "none.py"], "none.py: no such file"),
    (["policies", "--policy-file", "p.csv"], "p.csv: not a Python file"),
    (["profile", "--out", "p.csv"], "p.csv: exists"),
    (["profile", "--out", "new.csv", "--seconds", "-5"], "expected a number above 0 and below a million, found '-5'"),
    (["policies", "--policy-file", "exit.py"], "exit.py: cannot be imported: SystemExit"),
    (["run", "s.toml", "--strategy", "fusion+hrfs", "--data-dir", "none"], "none: no such folder"),
    (["validate", "s.toml", "--profile", "none.csv"], "none.csv: cannot read the profile"),
    (
        ["profile", "--out", "new.csv", "--seconds", "soon"],
        "expected a number above 0 and below a million, found 'soon'",
    ),
    (["simulate", "s.toml", "--strategy", "fusion+hrfs", "--seed", "x"], "expected a whole number from 0, found 'x'"),
    (["compare", "s.toml", "--strategies", "uniform+fifo,fusion+hrfs"], "separate strategies by spaces"),
    (["compare", "s.toml", "--seed", "3"], "unrecognized arguments: --seed 3: did you mean '--seeds'?"),
    (["nodes", "--address", "a", "--policy-file", "mine.py"], "unrecognized arguments: --policy-file mine.py"),
    (["comapre", "s.toml"], "no command 'comapre': did you mean 'compare'?"),
    (["frobnicate"], "no command 'frobnicate': known: bound, compare, "),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_input_is_status_2(
    folder: Path, arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert status(arguments) == 2
    printed = capfd.readouterr()
    assert message in printed.err
    assert printed.out == ""


def status(arguments: list[str]) -> object:
    """The exit status of the command in this process."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code


def test_wrong_input_is_no_traceback(folder: Path) -> None:
    [(arguments, message)] = [wrong for wrong in WRONG if "exit.py" in wrong[1]]
    done = subprocess.run([sys.executable, "-m", "hetsched", *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_failing_policy_is_status_1_and_keeps_the_log(folder: Path) -> None:
    (folder / "mine.py").write_text(POLICY.replace("state.interval(trial)", "10_000"))
    arguments = ["simulate", "s.toml", "--strategy", "fusion+newest-first", "--policy-file", "mine.py", "--out", "out"]
    done = subprocess.run([sys.executable, "-m", "hetsched", *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "policy 'newest-first' decided" in done.stderr and "refused" in done.stderr
    assert "Traceback" not in done.stderr
    assert (folder / "out" / "events.jsonl").stat().st_size > 0


def deciding(body: str) -> str:
    """The policy file, with other decisions."""
    start, dispatch, _ = POLICY.partition("def dispatch(self, state):\n")
    return f"from hetsched.scheduling import Stop\n{start}{dispatch}{body}"


@pytest.mark.parametrize("command", [["compare", "--seeds", "auto"], ["compare"], ["simulate", "--ablate"]])
def test_a_policy_that_trains_nothing_leaves_nothing_to_compare(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_all = "        return [Stop(trial.id, 'no') for trial in state.ready_trials]\n"
    (folder / "mine.py").write_text(deciding(stop_all))
    which = "--strategies" if command[0] == "compare" else "--strategy"
    options = ["s.toml", which, "fusion+newest-first", "--policy-file", "mine.py"]
    assert main([command[0], *options, *command[1:]]) == 1
    assert "fusion+newest-first trained nothing under seed 0" in capsys.readouterr().err


def test_fewer_iterations_are_said_with_the_verdict(folder: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    body = """        some = [t for t in state.ready_trials if t.iterations < 20]
        for trial in state.ready_trials:
            if trial not in some:
                yield Stop(trial.id, "enough")
        for worker, trial in zip(state.idle_workers, some):
            yield Dispatch(trial.id, worker.id, state.interval(trial))
"""
    (folder / "mine.py").write_text(deciding(body))
    found = document(
        capfdbinary, "compare", "s.toml", "--strategies", "fusion+newest-first", "--policy-file", "mine.py"
    )["strategies"]
    stopped, baseline = found["fusion+newest-first"], found["uniform+fifo"]
    share = stopped["iterations"] / baseline["iterations"]
    assert share < 0.5
    mine, theirs = stopped["lineage_iterations"], baseline["lineage_iterations"]
    fewer = f"; {mine:,.0f} iterations are behind its best weights, {theirs:,.0f} behind the baseline's"
    assert mine < 0.95 * theirs
    assert stopped["verdict"].endswith(f", with {share:.0%} of its iterations{fewer}")
    assert "iterations" not in baseline["verdict"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("@register('a/../b')\nclass P: ...", "name is of letters, digits and . _ - after one"),
        ("@register(5)\nclass P: ...", "takes a name, such as @register('mine'), not 5"),
        ("@register\nclass P: ...", "takes a name, such as @register('mine'), not <class"),
        ("@register('fifo')\nclass P: ...", "hetsched.scheduling.queueing.fifo has a scheduling policy 'fifo' already"),
    ],
)
def test_a_name_that_cannot_be_a_policys_is_refused(
    code: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(f"from hetsched.scheduling import register\n{code}\n")
    assert main(["policies", "--policy-file", "mine.py"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ("1 / 0", "ZeroDivisionError for trial e-"),
        ("'high'", ": a score of 'high': expected a number, or None"),
        ("80.0", ": accuracy 80: expected 0 to 1: divide percent by 100, or give the metric another name"),
    ],
)
def test_a_learning_model_that_fails_is_status_1(
    score: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(
        f"""
from hetsched.domain.learning import register

@register("mine")
class Mine:
    def fresh(self, kind): return 0
    def train(self, weights, kind, hyperparameters, iterations): return weights
    def score(self, weights, normal): return {score}
"""
    )
    (folder / "s.toml").write_text(SCENARIO + '[learning]\nmodel = "mine"\n')
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo", "--policy-file", "mine.py"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("hetsched: learning model 'mine' raised ") and message in error


def test_a_profile_is_written_through_no_link(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link to a file that is not there yet was taken for a new file, and that file was made."""
    Path("link.csv").symlink_to(folder / "elsewhere.csv")
    assert main(["profile", "--models", "none", "--out", "link.csv"]) == 2
    assert "link.csv: exists" in capsys.readouterr().err
    assert Path("link.csv").is_symlink() and not (folder / "elsewhere.csv").exists()


@pytest.mark.parametrize(
    ("command", "heading"),
    [
        (
            ["compare", "s.toml", "--strategies", "fusion+fifo", "--seeds", "1", "--jobs", "1"],
            "small: 1 seed, simulated",
        ),
        (["simulate", "s.toml", "--strategy", "fusion+fifo", "--repeat", "3"], "seed 2, the last of 3:"),
        (["simulate", "s.toml", "--strategy", "fusion+fifo", "--ablate"], "is made of (1 seed)"),
        (["simulate", "s.toml", "--strategy", "fusion+fifo", "--ablate", "--repeat", "2"], "is made of (2 seeds)"),
    ],
)
def test_of_how_many_runs_the_figures_are(
    command: list[str], heading: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    assert heading in capsys.readouterr().out


def test_what_a_command_takes_is_what_its_help_says(capsys: pytest.CaptureFixture[str]) -> None:
    for command, offered in (("policies", True), ("compare", True), ("nodes", False), ("profile", False)):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        printed = capsys.readouterr().out
        assert ("--policy-file" in printed) == offered
        assert command != "policies" or "[NAME | check]" in printed.partition("List the policies")[0]


def test_a_damaged_log_is_not_replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    log = folder / "out" / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    gone = next(number for number, line in enumerate(lines) if "segment-started" in line)
    log.write_text("".join(lines[:gone] + lines[gone + 1 :]))
    capsys.readouterr()
    assert main(["replay", "out"]) == 2
    assert "events.jsonl:16: e-1 starts segment 2, expected 1: was it altered?" in capsys.readouterr().err


def test_a_log_that_stops_early_is_replayed_and_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    log = folder / "out" / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    capsys.readouterr()
    assert main(["replay", "out"]) == 0
    assert "stops" not in capsys.readouterr().out
    log.write_text("".join(lines[:-10]))
    assert main(["replay", "out"]) == 0
    said = capsys.readouterr().out
    assert "taken again\nthis log stops at " in said and "s, before the run ended" in said
    log.write_text("".join(line for line in lines[:-1] if "segment-" not in line and "trial-c" not in line))
    assert main(["replay", "out"]) == 2
    assert "out/events.jsonl: this log stops before the policy's first decision" in capsys.readouterr().err


@pytest.mark.parametrize(("backend", "how"), [("sim", "simulated"), ("ray", "measured")])
def test_a_replay_says_whether_the_makespan_was_measured(
    backend: str, how: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The makespan of a simulation was called measured."""
    assert main(["simulate", "s.toml", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    log = folder / "out" / "events.jsonl"
    log.write_text(log.read_text().replace('"backend":"sim"', f'"backend":"{backend}"', 1))
    capsys.readouterr()
    assert main(["replay", "out"]) == 0
    assert re.search(rf"\nmakespan: [\d.,]+ s {how}, [\d.,]+ s replayed", capsys.readouterr().out)
    assert main(["replay", "out", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["backend"] == backend


def test_a_run_that_failed_at_once_is_not_replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.py").write_text(POLICY.replace("waiting = ", "raise KeyError('gone'); waiting = "))
    strategy = ["--strategy", "fusion+newest-first", "--policy-file", "mine.py"]
    assert main(["simulate", "s.toml", *strategy, "--out", "out"]) == 1
    capsys.readouterr()
    assert main(["replay", "out", "--policy-file", "mine.py"]) == 2
    expected = "this run failed before its first decision: PolicyError: policy 'newest-first' raised KeyError"
    assert f"out/events.jsonl: {expected}" in capsys.readouterr().err


def test_a_process_that_dies_is_status_1_and_says_so(folder: Path) -> None:
    (folder / "mine.py").write_text(POLICY.replace("waiting = ", "import os; os._exit(9); waiting = "))
    arguments = ["compare", "s.toml", "--strategies", "fusion+newest-first", "--policy-file", "mine.py", "--jobs", "2"]
    done = subprocess.run([sys.executable, "-m", "hetsched", *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert "a simulating process died" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["", "compare", "simulate", "run", "validate", "profile", "bound", "policies"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert "usage: hetsched" in capsys.readouterr().out


def test_a_file_has_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`hetsched profile` ended with a command that is refused."""
    (tmp_path / "p.csv").touch()
    for where, said in ((tmp_path, True), (tmp_path / "p.csv", False)):
        finish(Namespace(json=False), lambda text: None, {}, lambda: None, where)
        printed = capsys.readouterr().out
        assert f"results: {where}" in printed and ("report: " in printed) == said
