"""Which real runs were stopped and resumed. Their workers started up again. No prediction has that."""

from collections.abc import Iterable
from pathlib import Path

from hetsched.core.events import SIMULATED, RunResumed
from hetsched.core.log import read_log
from hetsched.studies.named_folder import start_of
from hetsched.studies.one_run import RunResult


def resumed_runs(runs: Iterable[RunResult]) -> list[str]:
    """A line that names the runs that were resumed, by their seeds. Empty: none was."""
    found = {run.metrics.seed: times for run in runs if (times := _times_resumed(run.log))}
    if not found:
        return []
    which = ", ".join(f"seed {seed}" + (f" ({times} times)" if times > 1 else "") for seed, times in found.items())
    return [
        f"stopped and resumed: {which}; workers started up again, and trained again what was lost: the makespan has "
        "these seconds, and no prediction has them"
    ]


def _times_resumed(log: Path) -> int:
    """How often the run was resumed. Of the log of a simulated run only the first line is read."""
    if (start := start_of(log)) is not None and start.backend == SIMULATED:
        return 0
    return sum(isinstance(event, RunResumed) for event in read_log(log))
