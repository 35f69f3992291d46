"""The table of docs/validation.md whose figures a benchmark keeps. `benchmarks.fidelity_page` and
`benchmarks.accuracy_page` write the page's other tables."""

from collections.abc import Mapping

from benchmarks.pages.tables import Maker, measured

SWITCH = {
    "workers": "{workers:.0f}",
    "switches": "{switches:.0f}",
    "another trial, ms": "{switch_ms:.1f}",
    "the same trial, ms": "{stay_ms:.1f}",
}

TABLES: Mapping[str, Maker] = {"switch": measured("switch.csv", SWITCH)}
