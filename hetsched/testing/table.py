"""The verdicts of policies as a table for the terminal."""

from collections.abc import Mapping, Sequence

from rich.table import Table

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


def _cell(verdict: Verdict) -> str:
    return verdict.result if verdict.measured is None else f"{verdict.result}: {verdict.measured}"
