"""A run's measured durations, fed to its policy again: the same policy must decide the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from hetsched.core.events import AnyEvent
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.entry_points import load_part
from hetsched.domain.registry import load_file
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.studies.results import scenario_facts, scenario_of


class Replayed(Struct, frozen=True):
    """What came of a replay: how many decisions the log has, how many of them were taken again before the first
    `difference` (None: all of them), and the two makespans in seconds (the replayed one is None after a difference)."""

    strategy: str
    seed: int
    decisions: int
    alike: int
    difference: str | None
    makespan_s: float
    replayed_makespan_s: float | None


Replayer = Callable[[Setup, Sequence[AnyEvent]], Replayed]
"""What the entry-point group `hetsched.replays` holds."""


@dataclass(frozen=True, kw_only=True)
class ReplayResult:
    """The replay of one log. `error_percent` is 100 x (replayed - measured) / measured makespan, None without one."""

    setup: Setup = field(repr=False)
    log: Path
    found: Replayed
    error_percent: float | None

    @property
    def same(self) -> bool:
        """Whether the policy took every decision again."""
        return self.found.difference is None

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        found = msgspec.to_builtins(self.found)
        return {**scenario_facts(self.setup), "log": str(self.log), **found, "error_percent": self.error_percent}


def replay(run: Path | str, *, policy_files: Sequence[Path | str] = ()) -> ReplayResult:
    """Replay the run in that folder, on the simulator's clock. See docs/replay.md.

    `policy_files` take the place of files of their names that the run's scenario names.

    Raises InputError for a folder that has no log or no scenario, and for a log that is damaged.
    """
    run = Path(run)
    log = run / LOG_NAME
    if not log.is_file():
        raise InputError(f"{run}: has no {LOG_NAME}; name the folder of one run, such as results/X/seed-0")
    setup = load_setup(scenario_of(run))
    for file in policy_files:
        load_file(file)
    replayer: Replayer = load_part("hetsched.replays", "sim", "replaying")
    found = replayer(setup, list(read_log(log)))
    error = None
    if found.replayed_makespan_s is not None and found.makespan_s:
        error = 100 * (found.replayed_makespan_s - found.makespan_s) / found.makespan_s
    return ReplayResult(setup=setup, log=log, found=found, error_percent=error)
