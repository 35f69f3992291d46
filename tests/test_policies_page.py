"""The pages of docs/policies: they have all policies, and no figure is typed."""

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import suite_without_costs
from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.pages import OF_POLICIES, ROOT
from benchmarks.pages.suite_runs import RATIO, WITHOUT_COSTS, figures, ranked
from benchmarks.pages.tables import MARK
from benchmarks.policy_studies import STUDIES
from hetsched import allocation, scheduling
from hetsched.domain.registry import Registry
from hetsched.errors import InputError
from hetsched.scenario.packaged.suite import held_out_names, suite_names
from hetsched.studies.suite.suite import suite

OF_RULES = {
    # When the rule is chosen anew; `patience`; where a late score is taken, and the level of intervals.
    "planning": {"1.5", "0.2", "70%", "95%"},
    "packages": {"0.9", "0.8"},  # `shrink`; when workers retire
    "stopping": {"1.1", "0.90", "0.08", "1.0"},  # `hypersched` moves a trial; prices and budget of the demo
}
"""By page, the figures that are typed: parameters of rules and of scenarios."""


@pytest.mark.parametrize("name", OF_POLICIES)
def test_no_result_is_typed(name: str) -> None:
    """Outside of tables that are made and of blocks of code, no figure is a result."""
    text = re.sub(r"```.*?```", "", MARK.sub("", (ROOT / name).read_text()), flags=re.DOTALL)
    found = re.findall(r"\d+\.\d+|\d+%", text)
    assert set(found) == OF_RULES.get(Path(name).stem, set())


def shipped(known: Registry[Any]) -> list[str]:
    return [name for name in known.names() if known.is_shipped(name)]


def cells(page: str, table: str) -> list[list[str]]:
    """The cells of a made table, its headings first."""
    [found] = (one for one in MARK.finditer((ROOT / page).read_text()) if one["name"] == table)
    head, _, *rows = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in found["table"].splitlines())
    return [head, *rows]


def test_the_table_of_all_policies_has_every_policy_that_is_ranked() -> None:
    names = [row[0].strip("`") for row in cells("docs/policies/README.md", "all-policies")[1:]]
    assert sorted(names) == sorted(ranked())
    assert set(shipped(scheduling.policies)) - set(names) == {"asha"}


def test_every_policy_is_on_the_page_of_a_family() -> None:
    pages = "".join((ROOT / name).read_text() for name in OF_POLICIES if "README" not in name)
    known = [*shipped(scheduling.policies), *shipped(allocation.policies)]
    missing = [name for name in known if f"`{name}`" not in pages and not name.endswith("-blind")]
    assert len(known) > 20 and not missing


@pytest.mark.parametrize("family", ["planning", "queueing", "packages", "shares", "matching", "stopping"])
def test_the_table_of_a_family_has_all_scenarios(family: str) -> None:
    _, *rows = cells(f"docs/policies/{family}.md", family)
    assert [row[0].strip("`") for row in rows] == [*suite_names(), "geometric mean", "worst"]


def test_the_file_without_costs_has_the_runs_of_all_ranked_policies() -> None:
    """If it lacks runs: see "Add a policy" in CONTRIBUTING.md."""
    found = {(row["scenario"], row["policy"]) for row in read(WITHOUT_COSTS)}
    assert found == {(scenario, policy) for scenario in [*suite_names(), *held_out_names()] for policy in ranked()}


def test_the_file_without_costs_is_of_the_policies_of_today(tmp_path: Path) -> None:
    """If it is not: see "Add a policy" in CONTRIBUTING.md."""
    result = suite(["homogeneous"], ["lpt", "eta"], 1, tmp_path / "out", costs=False, use_cached=False)
    kept = {row["policy"]: float(row["ratio"]) for row in read(WITHOUT_COSTS) if row["scenario"] == "homogeneous"}
    for record in result.records:
        assert record.workers_bound_ratio == pytest.approx(kept[record.policy], rel=1e-5)


@pytest.mark.parametrize("name", ["populations", "deadline"])
def test_the_files_of_studies_are_of_the_policies_of_today(name: str) -> None:
    """If they are not: python -m benchmarks.policy_studies NAME."""
    study, _ = STUDIES[name]
    kept = read(MEASURED / f"{name}.csv")
    for now, then in zip(study(), kept, strict=True):
        for column, value in now.items():
            same = pytest.approx(float(then[column]), rel=1e-5) if isinstance(value, float) else then[column]
            assert (value if isinstance(value, float) else str(value)) == same, column


def test_a_suite_with_costs_is_not_kept_as_one_without(tmp_path: Path) -> None:
    result = suite(["homogeneous"], ["fifo"], 1, tmp_path / "out", use_cached=False)
    with pytest.raises(InputError, match="--without-costs --seeds 1 --afresh"):
        suite_without_costs.check(result.folder, result.records)


def test_the_figures_of_the_package_are_by_seed() -> None:
    assert {len(of_one) for ratios in figures(RATIO).values() for of_one in ratios.values()} == {5}
