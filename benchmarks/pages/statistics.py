"""The tables of docs/statistics.md: how often a verdict is wrong."""

from collections.abc import Callable, Iterator, Mapping

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.tables import Cells, Maker

Row = Mapping[str, str]


def _by_pairs(file: str, where: Callable[[Row], bool], heading: Callable[[Row], str]) -> Maker:
    """A table of shares with a row per kind of pairs, and a column per `heading`."""

    def rows() -> Iterator[Cells]:
        found = [row for row in read(MEASURED / file) if where(row)]
        headings = list(dict.fromkeys(map(heading, found)))
        yield ["pairs", *headings]
        for pairs in dict.fromkeys(row["pairs"] for row in found):
            shares = {heading(row): float(row["share"]) for row in found if row["pairs"] == pairs}
            yield [pairs, *(f"{shares[name]:.1%}" for name in headings)]

    return rows


def _seeds(row: Row) -> str:
    return f"n = {row['seeds']}"


def _family(row: Row) -> str:
    return f"n = {row['seeds']}, {row['strategies']} strategies"


TABLES: Mapping[str, Maker] = {
    "error-rates": _by_pairs("error_rates.csv", lambda row: row["strategies"] == "1", _seeds),
    "family-error-rates": _by_pairs("error_rates.csv", lambda row: row["strategies"] != "1", _family),
    "interval-coverage": _by_pairs("interval_coverage.csv", lambda row: True, _seeds),
}
