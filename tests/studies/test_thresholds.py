"""Thresholds that tell no trials apart are named. Nothing was said of them, and `las` was `fifo` to
the digit."""

from pathlib import Path

import pytest

import hetsched
from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import suite_file
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies.thresholds import unfit_thresholds
from tests.conftest import NO_OVERHEADS, make_setup, profile_row

LAS = Strategy("fusion", "las")
HIGH = "tells no trials apart, as by the profile none reaches a threshold before its last segment"
LOW = "hardly tells trials apart, as by the profile nearly all pass every threshold in their first segment"


def jobs(thresholds_s: str | None = None, scale: int = 1) -> Setup:
    """One long job of 20 segments, and nine short jobs of one or two. A segment takes 10 s x
    `scale`."""
    lengths = [200, *[10] * 5, *[20] * 4]
    listed = [
        {"name": f"j{number}", "population": 1, "stop_iterations": length, "evaluation_images": 0, "arrival_s": number}
        for number, length in enumerate(lengths)
    ]
    setup = make_setup(
        [{"name": "a", "cores": 1}], [profile_row(seconds=1.0 * scale)], NO_OVERHEADS, experiments=listed
    )
    return setup if thresholds_s is None else setup.replace(scheduling={"las": {"thresholds_s": thresholds_s}})


@pytest.mark.parametrize(
    ("thresholds_s", "said"),
    [(None, HIGH), ("190.1", HIGH), ("190", None), ("60, 600", None), ("600, 6000", HIGH), ("15", None)],
)
def test_thresholds_that_no_trial_reaches_are_named(thresholds_s: str | None, said: str | None) -> None:
    found = unfit_thresholds(jobs(thresholds_s), LAS)
    assert (found is None) == (said is None)
    if said is not None:
        takes = "where a trial takes 10 to 200 worker-seconds; lower it in [scheduling.las]"
        assert found == f"{said}: thresholds_s = {thresholds_s or 300}, {takes}"


def test_thresholds_that_nearly_all_pass_at_once_are_named() -> None:
    """A segment takes 40 s."""
    lengths = [{"name": f"e{stop}", "population": 5, "stop_iterations": stop} for stop in (100, 200)]
    long = make_setup([{"name": "a", "cores": 1}], overheads=NO_OVERHEADS, experiments=lengths)
    low, fits = (long.replace(scheduling={"las": {"thresholds_s": s}}) for s in ("40", "40, 100"))
    assert (unfit_thresholds(low, LAS) or "").startswith(f"{LOW}: thresholds_s = 40, where a trial takes 400 to 800 ")
    assert unfit_thresholds(fits, LAS) is None
    assert unfit_thresholds(jobs("10"), LAS) is None  # half of the jobs end with their first segment


def test_nothing_is_said_where_all_trials_are_alike_or_the_policy_has_no_thresholds() -> None:
    assert unfit_thresholds(make_setup(stop_iterations=10), LAS) is None
    assert unfit_thresholds(jobs(), Strategy("fusion", "fifo")) is None


def test_nothing_is_said_where_no_threshold_matters() -> None:
    assert unfit_thresholds(load_setup(suite_file("independent-jobs")), LAS) is None  # a trial is one segment
    lengths = [{"name": f"e{stop}", "population": 2, "stop_iterations": stop} for stop in (20, 60)]
    enough = make_setup([{"name": "a", "cores": 1, "count": 4}], experiments=lengths)  # no trial waits
    fewer = make_setup([{"name": "a", "cores": 1, "count": 3}], experiments=lengths)
    assert unfit_thresholds(enough, LAS) is None and unfit_thresholds(fewer, LAS) is not None


@pytest.mark.parametrize("thresholds", ["thresholds_s", (300.0, 3600.0), [300.0], "minutes", "levels", "words"])
def test_a_policy_of_the_users_own_may_use_the_name_otherwise(
    thresholds: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mine(scheduling.policies.factory("las")):  # type: ignore[misc]
        service_thresholds = thresholds

        def __init__(self, levels: tuple[float, ...] = (1.0,), words: str = "1;2") -> None:
            super().__init__()

    monkeypatch.setitem(scheduling.policies._factories, "mine", Mine)
    assert unfit_thresholds(jobs(), Strategy("fusion", "mine")) is None


def test_costs_and_the_workers_of_a_gang_count() -> None:
    """Four workers train 19 segments of 10 s before the last one: 760 worker-seconds. The other trials
    have one segment."""
    nodes, rows = [{"name": "a", "cores": 1, "count": 4}], [profile_row(cores=n, seconds=1.0) for n in (1, 4)]
    lengths = [{"name": f"e{stop}", "gang": 4, "population": 1, "stop_iterations": stop} for stop in (10, 200)]
    setup = make_setup(nodes, rows, NO_OVERHEADS, experiments=lengths)
    high, fits = (setup.replace(scheduling={"las": {"thresholds_s": s}}) for s in ("761", "760"))
    assert unfit_thresholds(high, LAS) and unfit_thresholds(fits, LAS) is None
    row = profile_row(seconds=1.0, evaluation_s_per_image=1.0)
    lengths = [{"name": f"e{stop}", "population": 1, "stop_iterations": stop} for stop in (10, 40)]
    costly = make_setup([{"name": "a", "cores": 1}], [row], experiments=lengths)
    assert unfit_thresholds(costly, LAS) is None  # before its last segment a trial has trained 30 s, evaluated 300 s


def test_every_study_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", [profile_row(seconds=1.0)])
    experiments = jobs().scenario.workload.experiments
    tables = {"name": "t", "strategies": ["fusion+fifo", "fusion+las"], "seeds": 1, "profile": {"sources": ["p.csv"]}}
    tables["cluster"] = {"nodes": [{"name": "a", "cores": 1}]}
    tables["workload"] = {"experiments": [one.model_dump(exclude_defaults=True) for one in experiments]}
    scenario = hetsched.Scenario(**tables)
    for said in (
        hetsched.simulate(scenario, "fusion+las").warnings,
        hetsched.compare(scenario).warnings,
        hetsched.ablate(scenario, "fusion+las", 1).warnings,
    ):
        assert HIGH in said["fusion+las"] and HIGH not in said.get("fusion+fifo", "")
    (tmp_path / "s.toml").write_text(scenario.to_toml())
    found = hetsched.suite(["s.toml"], ["fifo", "las"], 1, "out")
    [line] = [line for lines in found.assumptions.values() for line in lines if HIGH in line]
    assert "[scheduling.las]" in line
