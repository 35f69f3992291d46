"""The tables of policies in docs/policies are those of the runs that come with the package."""

from math import log
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest

from benchmarks import planning_page
from hetsched.scenario.packaged.suite import suite_names

PAGE = Path(__file__).parents[1] / "docs/policies/README.md"


def ratios() -> dict[str, dict[str, float]]:
    """Makespan / bound with overheads, by policy and scenario of the suite."""
    found: dict[str, dict[str, float]] = {}
    for scenario, of_policies in planning_page.ratios().items():
        for policy, ratio in of_policies.items() if scenario in suite_names() else ():
            found.setdefault(policy, {})[scenario] = ratio
    return found


def rows() -> dict[str, list[str]]:
    """The cells of the table's rows, by policy."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells for cells in lines if len(cells) == 7}


def test_every_shipped_policy_that_is_ranked_has_a_row() -> None:
    assert len(rows()) > 20 and set(rows()) <= set(ratios())


@pytest.mark.parametrize("policy", sorted(rows()))
def test_the_figures_with_overheads_are_those_of_the_package(policy: str) -> None:
    """If they differ: see "Add a policy" in CONTRIBUTING.md, which says how the table is
    written."""
    of_policy = ratios()[policy]
    assert len(of_policy) == len(suite_names())
    mean = float(np.exp(fmean(map(log, of_policy.values()))))
    assert rows()[policy][4:6] == [f"{mean:.3f}", f"{max(of_policy.values()):.3f}"]


def test_the_page_of_lookahead_has_the_best_other_policies() -> None:
    """If they differ: python -m benchmarks.planning_page."""
    assert planning_page.HEAD + "".join(f"{row}\n" for row in planning_page.rows()) in planning_page.PAGE.read_text()
