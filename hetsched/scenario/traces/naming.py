"""Gives new names to jobs whose names are not allowed, or belong to another job."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from hetsched.domain.registry import NAME
from hetsched.scenario.traces.cluster_job import ClusterJob
from hetsched.scenario.traces.fitting import Fitting
from hetsched.scenario.traces.unfit import LeftOutError, refuse_or_leave_out

LONGEST = 100
"""The most characters of a name that was changed."""


def named(jobs: Iterable[ClusterJob], fitting: Fitting) -> Iterator[ClusterJob]:
    """The jobs, each with a name of its own.

    A name that is allowed and occurs once stays. By the rule, other names are changed, or their
    jobs are left out. Both are counted. Raises InputError, naming the line, if the rule refuses the
    job.
    """
    jobs = list(jobs)
    names = _Names(job.id for job in jobs)
    for job in jobs:
        if (wrong := names.wrong(job.id)) is None:
            yield job
            continue
        if fitting.rule.name != "change":
            try:
                refuse_or_leave_out(fitting.rule.name, "name", job.line, wrong, repr(job.id[:LONGEST]))
            except LeftOutError as left_out:
                fitting.counts.leave_out(str(left_out), job.line, left_out.more)
            continue
        name = names.another(job.id)
        fitting.counts.change(f"{wrong}, and goes by another", job.line, f"{job.id[:LONGEST]!r}, now {name!r}")
        yield replace(job, id=name)


class _Names:
    """The names of a trace."""

    def __init__(self, names: Iterable[str]) -> None:
        self._taken = {name for name in names if re.fullmatch(NAME, name)}
        self._seen: set[str] = set()
        self._given: Counter[str] = Counter()

    def wrong(self, name: str) -> str | None:
        """The reason why a job cannot have the name. None: this job has it now, and no later job
        can have it."""
        if name not in self._taken:
            return "had no name of letters, digits, and . _ - after one"
        if name in self._seen:
            return "had the name of an earlier job"
        self._seen.add(name)
        return None

    def another(self, name: str) -> str:
        """A similar name that no job has."""
        like = re.sub(r"[^A-Za-z0-9._-]+", "_", name[:LONGEST]).strip("._-") or "unnamed"
        free = like
        while free in self._taken:
            self._given[like] += 1
            free = f"{like}-{self._given[like] + 1}"
        self._taken.add(free)
        self._seen.add(free)
        return free
