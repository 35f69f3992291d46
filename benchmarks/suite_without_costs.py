"""Put the ratios of a suite without overheads and noise into docs/measured/suite_without_costs.csv:
makespan / bound of the workers, by scenario and policy.

    hetsched suite --without-costs --seeds 1 --afresh --out DIR
    python -m benchmarks.suite_without_costs DIR

A policy that trains only a part of the iterations of any scenario is left out.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.errors import InputError
from hetsched.scenario.packaged.suite import held_out_names, suite_names
from hetsched.studies.suite.record import Record
from hetsched.studies.suite.suite_plan import Runs, load_plan

FILE = MEASURED / "suite_without_costs.csv"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a suite without overheads and noise")
    folder = parser.parse_args().folder
    records = sorted(Runs(folder).read(), key=lambda record: record.cell)
    check(folder, records)
    FILE.unlink(missing_ok=True)
    keep(FILE, list(rows(records)), ["scenario", "policy"])


def check(folder: Path, records: Sequence[Record]) -> None:
    """Raise InputError if the folder is not of the whole suite, under one seed and without
    costs."""
    plan = load_plan(folder)
    lacking = set(plan.cells()) - {record.cell for record in records}
    of_all = set(plan.scenarios) == {*suite_names(), *held_out_names()}
    if lacking or not of_all or plan.costs or len(plan.seeds) != 1 or any(one.from_package for one in records):
        raise InputError(f"{folder}: expected all runs of the suite --without-costs --seeds 1 --afresh")


def rows(records: Sequence[Record]) -> Iterator[Row]:
    """A row per scenario and policy."""
    partial = {record.policy for record in records if not record.whole}
    for record in records:
        if record.policy not in partial:
            yield {"scenario": record.scenario, "policy": record.policy, "ratio": record.workers_bound_ratio}


if __name__ == "__main__":
    main()
