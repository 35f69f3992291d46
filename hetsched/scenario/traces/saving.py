"""A trace beside a saved scenario."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hetsched.domain.workload import Experiment
from hetsched.scenario.traces.jobs import write_jobs
from hetsched.scenario.whole_file import write_whole

TRACE_NAME = "trace.csv"


def save_trace(folder: Path, source: Path, dealt: Sequence[Experiment] | None) -> dict[str, Any]:
    """Write the trace into the folder: a copy of its source, or its jobs as they were dealt, as another profile would
    make other iterations of their durations. What the saved scenario says of the trace."""
    if dealt is None:
        write_whole(folder / TRACE_NAME, source.read_bytes())
    else:
        write_jobs(folder / TRACE_NAME, dealt)
    return {"trace": TRACE_NAME, "trace_format": "hetsched", "trace_models": None}
