"""Tables and lines for the terminal that show the result of a suite."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from rich.table import Table

from hetsched.analysis.over_scenarios.aggregates import LEAST_SCENARIOS, Aggregate
from hetsched.analysis.over_scenarios.ranks import Ranking
from hetsched.analysis.paired import SEEDS_NEEDED
from hetsched.domain.registry import Registry
from hetsched.errors import counted
from hetsched.studies.beyond_recordings import beyond_in_words, the_most
from hetsched.studies.caveats import of_scenarios, scenarios_in_words
from hetsched.studies.suite.result import OF_SUITE, OverScenarios, SuiteResult

NOT_TIMED: Mapping[str, Mapping[str, float]] = MappingProxyType({})

SHOWN = 4
"""The number of best policies with a column in the table of scenarios. The user's own and the
baseline have one, too."""


def policies_table(result: SuiteResult) -> Table:
    """One row per policy, the best first. With one seed the column of wins and losses is left
    out."""
    tested = len(result.plan.seeds) > 1
    table = Table(header_style="bold")
    table.add_column("policy", no_wrap=True)
    for heading in (
        "x bound,\ninterquartile mean",
        "x bound,\nmean",
        "x bound, worst,\nand where",
        f"speed-up over\n{result.plan.baseline}",
        *(["wins alike\nlosses open"] if tested else []),
        "beats\nit",
        "mean\nrank",
        "decision\n[ms]",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in result.ranked:
        found = result.over_scenarios[name]
        scenario, ratio = found.worst
        is_baseline = name == result.plan.baseline
        table.add_row(
            f"{name} (baseline)" if is_baseline else name,
            _aggregate(found.interquartile_mean),
            f"{found.geometric_mean.mean:.3f}",
            f"{ratio:.2f} {scenario}",
            *_against_baseline(found, is_baseline, tested),
            f"{found.rank:.1f}",
            "" if found.decision_s is None else f"{1e3 * found.decision_s:.3g}",
        )
    return table


def _against_baseline(found: OverScenarios, is_baseline: bool, tested: bool) -> list[str]:
    """The cells of the speed-up, of the counts of wins, and of how often the policy beats the
    baseline.

    The baseline's own cells are empty.
    """
    duel = found.duel
    counts = " ".join(str(len(of)) for of in (duel.win, duel.alike, duel.loss, duel.open))
    cells = [_aggregate(found.speedup), *([counts] if tested else []), f"{duel.beats:.0%}"]
    return [""] * len(cells) if is_baseline else cells


def own_policies(result: SuiteResult, registry: Registry[Any]) -> list[str]:
    """The policies of the suite that are not registered as hetsched's own, and all strategies."""
    return [name for name in result.plan.policies if not registry.is_shipped(name)]


def scenarios_table(result: SuiteResult, own: list[str]) -> Table:
    """One row per scenario: makespan / bound of the best policies, of the policies in `own`, and of
    the baseline."""
    table = Table(header_style="bold", title="makespan / bound, geometric mean over the seeds")
    table.add_column("scenario")
    columns = _chosen(result, own)
    for name in columns:
        table.add_column(name, justify="right")
    for scenario in result.scenarios:
        ratios = [result.over_scenarios[name].scenarios[scenario].bound_ratio for name in columns]
        table.add_row(scenario, *(f"{ratio:.3f}" for ratio in ratios))
    return table


def _chosen(result: SuiteResult, own: list[str]) -> list[str]:
    """The policies with a column in the table of scenarios."""
    chosen = dict.fromkeys([*result.ranked[:SHOWN], *own, result.plan.baseline])
    return [name for name in chosen if name in result.over_scenarios]


def scenarios_columns(result: SuiteResult, own: list[str]) -> dict[str, str]:
    """What each column of the table of scenarios says. A policy's column says why it is there."""

    def says(name: str) -> str:
        notes = [f"x bound of number {result.ranked.index(name) + 1} of the ranking"]
        notes += ["a policy of your own"] if name in own and "+" not in name else []
        notes += ["the baseline"] if name == result.plan.baseline else []
        return ", ".join(notes)

    scenario = "a scenario that policies are ranked by"
    return {"scenario": scenario, **{name: says(name) for name in _chosen(result, own)}}


