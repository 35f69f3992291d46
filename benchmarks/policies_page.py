"""Write the table of all policies into docs/policies/README.md, from two suites' folders.

hetsched suite --without-costs --seeds 1 --afresh --out BARE
hetsched suite --afresh --out FULL
python -m benchmarks.policies_page BARE FULL
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs/policies/README.md"
RULE = "| --- | --- | --- | --- | --- | --- | --- |\n"
"""The line below the headings of the table. The table is the last part of the page."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bare", type=Path, help="a suite without overheads and noise")
    parser.add_argument("full", type=Path, help="a suite with them")
    options = parser.parse_args()
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (options.bare, options.full)]
    head, found, _ = PAGE.read_text().partition(RULE)
    if not found:
        raise SystemExit(f"{PAGE}: expected the table of all policies, below a line of seven columns")
    PAGE.write_text(head + RULE + "".join(f"{row}\n" for row in rows(*summaries)))


def rows(bare: dict[str, Any], full: dict[str, Any]) -> Iterator[str]:
    """A line per policy. The policy closest to the bound without overheads comes first."""
    without, with_costs = bare["policies"], full["policies"]
    for name in sorted(without, key=lambda name: without[name]["geometric_mean"]["mean"]):
        of_bare, of_full = without[name], with_costs[name]
        cells = (
            f"`{name}`",
            f"{of_bare['geometric_mean']['mean']:.3f}",
            f"{of_bare['worst'][1]:.3f}",
            _with_interval(of_full["interquartile_mean"]),
            f"{of_full['geometric_mean']['mean']:.3f}",
            f"{of_full['worst'][1]:.3f}",
            "1" if name == full["baseline"] else _with_interval(of_full["speedup"]),
        )
        yield f"| {' | '.join(cells)} |"


def _with_interval(found: dict[str, Any]) -> str:
    return "{:.3f} ({:.3f} .. {:.3f})".format(found["mean"], *found["ci95"])


if __name__ == "__main__":
    main()
