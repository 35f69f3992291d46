"""A suite: carried out, stopped, gone on with, and one's own policy among the shipped ones."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest

import hetsched
from hetsched import scheduling
from hetsched.analysis.over_scenarios.aggregates import Aggregate, geometric_mean
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import HetschedError, InputError, PolicyError
from hetsched.report.page.study import page_of
from hetsched.report.suite_tables import remarks
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import VERSION, held_out_names, suite_file, suite_names
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.folder_caveats import caveats_of_folder
from hetsched.studies.measuring_policy import MEASURE
from hetsched.studies.sole_owner import sole_owner
from hetsched.studies.suite import cached as cached_runs
from hetsched.studies.suite.carry_out import FanOut, carry_out_all, fits
from hetsched.studies.suite.record import Record
from hetsched.studies.suite.result import OF_SUITE, SuiteResult
from hetsched.studies.suite.suite import SEEDS, resume_suite, suite, suite_in
from hetsched.studies.suite.suite_plan import RUNS_NAME, digest
from hetsched.studies.watching import silent
from tests.conftest import NO_OVERHEADS, ROWS, make_setup
from tests.studies.suite.conftest import NAMES

MINE = """
from hetsched import Dispatch, register_scheduling

@register_scheduling("mine")
class Mine:
    def dispatch(self, state):
        pairs = zip(state.idle_workers, state.ready_trials)
        return [Dispatch(t.id, w.id, state.interval(t)) for w, t in pairs if state.usable(t, w)]
"""


LAB = suite_file("homogeneous").read_text().replace('name = "homogeneous"', 'name = "lab"')


def test_policies_are_ranked_by_their_ratio_to_the_bound(small: SuiteResult) -> None:
    assert small.ranked == ["lookahead", "fifo"]
    ratios = [record.workers_bound_ratio for record in small.by_policy["lookahead"]["homogeneous"]]
    on_one = small.over_scenarios["lookahead"].scenarios["homogeneous"].bound_ratio
    assert ratios[0] and ratios[1]
    assert on_one == pytest.approx((ratios[0] * ratios[1]) ** 0.5)
    assert small.left_out["asha"].startswith("trains ")
    assert small.document()["suite"] == VERSION
    written = (small.folder / "results.csv").read_text().splitlines()
    assert len(written) == 1 + 2 * 3 * 2


def test_it_goes_on_where_it_stopped_and_comes_to_the_same(tmp_path: Path) -> None:
    whole = suite(NAMES, ["least-progress"], 2, tmp_path / "whole", use_cached=False)

    @contextmanager
    def stopping(runs: int) -> Iterator[Callable[[], None]]:
        left = [3]

        def advance() -> None:
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt

        yield advance

    with pytest.raises(KeyboardInterrupt) as stop:
        suite(NAMES, ["least-progress"], 2, tmp_path / "part", use_cached=False, progress=stopping)
    assert "3 of 8 runs finished" in stop.value.__notes__[0]
    assert f"hetsched suite --resume {tmp_path / 'part'}" in stop.value.__notes__[0]
    with (tmp_path / "part" / RUNS_NAME).open("a") as file:
        file.write('{"scenario": "homog')  # the writer died in the middle of a line
    resumed = resume_suite(tmp_path / "part")
    assert figures(resumed.records) == figures(whole.records)


def figures(records: object) -> list[Record]:
    """Without the seconds of this host."""
    return [msgspec.structs.replace(record, decision_s=None) for record in records]  # type: ignore[attr-defined]


def test_a_policy_of_ones_own_is_ranked_among_the_packages_runs(
    small: SuiteResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_package(small.records, tmp_path, monkeypatch)
    (tmp_path / "mine.py").write_text(MINE)
    result = suite(NAMES, ["mine", "lookahead"], 1, tmp_path / "out", policy_files=[tmp_path / "mine.py"])
    assert {record.policy for record in simulated(tmp_path / "out")} == {"mine"}
    assert set(result.cached) == {"fifo", "lookahead"}
    assert set(result.ranked) == {"mine", "fifo", "lookahead"}
    assert (tmp_path / "out/policies/mine.py").is_file()
    assert "mine" not in scheduling.policies.names()
    page = page_of(tmp_path / "out")
    assert any("mine" in row for row in page.tables[0].rows)
    assert "mine" in page.tables[1].columns


TWO = (
    MINE
    + '''

@register_scheduling("other")
class Other(Mine):
    """The same."""
'''
)


@pytest.mark.parametrize(
    ("named", "taken"),
    [
        (["lookahead"], {"fifo", "lookahead", "mine", "other"}),
        (["mine"], {"fifo", "mine"}),
        (["gpu-only+mine"], {"fifo", "gpu-only+mine"}),
    ],
)
def test_a_policy_file_is_never_left_out(tmp_path: Path, named: list[str], taken: set[str]) -> None:
    (tmp_path / "two.py").write_text(TWO)
    result = suite(["homogeneous"], named, 1, tmp_path / "out", policy_files=[tmp_path / "two.py"])
    assert set(result.plan.policies) == taken


def test_the_packages_runs_are_to_the_last_digit(
    small: SuiteResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine digits could turn two policies that are alike round."""
    own_package(small.records, tmp_path, monkeypatch)
    assert {_of_any_host(one) for one in cached_runs._records()} == {_of_any_host(one) for one in small.records}


