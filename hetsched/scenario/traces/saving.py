"""Saves a trace beside a saved scenario."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hetsched.domain.workload import Experiment
from hetsched.scenario.traces.jobs import write_jobs
from hetsched.scenario.whole_file import write_whole

TRACE_NAME = "trace.csv"


def save_trace(folder: Path, source: Path, dealt: Sequence[Experiment] | None, notes: Sequence[str]) -> dict[str, Any]:
    """Write the trace into the folder: a copy of `source`, or the jobs as they were dealt.

    Dealt jobs are saved because another profile would turn their durations into other iterations.
    They are saved with `notes` on what they were made from. Returns the keys of the saved scenario
    about the trace.
    """
    if dealt is None:
        write_whole(folder / TRACE_NAME, source.read_bytes())
    else:
        write_jobs(folder / TRACE_NAME, dealt)
    kept = {} if dealt is None else {"trace_notes": list(notes)}
    return {"trace": TRACE_NAME, "trace_format": "hetsched", "trace_models": None, **kept}
