"""The verdicts of policies as a table for the terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from hetsched.testing.allocation import CHECKS as ALLOCATION
from hetsched.testing.scheduling import CHECKS as SCHEDULING
from hetsched.testing.scheduling import DECISION_TIME, TIMED
from hetsched.testing.verdict import Verdict


def verdicts_table(kind: str, policies: Mapping[str, Sequence[Verdict]]) -> Table:
    """One row per policy, one column per check. `policies` is not empty."""
    table = Table(header_style="bold")
    table.add_column(f"{kind} policy")
    for verdict in next(iter(policies.values())):
        table.add_column(verdict.check)
    for name, verdicts in policies.items():
        table.add_row(name, *map(_cell, verdicts))
    return table


def verdict_columns(kind: str) -> dict[str, str]:
    """What each column says: what a check expects of policies of the kind."""
    checks = {
        "allocation": {check.name: check.expected for check in ALLOCATION},
        "scheduling": {**{check.name: check.expected for check in SCHEDULING}, DECISION_TIME: TIMED},
    }
    return {f"{kind} policy": "its name; not made: other checks did not pass", **checks[kind]}


def _cell(verdict: Verdict) -> str:
    return verdict.result if verdict.measured is None else f"{verdict.result}: {verdict.measured}"
