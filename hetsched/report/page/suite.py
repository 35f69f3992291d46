"""The page of a suite: its tables and what they do not say."""

from pathlib import Path

from hetsched import scheduling
from hetsched.errors import counted
from hetsched.report.page.document import Fact, Page
from hetsched.report.page.facts import Asked, facts
from hetsched.report.page.tables import page_table
from hetsched.report.suite_tables import own_policies, policies_table, remarks, scenarios_table
from hetsched.studies.suite.suite import suite_in


def page_of_suite(folder: Path) -> Page:
    """The page of the suite in the folder, finished or not. Raises InputError or HetschedError as `suite_in` does."""
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
        tables=[
            page_table("Policies over all scenarios", policies_table(result)),
            page_table("Makespan / bound by scenario", scenarios_table(result, own)),
        ],
    )
