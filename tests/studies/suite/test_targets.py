"""The targets of the suite's scenarios, and the profile of the time to them."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import suite_file, suite_names
from hetsched.studies.suite.result import SuiteResult
from hetsched.studies.suite.suite import suite
from hetsched.studies.suite.suite_plan import Runs, load_plan
from tests.report.suites import suite_folder


def test_every_scenario_whose_trials_have_scores_has_a_target() -> None:
    targets = {name: load_setup(suite_file(name)).scenario.metrics.target_score for name in suite_names()}
    assert {name for name, target in targets.items() if target is None} == {"independent-jobs"}


def test_targets_are_reached_before_the_end(small: SuiteResult) -> None:
    ranked = small.ranked
    for record in (record for record in small.records if record.policy in ranked):
        assert record.time_to_target_s is not None and record.makespan_s is not None
        assert 0.02 < record.time_to_target_s / record.makespan_s < 0.9, record.cell
    for found in small.over_scenarios.values():
        assert found.has_targets and found.target_profile[-1][1] == 1.0
        ratios = sorted(
            record.time_to_target_s / record.makespan_s * record.workers_bound_ratio
            for record in small.records
            if small.over_scenarios.get(record.policy) is found
            and record.time_to_target_s is not None
            and record.makespan_s is not None
            and record.workers_bound_ratio is not None
        )
        assert [ratio for ratio, _ in found.target_profile] == pytest.approx(ratios)
        assert all(one.area_weighted_jct_s for one in small.records)


def test_jobs_without_scores_have_no_profile_of_targets(tmp_path: Path) -> None:
    result = suite(["independent-jobs"], ["lookahead"], 1, tmp_path / "out", use_cached=False)
    assert not any(found.has_targets for found in result.over_scenarios.values())


def test_times_to_target_are_divided_by_the_bound_of_the_makespans(tmp_path: Path) -> None:
    folder = suite_folder(tmp_path / "suite", {"fifo": [[2.0]], "quick": [[1.0]]}, targets={"fifo": [50.0]})
    [slow, quick] = Runs(folder).read()
    for policy, expected in (("quick", 0.5), ("fusion+quick", 1.0)):  # of the workers: 100 s; any allocation: 50 s
        records = [replace(slow, bound_ratio=4.0), replace(quick, policy=policy, bound_ratio=2.0)]
        plan = replace(load_plan(folder), policies=["fifo", policy])
        found = SuiteResult(folder=folder, plan=plan, records=records).over_scenarios["fifo"]
        assert found.bound_profile == [(4 * expected, 1.0)]
        assert found.target_profile == [(expected, 1.0)]
