"""Reads the log of a cluster as experiments."""

from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from hetsched.domain.workload import Experiment
from hetsched.errors import InputError, counted
from hetsched.scenario.traces.cluster_job import ClusterJob
from hetsched.scenario.traces.dealing import Dealer, Dealing, check_types
from hetsched.scenario.traces.fitting import Fitting
from hetsched.scenario.traces.naming import named
from hetsched.scenario.traces.reading import Counts
from hetsched.scenario.traces.times import check_units
from hetsched.scenario.traces.unfit import LeftOutError, Unfit, refuse_or_leave_out


def read_log(
    path: Path, read: Callable[[Path], Iterator[ClusterJob]], dealing: Dealing, fitting: Fitting
) -> list[Experiment]:
    """The jobs of a cluster's log in the order of their arrivals. Arrivals are in seconds since the
    first job that is kept.

    Raises InputError, naming file and line, if the file is no such log, if no job of it is left,
    and if the rule refuses a job that does not fit.
    """
    counts, dealer = fitting.counts, Dealer(dealing, fitting)
    everything = list(read(path))
    counts.read = len(everything)
    check_types(path, dealing, everything)
    jobs = list(timed(everything, dealing.jobs, fitting))
    check_units(path, jobs)
    submitted = sorted(named(jobs, fitting), key=lambda job: job.submitted_s or 0.0)
    experiments: list[Experiment] = []
    for job in in_window(submitted, dealing.window_s, begin_s(everything), counts):
        try:
            experiments.append(dealer.experiment(job, job.submitted_s or 0.0))
        except LeftOutError as left_out:
            counts.leave_out(str(left_out), job.line, left_out.more)
    if not experiments:
        raise none_left(path, counts)
    return since_the_first(experiments)


def since_the_first(experiments: Iterable[Experiment]) -> list[Experiment]:
    """The experiments with their arrivals in seconds since the first of them."""
    kept = list(experiments)
    first_s = min((experiment.arrival_s for experiment in kept), default=0.0)
    return [replace(experiment, arrival_s=experiment.arrival_s - first_s) for experiment in kept]


def begin_s(jobs: Iterable[ClusterJob]) -> float:
    """When the first job of a trace was submitted, also if that job is left out."""
    return min((job.submitted_s for job in jobs if job.submitted_s is not None), default=0.0)


def none_left(path: Path, counts: Counts) -> InputError:
    """The error for a trace of which every job is left out, with the reasons."""
    if not counts.read:
        return InputError(f"{path}: the trace has no jobs")
    first = counts.first()
    reasons = "; ".join(f"{number} {reason} (first: {first[reason]})" for reason, number in counts.left_out.items())
    return InputError(f"{path}: none of its {counted(counts.read, 'job')} is left: {reasons}")


def timed(
    jobs: Iterable[ClusterJob],
    which: Literal["all", "completed"],
    fitting: Fitting,
    without_duration: Container[str] = (),
) -> Iterator[ClusterJob]:
    """The jobs that ran on GPUs and whose submission and duration are known.

    Jobs at the lines `without_duration` need no duration. Raises InputError if the rule refuses a
    job.
    """
    counts = fitting.counts
    for job in jobs:
        try:
            _check_whole(job, fitting.rule, job.line not in without_duration)
        except LeftOutError as left_out:
            counts.leave_out(str(left_out), job.line, left_out.more)
            continue
        if which == "completed" and job.ending != "completed":
            counts.leave_out('did not complete (workload.trace_models.jobs is "completed")', job.line)
            continue
        if job.ending == "running":
            counts.change("had not ended, and takes as long as so far", job.line)
        yield job


def _check_whole(job: ClusterJob, rule: Unfit, timed: bool) -> None:
    """Raise LeftOutError, or InputError, by the rule, if the job lacks something that is needed."""
    if job.ending == "part":
        raise LeftOutError("was a part of a job that has a line of its own")
    if job.gpus <= 0:
        raise LeftOutError("took no GPU")
    if job.ending == "running" and rule.running != "keep":
        refuse_or_leave_out(rule.running, "running", job.line, "had not ended when the log was taken")
    if job.unread:
        refuse_or_leave_out(rule.time, "time", job.line, "had a time that cannot be read", job.unread)
    if job.submitted_s is None:
        refuse_or_leave_out(rule.time, "time", job.line, "had no time of submission")
    if timed and (job.seconds is None or job.seconds <= 0):
        refuse_or_leave_out(rule.time, "time", job.line, "had no duration (or one of 0 or less)")


def in_window(
    jobs: Iterable[ClusterJob], window_s: tuple[float, float] | None, first_s: float, counts: Counts
) -> Iterator[ClusterJob]:
    """The jobs that were submitted in the window. The window is in seconds since `first_s`."""
    for job in jobs:
        if window_s is None or window_s[0] <= (job.submitted_s or 0.0) - first_s < window_s[1]:
            yield job
        else:
            counts.leave_out("came outside workload.trace_models.window_s", job.line)
