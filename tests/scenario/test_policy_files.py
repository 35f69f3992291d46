"""Policy files that a scenario names, and their copies in results folders."""

import subprocess
from pathlib import Path

import pytest

import hetsched
from hetsched import allocation, scheduling
from hetsched.cli.main import main
from hetsched.core.log import LOG_NAME
from hetsched.domain.user_files import forget_files
from hetsched.scenario.policy_files import OPTIONS, SUMS, copy_files
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS
from tests.test_front_door import TABLES

POLICY = """
from hetsched.scheduling import Dispatch, register


@register("{name}")
class Mine:
    '''The trial that was added last.'''

    def dispatch(self, state):
        waiting = sorted(state.ready_trials, key=lambda trial: {sign}trial.index)
        for worker, trial in zip(state.idle_workers, waiting):
            yield Dispatch(trial.id, worker.id, state.interval(trial))
"""


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scenario in a folder of its own, with a policy file beside it."""
    monkeypatch.chdir(tmp_path)
    for kind in (allocation, scheduling):
        monkeypatch.setattr(kind.policies, "_factories", dict(kind.policies._factories))
    home = tmp_path / "lab"
    home.mkdir()
    write_profile(home / "p.csv", ROWS)
    (home / "mine.py").write_text(POLICY.format(name="of-the-lab", sign="-"))
    made = hetsched.Scenario.of(TABLES | {"policy_files": ["mine.py"]}, home)
    (home / "s.toml").write_text(made.to_toml())
    return home / "s.toml"


def forget() -> None:
    """What a new process does not know."""
    forget_files()


def check_sums(folder: Path) -> int:
    return subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=folder / "policies", check=True).returncode


def test_a_scenario_names_its_policies_and_the_results_have_them(scenario: Path) -> None:
    strategies = ["--strategies", "fusion+of-the-lab"]
    assert main(["compare", str(scenario), *strategies, "--seeds", "2", "--jobs", "2", "--out", "out"]) == 0
    out = Path("out")
    assert (out / "policies" / "mine.py").read_bytes() == (scenario.parent / "mine.py").read_bytes()
    check_sums(out)
    (scenario.parent / "mine.py").unlink()
    forget()
    assert main(["simulate", "out/scenario.toml", "--strategy", "fusion+of-the-lab", "--out", "again"]) == 0
    before = out / "fusion+of-the-lab" / "seed-0" / LOG_NAME
    assert Path("again", LOG_NAME).read_bytes() == before.read_bytes()
    forget()
    assert main(["replay", "again"]) == 0
    check_sums(Path("again"))


def test_a_file_of_the_command_line_is_in_the_results_too(scenario: Path) -> None:
    Path("more").mkdir()
    Path("more/mine.py").write_text(POLICY.format(name="given", sign=""))
    words = ["--strategy", "fusion+given", "--policy-file", "more/mine.py"]
    assert main(["simulate", str(scenario), *words, "--out", "out"]) == 0
    assert Path("out/policies/2/mine.py").read_bytes() == Path("more/mine.py").read_bytes()
    check_sums(Path("out"))
    forget()
    assert main(["simulate", "out/scenario.toml", "--strategy", "fusion+given", "--out", "again"]) == 0
    assert Path("again", LOG_NAME).read_bytes() == Path("out", LOG_NAME).read_bytes()


def test_the_file_of_the_command_line_goes_first(scenario: Path) -> None:
    Path("mine.py").write_text(POLICY.format(name="of-the-lab", sign=""))  # the first, not the last
    words = ["simulate", str(scenario), "--strategy", "fusion+of-the-lab"]
    assert main([*words, "--out", "last"]) == 0
    forget()
    assert main([*words, "--out", "first", "--policy-file", "mine.py"]) == 0
    assert Path("first", LOG_NAME).read_bytes() != Path("last", LOG_NAME).read_bytes()
    forget()
    assert main(["replay", "last"]) == 0
    forget()
    assert main(["replay", "last", "--policy-file", "mine.py"]) == 1  # it decides otherwise
    forget()
    assert main(["replay", "first"]) == 0


def test_python_takes_them_too(scenario: Path) -> None:
    made = hetsched.Scenario.of(TABLES | {"policy_files": ["mine.py"]}, scenario.parent)
    one = hetsched.compare(made, ["fusion+of-the-lab"], seeds=2)
    two = hetsched.compare(made, ["fusion+of-the-lab"], seeds=2, jobs=2, folder="out")
    assert [run.metrics for run in one.runs] == [run.metrics for run in two.runs]
    forget()
    assert len(hetsched.load_results("out").runs) == 4


@pytest.mark.parametrize("name", ["none.py", "p.csv"])
def test_a_file_that_is_none_is_wrong_input(scenario: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    scenario.write_text(scenario.read_text().replace("mine.py", name))
    assert main(["compare", str(scenario)]) == 2
    said = capsys.readouterr().err
    assert f"policy_files: {scenario.parent / name}: no" in said
    assert "expected a Python file with a policy" in said


def test_who_only_measures_runs_no_policy(scenario: Path) -> None:
    hetsched.simulate(hetsched.load_scenario(scenario), "fusion+of-the-lab", folder="out")
    before = scheduling.policies.registered()
    ran = Path("ran").resolve()
    resolved = Path("out/scenario.toml")
    for place in ("out/policies/mine.py", "elsewhere.py"):
        Path(place).write_text(f"from pathlib import Path\nPath({str(ran)!r}).touch()\n")
        named = "policies/mine.py" if place.startswith("out") else "../elsewhere.py"
        resolved.write_text(resolved.read_text().replace("policies/mine.py", named))
        [run] = hetsched.load_results("out").runs
        assert run.metrics.strategy == "fusion+of-the-lab"
        assert not ran.exists()
    assert scheduling.policies.registered() == before  # an old copy takes no policy's place
    hetsched.load_scenario(resolved)
    assert ran.exists()


def test_a_file_that_is_called_as_the_sums_are_is_copied(tmp_path: Path) -> None:
    """The sums were written over it."""
    (tmp_path / SUMS).write_text("a table")
    [copy] = copy_files([tmp_path / SUMS], tmp_path / "out", OPTIONS)
    assert (tmp_path / "out" / copy).read_text() == "a table"
