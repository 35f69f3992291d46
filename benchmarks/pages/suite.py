"""The tables of docs/suite.md."""

from collections.abc import Iterator, Mapping

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.tables import Cells, Maker

BEST = ("first", "second", "third")


def duels() -> Iterator[Cells]:
    """The share of scenarios that a faster policy wins, by number of seeds."""
    rows = read(MEASURED / "suite_duels.csv")
    cases = list(dict.fromkeys((float(row["ratio"]), float(row["spread"])) for row in rows))
    yield ["seeds", *(_case(*case) for case in cases)]
    for seeds in dict.fromkeys(row["seeds"] for row in rows):
        of_case = {
            (float(row["ratio"]), float(row["spread"])): float(row["share"]) for row in rows if row["seeds"] == seeds
        }
        yield [seeds, *(f"{of_case[case]:.1%}" if case[0] == 1 else f"{of_case[case]:.0%}" for case in cases)]


def _case(ratio: float, spread: float) -> str:
    return f"no difference, {spread:.0%}" if ratio == 1 else f"{ratio - 1:.0%} faster, {spread:.1%}"


def coverage() -> Iterator[Cells]:
    """The share of intervals that hold the truth, by mean, part of the variance and number of
    scenarios."""
    rows = read(MEASURED / "suite_coverage.csv")
    numbers = list(dict.fromkeys(row["scenarios"] for row in rows))
    yield ["mean", "over seeds", *(f"n = {number}" for number in numbers)]
    for case in dict.fromkeys((row["mean"], row["over_seeds"]) for row in rows):
        of_number = {r["scenarios"]: float(r["share"]) for r in rows if (r["mean"], r["over_seeds"]) == case}
        yield [case[0], f"{float(case[1]):.0%}", *(f"{of_number[number]:.1%}" for number in numbers)]


def drawn() -> Iterator[Cells]:
    """The policies of the least interquartile means of makespan / bound, by draw."""
    rows = read(MEASURED / "drawn_suites.csv")
    yield ["draw", *BEST]
    for seed in dict.fromkeys(row["seed"] for row in rows):
        ranked = sorted((float(row["ratio"]), row["policy"]) for row in rows if row["seed"] == seed)
        yield [f"seed {seed}", *(f"`{policy}` {ratio:.3f}" for ratio, policy in ranked[: len(BEST)])]


TABLES: Mapping[str, Maker] = {"suite-duels": duels, "suite-coverage": coverage, "suite-drawn": drawn}
