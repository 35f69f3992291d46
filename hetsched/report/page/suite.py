"""The page of a suite: its tables, its figures, and remarks on them."""

from collections.abc import Sequence
from pathlib import Path

from hetsched import scheduling
from hetsched.errors import counted
from hetsched.report.page.document import Estimate, Fact, Page, PageSuite, Profile, SuitePair, SuiteRow
from hetsched.report.page.facts import Asked, facts
from hetsched.report.page.tables import page_table
from hetsched.report.suite_tables import own_policies, policies_table, remarks, scenarios_table
from hetsched.studies.suite.result import OverScenarios, SuiteResult
from hetsched.studies.suite.suite import suite_in

MOST_LINES = 6
"""The most policies with a line in a profile: the baseline, the user's own policies, and the best
ones."""

DIGITS = 6
"""The significant digits of the numbers of a profile."""


def page_of_suite(folder: Path) -> Page:
    """The page of the suite in the folder. The suite may be unfinished. Raises errors as `suite_in`
    does."""
    result = suite_in(folder)
    plan = result.plan
    own = own_policies(result, scheduling.policies)
    what = "scenarios of one's own" if plan.suite is None else f"suite {plan.suite}"
    return Page(
        title=f"{what}: scheduling over {counted(len(result.scenarios), 'scenario')}",
        kind="several",
        complete=result.complete,
        facts=[
            Fact("study", "suite, simulated" if plan.costs else "suite, simulated without overheads and noise"),
            *facts(folder, None, None, Asked(plan.policies, plan.seeds)),
        ],
        remarks={"What it comes to": list(remarks(result))},
        runs=[],
        suite=page_suite(result, own),
        tables=[
            page_table("Policies over all scenarios", policies_table(result)),
            page_table("Makespan / bound by scenario", scenarios_table(result, own)),
        ],
    )


def page_suite(result: SuiteResult, own: Sequence[str]) -> PageSuite:
    """The figures of a suite. The policies in `own` have a line before the best ones."""
    ranking, drawn = result.ranking, _drawn(result, own)
    return PageSuite(
        baseline=result.plan.baseline,
        scenarios=ranking.scenarios,
        scenarios_needed=ranking.scenarios_needed,
        policies=[_row(name, result.over_scenarios[name], name in drawn) for name in result.ranked],
        by_rank=list(ranking.ranks),
        cliques=ranking.cliques,
        pairs=[SuitePair(*pair.policies, pair.p_holm, pair.apart) for pair in ranking.pairs],
    )


def _drawn(result: SuiteResult, own: Sequence[str]) -> list[str]:
    wanted = [result.plan.baseline, *(name for name in result.ranked if name in own), *result.ranked]
    return list(dict.fromkeys(name for name in wanted if name in result.over_scenarios))[:MOST_LINES]


def _row(policy: str, found: OverScenarios, drawn: bool) -> SuiteRow:
    mean = found.interquartile_mean
    return SuiteRow(
        policy=policy,
        bound_ratio=Estimate(mean.mean, *(mean.ci95 or (None, None))),
        rank=found.rank,
        bounds=_profile(found.bound_profile),
        targets=_profile(found.target_profile) if found.has_targets else None,
        decision_s=found.decision_s,
        drawn=drawn,
    )


def _profile(steps: Sequence[tuple[float, float]]) -> Profile:
    return Profile(*([float(f"{step[of]:.{DIGITS}g}") for step in steps] for of in (0, 1)))