def remarks(result: SuiteResult) -> Iterator[str]:
    """Lines with what the tables do not show: tests between policies, policies left out, and fitted
    periods."""
    yield from _too_few(result)
    yield from _not_told_apart(result.ranking)
    yield from filter(None, (result.order_without_in_words, result.held_out_in_words))
    for name, why in result.left_out.items():
        yield f"{name} is not ranked: it {why}"
    yield from _periods(result)
    yield from of_scenarios(result.warned)
    yield from of_scenarios(result.assumed)
    yield from _beyond(result.beyond)
    if result.plan.suite is not None:
        yield OF_SUITE
    if result.cached:
        yield f"from the package's results: {', '.join(result.cached)}"


def _beyond(found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Lines with the limits of learning models that best weights are beyond, each limit once."""
    for line, behind in the_most(found.values()).items():
        names = [name for name, of_one in found.items() if line in of_one]
        [said] = beyond_in_words({line: behind})
        yield f"{scenarios_in_words(names, len(found))}: {said}"


def _too_few(result: SuiteResult) -> Iterator[str]:
    """Lines that name what needs more seeds or more scenarios."""
    seeds, scenarios = len(result.plan.seeds), len(result.scenarios)
    if seeds < SEEDS_NEEDED:
        yield f"{counted(seeds, 'seed')}: a test of wins and losses needs {SEEDS_NEEDED} seeds"
    if scenarios < LEAST_SCENARIOS:
        yield f"{counted(scenarios, 'scenario')}: no intervals over scenarios; they need {LEAST_SCENARIOS}"


def _not_told_apart(ranking: Ranking) -> Iterator[str]:
    """Lines about the policies that the scenarios cannot tell apart, one line per clique."""
    number = counted(ranking.scenarios, "scenario")
    if len(ranking.ranks) > 1 and not ranking.can_tell:
        policies, needed = len(ranking.ranks), ranking.scenarios_needed
        yield f"{number} cannot tell {policies} policies apart, whatever the figures: {needed} are needed"
        return
    for clique in ranking.cliques:
        yield f"not told apart by {number}: {', '.join(clique)}"
    if beside := ranking.beside_cliques:
        more = counted(len(beside), "more pair")
        yield f"{more} of policies that share no such line: not told apart either (pairs of --json)"


def _periods(result: SuiteResult) -> Iterator[str]:
    """Lines that name the policies with periods chosen for a scenario. Policies with equal periods
    share a line."""
    given: dict[tuple[str, ...], list[str]] = {}
    for name in result.ranked:
        of_one = result.over_scenarios[name].scenarios
        if chosen := tuple(f"on {s}, {of.periods}" for s, of in of_one.items() if of.periods):
            given.setdefault(chosen, []).append(name)
    for chosen, names in given.items():
        number = counted(len(chosen), "scenario")
        yield f"given periods that fit on {number}: {', '.join(names)}; such as {chosen[0]}"


def _aggregate(found: Aggregate) -> str:
    if found.ci95 is None:
        return f"{found.mean:.3f}"
    low, high = found.ci95
    return f"{found.mean:.3f} ({low:.3f} .. {high:.3f})"


def list_table(purposes: Mapping[str, str], seconds: Mapping[str, Mapping[str, float]] = NOT_TIMED) -> Table:
    """One row per scenario: its purpose, and the seconds of one run per policy where runs were
    timed."""
    table = Table(header_style="bold")
    table.add_column("scenario", no_wrap=True)
    table.add_column("what it is for")
    policies = list(next(iter(seconds.values()), {}))
    for policy in policies:
        table.add_column(f"a run of\n{policy} [s]", justify="right", no_wrap=True)
    for name, purpose in purposes.items():
        table.add_row(name, purpose, *(f"{seconds[name][policy]:g}" for policy in policies))
    return table


def list_columns(seconds: Mapping[str, Mapping[str, float]] = NOT_TIMED) -> dict[str, str]:
    """What each column of the list of scenarios says."""
    timed = {
        f"a run of {policy} [s]": "CPU time of one simulated run under this policy, measured once"
        for policy in next(iter(seconds.values()), {})
    }
    return {
        "scenario": "the name that suite and compare take",
        "what it is for": "the first line of the scenario's file",
        **timed,
    }
