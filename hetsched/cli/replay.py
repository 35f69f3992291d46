"""`hetsched replay`."""

import argparse

import msgspec

from hetsched.cli.shared import Emit, about, finish, print_heading, say
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.entry_points import load_part
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.loading import load


def replay(options: argparse.Namespace, emit: Emit) -> None:
    """Feed the measured durations and scores of a run to its policy again, on the simulator's clock: the same policy
    must take the same decisions, all of them. RUN is the folder with the run's events.jsonl. See docs/replay.md."""
    log = options.run / LOG_NAME
    if not log.is_file():
        raise InputError(f"{options.run}: has no {LOG_NAME}; name the folder of one run, such as results/X/seed-0")
    homes = [home for home in (options.run, *options.run.absolute().parents[:2]) if (home / "scenario.toml").is_file()]
    if not homes:
        raise InputError(f"{options.run}: there is no scenario.toml in it or above it, so what was run is unknown")
    scenario = load(homes[0] / "scenario.toml")
    found = load_part("hetsched.replays", "sim", "replaying")(scenario, list(read_log(log)))
    error = None
    if found.replayed_makespan_s is not None and found.makespan_s:
        error = 100 * (found.replayed_makespan_s - found.makespan_s) / found.makespan_s
    document = {**about(scenario), "log": str(log), **msgspec.to_builtins(found), "error_percent": error}

    def table() -> None:
        print_heading(f"{scenario.name}: {found.strategy}, seed {found.seed}, replayed", scenario)
        say(f"decisions: {found.alike} of {found.decisions} taken again")
        if found.replayed_makespan_s is not None:
            percent = "" if error is None else f" ({error:+.2f}%)"
            say(f"makespan: {found.makespan_s:,.3f} s measured, {found.replayed_makespan_s:,.3f} s replayed{percent}")

    finish(options, emit, document, table, None)
    if found.difference is not None:
        raise HetschedError(f"{log}: {found.difference}")
