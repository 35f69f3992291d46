"""The table of docs/planning.md."""

from collections.abc import Mapping

from benchmarks.chosen_interval import SEEDS
from benchmarks.pages.tables import Maker, measured

CHOSEN = {"strategies that are alike": "{strategies:.0f}"} | {
    f"{seeds} seeds": f"{{seeds_{seeds}:.1f}}%" for seeds in SEEDS
}

TABLES: Mapping[str, Maker] = {"chosen-interval": measured("chosen_interval.csv", CHOSEN)}
