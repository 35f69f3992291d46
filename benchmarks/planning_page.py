"""Write `lookahead` beside the best other policy of each scenario into docs/policies/planning.md.

The figures are of the suite's runs that come with the package: with overheads and noise, five
seeds.

python -m benchmarks.planning_page
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import geometric_mean

from hetsched.scenario.packaged.suite import RESULTS, suite_names

PAGE = Path(__file__).parents[1] / "docs/policies/planning.md"
HEAD = "| scenario | `lookahead` / bound | best other policy / bound |\n| --- | --- | --- |\n"


def main() -> None:
    before, found, after = PAGE.read_text().partition(HEAD)
    if not found:
        raise SystemExit(f"{PAGE}: expected a table with the headings {HEAD.splitlines()[0]}")
    rest = "".join(line for line in after.splitlines(keepends=True) if not line.startswith("|"))
    PAGE.write_text(before + HEAD + "".join(f"{row}\n" for row in rows()) + rest)


def rows() -> Iterator[str]:
    """A line per scenario of the suite, and one each for the mean and the worst scenario."""
    ratios = _ratios()
    pairs = {}
    for scenario in sorted(suite_names()):
        mine = ratios[scenario].pop("lookahead")
        best = min(ratios[scenario], key=lambda policy: ratios[scenario][policy])
        pairs[scenario] = mine, ratios[scenario][best]
        yield f"| `{scenario}` | {mine:.3f} | `{best}` {ratios[scenario][best]:.3f} |"
    means = (geometric_mean(column) for column in zip(*pairs.values(), strict=True))
    yield "| geometric mean | {:.3f} | {:.3f} |".format(*means)
    yield "| worst | {:.3f} | {:.3f} |".format(*map(max, zip(*pairs.values(), strict=True)))


def _ratios() -> Mapping[str, dict[str, float]]:
    """Makespan / bound of the workers, by scenario and policy: the geometric mean over the
    seeds."""
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    with RESULTS.open() as file:
        for row in csv.DictReader(file):
            found[row["scenario"], row["policy"]].append(float(row["workers_bound_ratio"]))
    ratios: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (scenario, policy), of_seeds in found.items():
        ratios[scenario][policy] = geometric_mean(of_seeds)
    return ratios


if __name__ == "__main__":
    main()
