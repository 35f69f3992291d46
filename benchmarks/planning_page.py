"""Write `lookahead` beside the best other policy of each scenario into docs/policies/planning.md.

The figures are of the suite's runs that come with the package: with overheads and noise, five
seeds.

python -m benchmarks.planning_page
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import dropwhile
from pathlib import Path
from statistics import geometric_mean

from hetsched.scenario.packaged.suite import RESULTS, suite_names

PAGE = Path(__file__).parents[1] / "docs/policies/planning.md"
HEAD = "| scenario | `lookahead` / bound | best other policy / bound |\n| --- | --- | --- |\n"


def main() -> None:
    before, found, after = PAGE.read_text().partition(HEAD)
    if not found:
        raise SystemExit(f"{PAGE}: expected a table with the headings {HEAD.splitlines()[0]}")
    rest = "".join(dropwhile(lambda line: line.startswith("|"), after.splitlines(keepends=True)))
    PAGE.write_text(before + HEAD + "".join(f"{row}\n" for row in rows()) + rest)


def rows() -> Iterator[str]:
    """A line per scenario of the suite, and one each for the mean and the worst scenario."""
    found = ratios()
    pairs = {}
    for scenario in sorted(suite_names()):
        mine = found[scenario].pop("lookahead")
        best = min(found[scenario], key=lambda policy: found[scenario][policy])
        pairs[scenario] = mine, found[scenario][best]
        yield f"| `{scenario}` | {mine:.3f} | `{best}` {found[scenario][best]:.3f} |"
    means = (geometric_mean(column) for column in zip(*pairs.values(), strict=True))
    yield "| geometric mean | {:.3f} | {:.3f} |".format(*means)
    yield "| worst | {:.3f} | {:.3f} |".format(*map(max, zip(*pairs.values(), strict=True)))


def ratios() -> Mapping[str, dict[str, float]]:
    """Makespan / bound of the workers, by scenario and policy: the geometric mean over the seeds."""
    of_seeds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    with RESULTS.open() as file:
        for row in csv.DictReader(file):
            of_seeds[row["scenario"], row["policy"]].append(float(row["workers_bound_ratio"]))
    means: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (scenario, policy), values in of_seeds.items():
        means[scenario][policy] = geometric_mean(values)
    return means


if __name__ == "__main__":
    main()