def _of_any_host(record: Record) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in cached_runs.FIELDS)


def test_the_packages_runs_of_another_scenario_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = suite(["homogeneous"], ["fifo"], 1, tmp_path / "shipped", use_cached=False).records
    own_package(records, tmp_path, monkeypatch, wrong="homogeneous")
    result = suite(["homogeneous"], ["fifo"], 1, tmp_path / "out")
    assert not result.cached
    assert simulated(tmp_path / "out")


def own_package(records: object, folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: str | None = None) -> None:
    """Put these runs in the place of those of the package."""
    sums = {name: "0" if name == wrong else digest(load_setup(suite_file(name))) for name in suite_names()}
    cached_runs.write(records, sums, folder / "results.csv")  # type: ignore[arg-type]
    monkeypatch.setattr(cached_runs, "RESULTS", folder / "results.csv")
    monkeypatch.setattr(cached_runs, "SUMS", folder / "results.json")
    for one in (cached_runs._sums, cached_runs._records):
        one.cache_clear()


@pytest.fixture(autouse=True)
def _package_is_read_anew() -> Iterator[None]:
    yield
    for one in (cached_runs._sums, cached_runs._records):
        one.cache_clear()


def simulated(folder: Path) -> list[Record]:
    """The runs that were simulated."""
    path = folder / RUNS_NAME
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [record for line in lines if not (record := msgspec.json.decode(line, type=Record)).from_package]


def make_gangs(folder: Path) -> None:
    """A scenario in which a trial takes two workers."""
    text = suite_file("homogeneous").read_text().replace('name = "homogeneous"', 'name = "gangs"')
    text = text.replace("population = ", "gang = 2\npopulation = ")
    (folder / "gangs.toml").write_text(re.sub(r"sources = .*", 'sources = ["pairs.csv"]', text))
    pair = ProfileRow(
        model="resnet18-cifar", dataset="cifar10", batch_size=128, device="v100", cores=0, gpu_share=2.0,
        seconds_per_iteration=0.1, provenance="made up",
    )  # fmt: skip
    write_profile(folder / "pairs.csv", [pair])


def test_a_policy_that_refuses_a_scenario_is_left_out_and_says_why(tmp_path: Path) -> None:
    make_gangs(tmp_path)
    result = suite([tmp_path / "gangs.toml"], ["hrfs"], 1, tmp_path / "out")
    assert (
        "refuses gangs: workload.experiments.cifar.gang: 'hrfs' puts a trial on one worker" in result.left_out["hrfs"]
    )
    assert result.ranked == ["fifo"]


def test_a_baseline_that_cannot_be_ranked_is_said_at_once_and_can_be_changed(tmp_path: Path) -> None:
    with pytest.raises(HetschedError) as refused:
        suite(NAMES, ["fifo", "lookahead"], 1, tmp_path / "out", baseline="asha", use_cached=False)
    assert "the baseline 'asha' trains 16% of the iterations of homogeneous" in str(refused.value)
    assert f"hetsched suite --resume {tmp_path / 'out'} --baseline NAME" in str(refused.value)
    assert [record.policy for record in simulated(tmp_path / "out")] == ["asha"]  # and nothing else has run
    result = resume_suite(tmp_path / "out", baseline="fifo")
    assert result.ranked == ["lookahead", "fifo"]
    assert resume_suite(tmp_path / "out").plan.baseline == "fifo"


