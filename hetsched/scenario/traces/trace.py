"""Reads a trace as experiments, and counts what was read."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from hetsched.domain.cluster import Gpu
from hetsched.domain.hyperparameters import Domain
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError
from hetsched.scenario.traces.dealing import Dealing
from hetsched.scenario.traces.fitting import Fitting
from hetsched.scenario.traces.formats import READERS, TraceFormat
from hetsched.scenario.traces.jobs import read_jobs
from hetsched.scenario.traces.logs import read_log
from hetsched.scenario.traces.reading import Counts, Reading
from hetsched.scenario.traces.unfit import Unfit


class Trace(Struct, frozen=True):
    """The jobs of a trace, and the counts of jobs that were read, changed and left out."""

    jobs: tuple[Experiment, ...] = ()
    reading: Reading | None = None


def read_trace(
    path: Path,
    trace_format: TraceFormat,
    dealing: Dealing | None,
    rule: Unfit,
    times: StepTimes,
    gpus: Mapping[Gpu, int],
    search_space: Mapping[str, Domain],
) -> Trace:
    """The trace of a file. `gpus` is the number of the cluster's GPUs by type and memory.

    Raises InputError if the file cannot be read as this format, and if the rule refuses a job.
    """
    counts = Counts()
    fitting = Fitting(gpus, times, rule, counts)
    if trace_format == "hetsched":
        jobs = read_jobs(path, fitting, search_space, dealing)
    elif dealing is None:
        raise InputError(f"{path}: a {trace_format} trace: say in workload.trace_models what its jobs train")
    else:
        jobs = read_log(path, READERS[trace_format], dealing, fitting)
    return Trace(tuple(jobs), counts.reading(path.name, trace_format))
