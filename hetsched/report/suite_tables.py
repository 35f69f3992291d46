"""What a suite found, as tables and lines for the terminal."""

from collections.abc import Iterator, Mapping

from rich.table import Table

from hetsched.analysis.over_scenarios.aggregates import Aggregate
from hetsched.errors import counted
from hetsched.studies.suite.result import SuiteResult

SHOWN = 4
"""So many of the best policies have a column in the table of scenarios, beside those of one's own and the baseline."""


def policies_table(result: SuiteResult) -> Table:
    """A row per policy, the best first."""
    table = Table(header_style="bold")
    table.add_column("policy")
    for heading in (
        "x bound,\ninterquartile mean",
        "x bound,\ngeometric mean",
        "worst",
        f"speed-up over\n{result.plan.baseline}",
        "wins, alike,\nlosses, open",
        "beats\nit",
        "mean\nrank",
        "decision\n[ms]",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in result.ranked:
        found = result.over_scenarios[name]
        scenario, ratio = found.worst
        duel = found.duel
        is_baseline = name == result.plan.baseline
        table.add_row(
            f"{name} (baseline)" if is_baseline else name,
            _aggregate(found.interquartile_mean),
            _aggregate(found.geometric_mean),
            f"{ratio:.2f} {scenario}",
            "" if is_baseline else _aggregate(found.speedup),
            "" if is_baseline else " ".join(str(len(of)) for of in (duel.win, duel.alike, duel.loss, duel.open)),
            "" if is_baseline else f"{duel.beats:.0%}",
            f"{found.rank:.1f}",
            "" if found.decision_s is None else f"{1e3 * found.decision_s:.3g}",
        )
    return table


def scenarios_table(result: SuiteResult, own: list[str]) -> Table:
    """A row per scenario, makespan / bound of the best policies, of one's own and of the baseline."""
    chosen = [*result.ranked[:SHOWN], *(name for name in own if name in result.over_scenarios), result.plan.baseline]
    table = Table(header_style="bold", title="makespan / bound, geometric mean over the seeds")
    table.add_column("scenario")
    columns = [name for name in dict.fromkeys(chosen) if name in result.over_scenarios]
    for name in columns:
        table.add_column(name, justify="right")
    for scenario in result.plan.scenarios:
        ratios = [result.over_scenarios[name].scenarios[scenario].bound_ratio for name in columns]
        table.add_row(scenario, *(f"{ratio:.3f}" for ratio in ratios))
    return table


def remarks(result: SuiteResult) -> Iterator[str]:
    """What the tables do not say."""
    for clique in result.ranking.cliques:
        yield f"not told apart by {counted(len(result.plan.scenarios), 'scenario')}: {', '.join(clique)}"
    if result.order_without:
        for scenario, order in result.order_without.items():
            moved = [name for name, other in zip(order, result.ranked, strict=True) if name != other]
            yield f"without {scenario} the order is another one, from {moved[0]} on"
    else:
        yield "the order stays whichever scenario is left out"
    for name, why in result.left_out.items():
        yield f"{name} is not ranked: it {why}"
    for name in result.ranked:
        chosen = {s: of.periods for s, of in result.over_scenarios[name].scenarios.items() if of.periods}
        if chosen:
            first = next(iter(chosen))
            yield f"{name} was given periods that fit on {counted(len(chosen), 'scenario')}, such as {chosen[first]}"
    if result.cached:
        yield f"from the package's results: {', '.join(result.cached)}"


def _aggregate(found: Aggregate) -> str:
    if found.ci95 is None:
        return f"{found.mean:.3f}"
    low, high = found.ci95
    return f"{found.mean:.3f} ({low:.3f} .. {high:.3f})"


def list_table(purposes: Mapping[str, str]) -> Table:
    """A row per scenario: what it is for."""
    table = Table(header_style="bold")
    table.add_column("scenario")
    table.add_column("what it is for")
    for name, purpose in purposes.items():
        table.add_row(name, purpose)
    return table