def test_a_policy_that_cannot_be_made_leaves_no_folder(tmp_path: Path) -> None:
    """Other studies make each policy once before anything runs."""
    made = "    def __init__(self):\n        raise RuntimeError('no licence')\n\n    def dispatch"
    (tmp_path / "mine.py").write_text(MINE.replace("    def dispatch", made))
    with pytest.raises(PolicyError, match="'mine' cannot be made without arguments: RuntimeError in .*: no licence"):
        suite(["homogeneous"], ["mine"], 1, tmp_path / "out", policy_files=[tmp_path / "mine.py"])
    assert not (tmp_path / "out").exists()


def test_a_baseline_that_refuses_a_scenario_is_said_before_anything_runs(tmp_path: Path) -> None:
    make_gangs(tmp_path)
    with pytest.raises(InputError, match="baseline: 'hrfs' refuses gangs, .* puts a trial on one worker"):
        suite([tmp_path / "gangs.toml"], ["fifo"], 1, tmp_path / "out", baseline="hrfs")
    assert not (tmp_path / "out").exists()


def test_a_policy_that_fails_names_scenario_and_seed(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(MINE.replace('"mine"', '"bad"').replace("return [", "return [1 / 0 for _ in "))
    with pytest.raises(PolicyError) as failed:
        suite(["homogeneous"], ["bad"], 1, tmp_path / "out", policy_files=[tmp_path / "bad.py"])
    saw, where = failed.value.__notes__
    assert where == "scenario 'homogeneous', seed 0"
    assert Path(saw.removeprefix("what the policy saw: ")).is_file()


def test_scenarios_of_ones_own_have_no_version(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(LAB)
    result = suite([tmp_path / "lab.toml", "small-population"], ["fifo"], 1, tmp_path / "out", use_cached=False)
    assert result.document()["suite"] is None
    assert set(result.plan.scenarios) == {"lab", "small-population"}


def test_what_scenarios_of_ones_own_assume_is_said(tmp_path: Path) -> None:
    """A suite ranked policies on a network that nobody recorded without a word."""
    (tmp_path / "lab.toml").write_text(LAB)
    result = suite([tmp_path / "lab.toml"], ["fifo"], 1, tmp_path / "out", use_cached=False)
    assumed = hetsched.simulate(hetsched.load_scenario(tmp_path / "lab.toml"), "gpu-only+fifo", seeds=1).assumptions
    assert assumed
    assumed = [*assumed, "policies run on the workers of gpu-only, as in the scenario's first strategy"]
    assert result.document()["assumptions"] == {"lab": assumed}
    assert set(map("lab: {}".format, assumed)) <= set(remarks(result))
    assert suite_in(tmp_path / "out").document()["assumptions"] == {"lab": assumed}
    shipped = suite(["homogeneous"], ["fifo"], 1, tmp_path / "shipped")
    assert shipped.document()["assumptions"] == {"homogeneous": [OF_SUITE]} and OF_SUITE in remarks(shipped)


def test_a_round_of_ones_own_scenario_that_is_too_long_is_said(tmp_path: Path) -> None:
    """A comparison said it. A suite sets only periods that the scenario leaves open."""
    mine = hetsched.load_scenario(suite_file("small-population")).replace(
        name="mine", scheduling={"gavel-las": {"round_s": 1e5}}
    )
    mine.resolve().save(tmp_path / "mine")
    result = suite([tmp_path / "mine" / SCENARIO_NAME], ["fifo", "gavel-las"], 1, tmp_path / "out")
    [said] = [line for line in result.assumptions["mine"] if "decides too seldom" in line]
    assert "in [scheduling.gavel-las] try round_s" in said and f"mine: {said}" in list(remarks(result))


def test_a_suite_says_nothing_of_rounds_where_runs_end_at_their_bounds(tmp_path: Path) -> None:
    """It worked the warning out before any run."""
    rounds = {"gavel-las": {"round_s": 1e5, "reallocation_s": 1e5}}
    alone = make_setup([{"name": "a", "cores": 1}], population=1, overheads=NO_OVERHEADS)
    for name, setup in (("alone", alone), ("many", make_setup(overheads=NO_OVERHEADS))):
        setup.replace(name=name, scheduling=rounds).save(tmp_path / name)
    files = [tmp_path / name / SCENARIO_NAME for name in ("alone", "many")]
    result = suite(files, ["fifo", "gavel-las"], 1, tmp_path / "out")
    said = {name: [line for line in lines if "decides too" in line] for name, lines in result.assumptions.items()}
    assert not said["alone"] and len(said["many"]) == 1
    assert [line for line in remarks(result) if "decides too" in line] == [f"many: {said['many'][0]}"]
    assert suite_in(tmp_path / "out").assumptions == result.assumptions


def test_what_no_run_of_ones_own_scenario_has_is_said(tmp_path: Path) -> None:
    """A comparison of several scenarios told of no deadline."""
    asked = {"target_score": 0.999, "deadline_s": 1e-3}
    mine = hetsched.load_scenario(suite_file("small-population")).replace(name="mine", metrics=asked)
    mine.resolve().save(tmp_path / "mine")
    result = suite([tmp_path / "mine" / SCENARIO_NAME], ["fifo", "hrfs"], 2, tmp_path / "out")
    said = ["no run reached the target, 0.999", "no run has a score by its deadline, 0.001 s"]
    assert result.missed == {"mine": said}
    assert set(map("mine: {}".format, said)) <= set(remarks(result))
    again = suite_in(tmp_path / "out")
    assert again.document()["warnings"] == {"mine": "; ".join(said)} == caveats_of_folder(tmp_path / "out").warnings


def test_a_policy_that_trains_almost_all_is_not_said_to_train_100_percent() -> None:
    assert Record("s", "p", 0, trained=0.999).why_not == "trains almost all of the iterations of s"
    assert Record("s", "p", 0, trained=0.16).why_not == "trains 16% of the iterations of s"


def stops_at(folder: Path, target: float | None) -> list[Path]:
    """A scenario of which trials stop at that score."""
    stop: dict[str, Any] = {} if target is None else {"stop_score": target}
    asked = make_setup(population=8, stop_iterations=1000, pbt={"perturbation_interval": 20}, **stop).scenario
    write_profile(folder / "p.csv", ROWS)
    (folder / "s.toml").write_text(asked.replace(profile={"sources": ["p.csv"]}).to_toml())
    return [folder / "s.toml"]


@pytest.mark.parametrize(("target", "trained"), [(0.2, True), (None, False)])
def test_trials_that_reach_the_stop_score_are_no_reason_to_leave_a_policy_out(
    target: float | None, trained: bool, tmp_path: Path
) -> None:
    """The policy whose trials came to it first was not ranked, or nothing was."""
    found = suite(stops_at(tmp_path, target), ["fifo", "srtf", "asha"], 1, tmp_path / "out", jobs=1)
    assert set(found.ranked) == {"fifo", "srtf"}
    assert bool(found.ended_early) == trained
    said = [line for line in remarks(found) if "such as stop_score, end trials: of all iterations train " in line]
    assert bool(said) == trained
    assert bool(found.document()["warnings"]) == trained
    assert "trains" in found.left_out["asha"]


def test_where_trials_stop_at_a_score_the_shorter_makespan_ranks_first(tmp_path: Path) -> None:
    """Each makespan was divided by the bound of what the run itself trained. A policy that trained more
    until trials reached the score was ranked before one that ended sooner."""
    found = suite(stops_at(tmp_path, 0.2), ["fifo", "srtf", "least-progress", "las"], 3, tmp_path / "out", jobs=1)
    runs = {name: found.by_policy[name]["test"] for name in found.ranked}
    makespans = {name: mean_of([run.makespan_s for run in of_one]) for name, of_one in runs.items()}
    assert list(makespans) == sorted(makespans, key=makespans.__getitem__)
    hindsight = {name: mean_of([run.workers_bound_ratio for run in of_one]) for name, of_one in runs.items()}
    assert sorted(hindsight, key=hindsight.__getitem__) != found.ranked
    bounds = [[run.makespan_s / run.workers_bound_ratio for run in of_one] for of_one in runs.values()]  # type: ignore[operator]
    for name, makespan in makespans.items():
        least = mean_of([min(of_seed) for of_seed in zip(*bounds, strict=True)])
        assert found.over_scenarios[name].scenarios["test"].bound_ratio == pytest.approx(makespan / least)


def mean_of(values: Sequence[float | None]) -> float:
    return float(geometric_mean(np.array(values)))


def test_wrong_words_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="homogenous: no scenario of the suite: did you mean 'homogeneous'"):
        suite(["homogenous"], ["fifo"], 1, tmp_path / "a")
    with pytest.raises(InputError, match="unknown scheduling policy 'fifoo'"):
        suite(NAMES, ["fifoo"], 1, tmp_path / "b")
    with pytest.raises(InputError, match="no suite to go on with"):
        resume_suite(tmp_path)
    assert suite(str(suite_file("homogeneous")), "fifo", 1, tmp_path / "d").plan.suite == VERSION  # the file itself
    (tmp_path / "homogeneous.toml").write_text(suite_file("homogeneous").read_text())
    with pytest.raises(InputError, match="another scenario called 'homogeneous'"):
        suite([tmp_path / "homogeneous.toml"], ["fifo"], 1, tmp_path / "c")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scenarios": 3}, "scenarios: expected a list of names, found 3"),
        ({"scenarios": [3]}, "scenarios: expected a path, .* found 3"),
        ({"scenarios": []}, "scenarios: expected at least one"),
        ({"held_out": 3}, "held_out: expected a list of names, found 3"),
        ({"policies": 3}, "policies: expected a list of names, found 3"),
        ({"policies": [3]}, "policies: expected a scheduling policy or a strategy, such as 'hrfs', found 3"),
        ({"baseline": 3}, "baseline: expected a scheduling policy or a strategy"),
        ({"seeds": "5"}, "seeds: expected a whole number from 1, got '5'"),
        ({"seeds": 2.5}, "seeds: expected a whole number from 1, got 2.5"),
        ({"seeds": True}, "seeds: expected a whole number from 1, got True"),
        ({"seeds": None}, "seeds: expected a whole number from 1, got None"),
        ({"folder": 3}, "folder: expected a path"),
        ({"jobs": 0}, "jobs: expected a whole number from 1, got 0"),
        ({"costs": "no"}, "costs: expected True or False, found 'no'"),
        ({"policy_files": 3}, "policy_files: expected a list of paths, found 3"),
    ],
)
def test_what_is_of_a_wrong_type_is_named(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    """Each was a traceback from somewhere within."""
    asked: dict[str, Any] = {"scenarios": NAMES, "policies": ["fifo"], "seeds": 1, "folder": tmp_path / "out"}
    with pytest.raises(InputError, match=said):
        suite(**(asked | wrong))


@pytest.mark.parametrize("changed", ["scenarios/homogeneous/scenario.toml", "policies/mine.py"])
def test_a_file_that_has_changed_is_refused(tmp_path: Path, changed: str) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    suite(NAMES, ["mine"], 1, tmp_path / "out", policy_files=[tmp_path / "mine.py"], use_cached=False)
    with (tmp_path / "out" / changed).open("a") as file:
        file.write("# another one\n")
    with pytest.raises(InputError, match=f"{changed}: has changed since the suite began"):
        resume_suite(tmp_path / "out")


def test_the_digest_is_also_of_the_files_that_a_scenario_names(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    setup = load_setup(suite_file("homogeneous"))
    with_file = setup.with_policy_files([tmp_path / "mine.py"])
    before = digest(with_file)
    (tmp_path / "mine.py").write_text(MINE + "# another one\n")
    assert len({digest(setup), before, digest(with_file)}) == 3


def test_a_finished_folder_needs_nothing_else(
    small: SuiteResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder's tables were of the package's runs at the moment of looking, and of scenarios that
    could be moved."""
    own_package(small.records, tmp_path, monkeypatch)
    (tmp_path / "lab.toml").write_text(LAB)
    before = suite([tmp_path / "lab.toml", "homogeneous"], ["lookahead"], 1, tmp_path / "out")
    assert [record.scenario for record in before.records if record.from_package] == ["homogeneous"] * 2
    assert not before.cached
    (tmp_path / "lab.toml").unlink()
    own_package([], tmp_path, monkeypatch)
    assert resume_suite(tmp_path / "out").document() == suite_in(tmp_path / "out").document() == before.document()


def test_who_looks_at_a_suite_writes_nothing(tmp_path: Path) -> None:
    """A line that another process was writing was cut off."""
    suite(NAMES, ["fifo"], 1, tmp_path / "out", use_cached=False)
    runs = tmp_path / "out" / RUNS_NAME
    with runs.open("a") as file:
        file.write('{"scenario": "homog')
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert suite_in(tmp_path / "out").complete
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    resume_suite(tmp_path / "out")
    assert runs.read_text().endswith("}\n")


def test_one_process_at_a_time_carries_a_suite_out(tmp_path: Path) -> None:
    suite(NAMES, ["fifo"], 1, tmp_path / "out", use_cached=False)
    with sole_owner(tmp_path / "out", "suite"), pytest.raises(InputError, match="another process is carrying this"):
        resume_suite(tmp_path / "out")


def test_one_run_may_stand_for_two_policies(tmp_path: Path) -> None:
    """`fifo` on the scenario's own workers and `fusion+fifo` are the same task: the runs of one of
    them were lost."""
    whole = f"{load_setup(suite_file('homogeneous')).scenario.strategies[0].partition('+')[0]}+fifo"
    result = suite(["homogeneous"], ["fifo", whole], 2, tmp_path / "out", use_cached=False)
    assert result.complete
    fifo, other = (result.by_policy[name]["homogeneous"] for name in ("fifo", whole))
    assert [run.makespan_s for run in fifo] == [run.makespan_s for run in other]


def test_periods_are_a_strategys_own_and_stay_so(tmp_path: Path) -> None:
    """They were those of the strategy with the least bound, among the runs that were missing."""
    alone = suite(["hrfs-cluster"], ["gavel-las"], 1, tmp_path / "alone", use_cached=False, costs=False)
    names = ["gavel-las", "uniform+gavel-las"]
    both = suite(["hrfs-cluster"], names, 1, tmp_path / "both", use_cached=False, costs=False)
    periods = {name: both.by_policy[name]["hrfs-cluster"][0].periods for name in names}
    assert periods["gavel-las"] == alone.by_policy["gavel-las"]["hrfs-cluster"][0].periods != ""
    assert periods["uniform+gavel-las"] not in ("", periods["gavel-las"])
    assert set(both.plan.periods["hrfs-cluster"]) == {"fusion+gavel-las", "uniform+gavel-las"}
    runs = tmp_path / "both" / RUNS_NAME
    kept = [line for line in runs.read_text().splitlines() if '"policy":"gavel-las"' not in line]
    runs.write_text("".join(f"{line}\n" for line in kept))
    assert figures(resume_suite(tmp_path / "both").records) == figures(both.records)


def test_the_packages_runs_are_of_the_suites_scenarios_as_they_are() -> None:
    """Whoever changes what a scenario simulates makes the package's runs anew: see
    CONTRIBUTING.md."""
    sums = cached_runs._sums()
    assert sums is not None and sums.suite == VERSION
    now = {name: digest(load_setup(suite_file(name))) for name in (*suite_names(), *held_out_names())}
    assert sums.scenarios == now
    policies = {name for name in scheduling.policies.names() if name != MEASURE}
    cells = {record.cell for record in cached_runs._records()}
    shipped = {name for name in policies if scheduling.policies.is_shipped(name)}
    assert cells == set(product(now, shipped, range(SEEDS)))


@pytest.mark.parametrize(
    ("scenario", "policy", "seed"),
    [
        ("homogeneous", "fifo", 0),
        ("small-population", "lookahead", 3),
        ("one-fast-gpu", "hrfs", 1),
        ("cpu-boxes", "gavel-las", 2),
        ("mixed-batches", "asha", 4),
        ("drawn-20261128-5", "srtf", 4),
    ],
)
def test_the_packages_runs_are_what_is_simulated(scenario: str, policy: str, seed: int) -> None:
    [kept] = [record for record in cached_runs._records() if record.cell == (scenario, policy, seed)]
    with TemporaryDirectory() as folder:
        setups = {scenario: load_setup(suite_file(scenario))}
        periods = {scenario: fits(setups[scenario], [policy])}
        [now] = carry_out_all(setups, periods, [kept.cell], Path(folder) / "runs", FanOut(), silent)
    for name in cached_runs.FIELDS:
        value = getattr(kept, name)
        assert getattr(now, name) == (pytest.approx(value, rel=1e-8) if isinstance(value, float) else value), name


def test_the_policies_page_has_what_the_packages_runs_come_to(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/policies/README.md").read_text()
    row = r"^\| `([\w-]+)` \| [\d.]+ \| [\d.]+ \| (.*) \|$"
    told: dict[str, str] = dict(re.findall(row, page, re.MULTILINE))
    result = suite(None, [*told], SEEDS, tmp_path / "out")
    assert not simulated(tmp_path / "out")
    assert set(told) == set(result.ranked) and len(told) > 15
    for name, found in result.over_scenarios.items():
        shown = [_with_interval(found.interquartile_mean), f"{found.geometric_mean.mean:.3f}", f"{found.worst[1]:.3f}"]
        speed_up = "1" if name == result.plan.baseline else _with_interval(found.speedup)
        assert told[name].split(" | ") == [*shown, speed_up]


def _with_interval(found: Aggregate) -> str:
    assert found.ci95 is not None
    return "{:.3f} ({:.3f} .. {:.3f})".format(found.mean, *found.ci95)
