"""Policy files of scenarios: which policy of a name runs, where several files have the name."""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path

import pytest

import hetsched
from hetsched import scheduling
from hetsched.cli.main import main
from hetsched.errors import InputError
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies import run
from hetsched.studies.ablation import WHOLE
from hetsched.studies.compare import resume_comparison
from hetsched.studies.run_plan import RunPlan
from hetsched.version import __version__
from tests.conftest import ROWS
from tests.test_front_door import TABLES

POLICY = """from hetsched import Dispatch, register_scheduling

@register_scheduling("mine")
class Mine:
    def dispatch(self, state):
        for trial, worker in zip(state.ready_trials, state.idle_workers):
            yield Dispatch(trial.id, worker.id, {iterations})
"""

VERSIONS = {"A": "max(1, state.interval(trial) // 4)", "B": "state.interval(trial)"}

MINE = ["fusion+mine"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two scenarios in folders of their own, that name a file `mine.py`
    each."""
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    for name, iterations in VERSIONS.items():
        (home := tmp_path / name).mkdir()
        write_profile(home / "p.csv", ROWS)
        (home / "mine.py").write_text(POLICY.format(iterations=iterations))
        tables = TABLES | {"name": name, "strategies": MINE, "policy_files": ["mine.py"]}
        (home / "s.toml").write_text(hetsched.Scenario.of(tables, home).to_toml())
    return tmp_path


def makespan_s(scenario: hetsched.Scenario | Setup) -> float:
    return hetsched.simulate(scenario, MINE[0]).runs[0].metrics.makespan_s


def alone() -> dict[str, float]:
    """What each version of the policy makes of its scenario."""
    found = {name: makespan_s(hetsched.load_scenario(f"{name}/s.toml")) for name in VERSIONS}
    assert found["A"] != found["B"]
    return found


def in_suite(result: hetsched.SuiteResult) -> Mapping[str, float | None]:
    return {record.scenario: record.makespan_s for record in result.records if record.policy == MINE[0]}


def test_a_scenarios_policies_go_with_its_study(folder: Path) -> None:
    """After a replay of an old run, the session went on with the old run's policy."""
    of = alone()
    hetsched.compare(hetsched.load_scenario("A/s.toml"), MINE, 1, "old")
    plain = hetsched.Scenario(**TABLES)
    hetsched.load_policies("B/mine.py")
    assert makespan_s(plain) == of["B"]
    assert hetsched.replay("old/fusion+mine/seed-0").same
    resume_comparison("old")
    assert makespan_s(hetsched.load_scenario("old/scenario.toml")) == of["A"]
    assert makespan_s(plain) == of["B"]
    hetsched.load_policies("B/mine.py")  # was refused
    hetsched.Scenario.of(TABLES | {"policy_files": ["mine.py"]}, folder / "A").load_policies()
    assert makespan_s(plain) == of["A"]


def test_a_policy_that_only_another_scenario_has_is_unknown(folder: Path) -> None:
    hetsched.load_scenario("A/s.toml")
    assert "mine" not in scheduling.policies.names()
    with pytest.raises(hetsched.InputError, match="unknown scheduling policy 'mine'"):
        hetsched.simulate(hetsched.Scenario(**TABLES), MINE[0])
    result = hetsched.compare(hetsched.Scenario(**TABLES), MINE, 1, policy_files=["A/mine.py"])  # needed load_policies
    assert result.runs[-1].metrics.makespan_s == alone()["A"]


def test_every_study_takes_files_of_policies(folder: Path) -> None:
    """`simulate`, `ablate`, `bound` and `validate` had no such argument, and docs/python.md named it for
    each study."""
    scenario, files = hetsched.Scenario(**TABLES), ["A/mine.py"]
    of_a = alone()["A"]
    assert hetsched.simulate(scenario, MINE[0], policy_files=files).runs[0].metrics.makespan_s == of_a
    assert hetsched.ablate(scenario, MINE[0], policy_files=files).variants[WHOLE].makespan_s == of_a
    assert hetsched.bound(scenario, MINE, policy_files=files).by_allocation["fusion"].makespan_s <= of_a
    for study in ("compare", "plan", "run", "suite", "validate"):
        assert "policy_files" in signature(getattr(hetsched, study)).parameters, study


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_scenario_runs_its_own_file(folder: Path, jobs: int) -> None:
    """With one process, the file of the last scenario ran for all of them."""
    of = alone()
    result = hetsched.suite(["A/s.toml", "B/s.toml"], MINE, 1, "out", jobs=jobs)
    assert in_suite(result) == of
    assert in_suite(hetsched.suite(["B/s.toml", "A/s.toml"], MINE, 1, jobs=jobs, folder="other")) == of
    text = Path("out/runs.jsonl").read_text().splitlines(keepends=True)
    Path("out/runs.jsonl").write_text(text[0])
    assert in_suite(hetsched.resume_suite("out", jobs=jobs)) == of
    assert "mine" not in scheduling.policies.names()


def test_each_scenario_of_the_command_line_runs_its_own_file(folder: Path) -> None:
    of = alone()
    words = ["A/s.toml", "B/s.toml", "--strategies", *MINE, "--seeds", "1", "--jobs", "1"]
    assert main(["compare", *words, "--out", "out"]) == 0
    rows = [line.split(",") for line in Path("out/results.csv").read_text().splitlines()]
    place = rows[0].index("makespan_s")
    assert {row[0]: float(row[place]) for row in rows[1:] if MINE[0] in row} == of


def test_a_scenario_refuses_the_policy_of_another_ones_file(folder: Path) -> None:
    """With one process it ran that policy. With two, the suite failed."""
    text = Path("B/s.toml").read_text().replace('policy_files = [\n    "mine.py",\n]', "policy_files = []")
    Path("B/s.toml").write_text(text.replace("fusion+mine", "fusion+fifo"))
    result = hetsched.suite(["A/s.toml", "B/s.toml"], ["mine"], 1, "out")
    refused = {record.scenario: record.refused for record in result.records if record.policy == "mine"}
    assert refused["A"] is None and "unknown scheduling policy 'mine'" in str(refused["B"])


def test_a_run_goes_on_with_the_given_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy in the folder replaced it."""
    hetsched.load_scenario("A/s.toml").resolve().save(folder / "out")
    plan = RunPlan(MINE[0], [0], [], __version__).with_files(folder / "out")
    plan.save(folder / "out")
    hetsched.load_policies("B/mine.py")
    ran: list[float] = []
    monkeypatch.setattr(run, "_gone_on", lambda setup, *_: ran.append(makespan_s(setup)))
    hetsched.resume("out", policy_files=["B/mine.py"])
    hetsched.resume("out")
    assert ran == [alone()["B"], alone()["A"]]


def test_files_of_a_study_may_have_policies_that_the_scenario_has_options_for(folder: Path) -> None:
    made = "    def __init__(self, size: int = 1) -> None:\n        self.size = size\n\n    def dispatch"
    text = POLICY.format(iterations="self.size").replace('"mine"', '"opt"').replace("    def dispatch", made)
    Path("opt.py").write_text(text)
    scenario = hetsched.Scenario.of(TABLES | {"scheduling": {"opt": {"size": 2}}}, folder)
    found = hetsched.compare(scenario, ["fusion+opt", "fusion+fifo"], 1, policy_files=["opt.py"], jobs=1)
    assert "fusion+opt" in found.comparisons
    assert "opt" not in scheduling.policies.registered()


def test_a_suite_leaves_no_policies_behind(folder: Path) -> None:
    hetsched.suite(["B/s.toml"], ["mine"], 1, baseline="fifo", policy_files=["B/mine.py"], jobs=1)
    assert "mine" not in scheduling.policies.registered()
    hetsched.load_policies("A/mine.py")  # was refused


def test_a_file_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(InputError, match=r"mine\.py: cannot be read: Permission denied"):
        hetsched.load_policies("A/mine.py")
