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
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.studies.results import scenario_facts, scenario_of
from hetsched.studies.resume import COMPLETED


class Replayed(Struct, frozen=True):
    """What came of a replay: how many decisions the log has, how many of them were taken again before the first
    `difference` (None: all of them), and the two makespans in seconds (the replayed one is None after a difference).

    `ended` is the reason with which the run ended (None: the log stops before), `until_s` the time of the last event
    before.
    """

    strategy: str
    seed: int
    decisions: int
    alike: int
    difference: str | None
    makespan_s: float
    replayed_makespan_s: float | None
    ended: str | None
    until_s: float

    @property
    def cut_short(self) -> str | None:
        """In words, that the log has not the whole run; None if it has."""
        if self.ended == COMPLETED:
            return None
        if self.ended is None:
            return f"this log stops at {self.until_s:,.3f} s, before the run ended"
        return f"this run ended at {self.until_s:,.3f} s, before all trials were completed: {self.ended}"


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
        return {
            **scenario_facts(self.setup),
            "log": str(self.log),
            **found,
            "cut_short": self.found.cut_short,
            "error_percent": self.error_percent,
        }


def replay(run: Path | str) -> ReplayResult:
    """Replay the run in that folder, on the simulator's clock. See docs/replay.md.

    Raises InputError for a folder that has no log or no scenario, for a log that is damaged, and for a run without a
    decision.
    """
    run = Path(run)
    log = run / LOG_NAME
    if not log.is_file():
        raise InputError(f"{run}: has no {LOG_NAME}; name the folder of one run, such as results/X/seed-0")
    setup = load_setup(scenario_of(run))
    replayer: Replayer = load_part("hetsched.replays", "sim", "replaying")
    events = list(read_log(log))
    try:
        found = replayer(setup, events)
    except InputError as error:
        raise InputError(f"{log}: {error}") from error
    error_percent = None
    if found.replayed_makespan_s is not None and found.makespan_s:
        error_percent = 100 * (found.replayed_makespan_s - found.makespan_s) / found.makespan_s
    return ReplayResult(setup=setup, log=log, found=found, error_percent=error_percent)
