"""Which workers cannot hold a scenario's pace, by the probe of a plan."""

from pathlib import Path

from hetsched.analysis.step_times import LATE, worker_steps
from hetsched.core.events import WorkerJoined
from hetsched.core.log import LOG_NAME, read_log
from hetsched.scenario.scenario import Setup
from hetsched.studies.calibration import keep_their_paces, seen_segments


def slow_paces(setup: Setup, probe: Path) -> dict[str, str]:
    """By type of worker, as a profile names it, a line if it could not hold the scenario's pace in
    the probe in this folder. A run of the plan asks the pace that was measured, as a calibration
    takes it. `setup` has the step times that were asked."""
    events, cores = list(read_log(probe / LOG_NAME)), setup.scenario.overheads.host_cores
    seen = seen_segments(events, cores)[0]
    slow = {worker for (_, worker), of_pair in seen.items() if not keep_their_paces(of_pair)}
    joined = (event.worker.type for event in events if isinstance(event, WorkerJoined))
    names = {str(worker): str(worker.as_profiled) for worker in joined if worker.as_profiled in slow}
    found: dict[str, str] = {}
    for step in worker_steps([events], setup.times, cores):
        if step.worker in names and step.late is not None and step.factor > 1 + LATE:
            line = f"pace of a run by this plan: the measured one, as the machine is too slow: {step.late}"
            found.setdefault(names[step.worker], line)
    return found
