"""Which real runs were stopped and resumed. Their workers started up again, which no prediction has."""

from collections.abc import Iterable, Iterator

from hetsched.core.events import SIMULATED, AnyEvent, RunResumed, RunStarted
from hetsched.core.log import read_log
from hetsched.studies.one_run import RunResult


def resumed_runs(runs: Iterable[RunResult]) -> list[str]:
    """A line that names the runs that were resumed, by their seeds. Empty: none was."""
    found = {run.metrics.seed: times for run in runs if (times := _times_resumed(read_log(run.log)))}
    if not found:
        return []
    which = ", ".join(f"seed {seed}" + (f" ({times} times)" if times > 1 else "") for seed, times in found.items())
    return [
        f"stopped and resumed: {which}; workers started up again, and trained again what was lost: the makespan has "
        "these seconds, and no prediction has them"
    ]


def _times_resumed(events: Iterator[AnyEvent]) -> int:
    """How often the run was resumed. A simulated run is not read to its end."""
    first = next(events, None)
    if isinstance(first, RunStarted) and first.backend == SIMULATED:
        return 0
    return sum(isinstance(event, RunResumed) for event in events)
