"""Measure the seconds of a run of each scenario of the suite, for `hetsched suite list`.

python -m benchmarks.seconds_of_suite

It simulates each scenario under seed 0 with two policies, twice in one process. The CPU seconds of
the shorter run are written into the package. CPU seconds hardly depend on other load on the
machine.
"""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from hetsched.errors import HetschedError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import SECONDS, TIMED, held_out_names, suite_file, suite_names
from hetsched.scenario.scenario import Setup
from hetsched.studies.fan_out import Task, attempts
from hetsched.studies.suite.carry_out import strategy_of


def seconds(setup: Setup, policy: str) -> float:
    """CPU seconds of a run of the policy. Raises HetschedError if the policy fails."""
    task, found = Task(strategy_of(setup, policy), 0), []
    with attempts(setup, 1) as attempting:
        for _ in range(2):
            with TemporaryDirectory() as folder:
                begun = process_time()
                for _task, run in attempting([task], Path(folder)):
                    if isinstance(run, HetschedError):
                        raise run
                found.append(process_time() - begun)
    return min(found)


def main() -> None:
    with SECONDS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["scenario", *TIMED])
        for name in (*suite_names(), *held_out_names()):
            setup = load_setup(suite_file(name))
            writer.writerow([name, *(f"{seconds(setup, policy):.2g}" for policy in TIMED)])


if __name__ == "__main__":
    main()
