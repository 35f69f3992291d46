"""The scenarios of `hetsched suite`. Each is a TOML file whose first line says what the scenario is
for.

Results name `VERSION`. Whoever adds a scenario, or changes what one simulates, raises it.
"""

import csv
from functools import cache
from pathlib import Path

from hetsched.errors import InputError, nearest

VERSION = "1"

FOLDER = Path(__file__).parent

RESULTS = FOLDER / "results.csv"
"""The runs of the policies that come with the package."""

SECONDS = FOLDER / "seconds.csv"
"""The CPU seconds of runs, written by `python -m benchmarks.seconds_of_suite`."""

TIMED = ("fifo", "lookahead")
"""The policies whose runs were timed: one that decides at once, and one that looks ahead."""

HELD_OUT = FOLDER / "held_out"
"""The folder of the held-out scenarios. They were drawn at random, and no policy was tuned on
them."""


def suite_names() -> list[str]:
    """The names of the scenarios that were chosen, each for a reason."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def held_out_names() -> list[str]:
    """The names of the held-out scenarios, which were drawn at random."""
    return sorted(path.stem for path in HELD_OUT.glob("*.toml"))


def suite_file(name: str) -> Path:
    """The file of a scenario of the suite. Raises InputError, with the nearest name, if the suite
    does not have it."""
    names = {**dict.fromkeys(suite_names(), FOLDER), **dict.fromkeys(held_out_names(), HELD_OUT)}
    if name not in names:
        raise InputError(f"{name}: no scenario of the suite: {nearest(name, names)}")
    return names[name] / f"{name}.toml"


def purpose(name: str) -> str:
    """A sentence that says what the scenario is for."""
    return in_words(suite_file(name))


def in_words(path: Path) -> str:
    """The first line of a scenario's file, which is a comment."""
    first, *_ = path.read_text().splitlines()
    return first.removeprefix("# ")


@cache
def seconds_per_run() -> dict[str, dict[str, float]]:
    """The CPU seconds of one run, by scenario and policy. They were measured once, on a core of
    2026."""
    with SECONDS.open(newline="") as file:
        return {row["scenario"]: {policy: float(row[policy]) for policy in TIMED} for row in csv.DictReader(file)}
