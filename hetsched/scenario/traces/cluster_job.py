"""A job in the log of a cluster: its time of submission, its duration, and its GPUs."""

from typing import Literal

from msgspec import Struct

Category = Literal["small", "medium", "large", "xlarge"]

GPU_HOURS: dict[Category, float] = {"small": 1.0, "medium": 10.0, "large": 100.0, "xlarge": float("inf")}
"""The GPU-hours below which a job is of the category."""

Ending = Literal["completed", "other", "running", "part"]
"""How a job ended: `completed`, `other` (it was killed or failed), or `running` (it had not ended
in the log).

A `part` is a part of a job that has a line of its own.
"""


class ClusterJob(Struct, frozen=True):
    """A job of a cluster.

    `line` is the job's place in the trace. `submitted_s` is its submission in seconds since any
    fixed time. `seconds` is the time for which it held its GPUs. Both are None where the log lacks
    them. `gpus` below 1 is a share of one GPU. `gpu_types` are the types on which it may run
    (empty: any). `span_s` is the time in seconds from the date of its start to the date of its end,
    if the log has both. `unread` is the first of its times that cannot be read, with the reason
    (empty: all can be read).
    """

    line: str
    id: str
    submitted_s: float | None
    seconds: float | None
    gpus: float
    ending: Ending
    gpu_types: tuple[str, ...] = ()
    span_s: float | None = None
    unread: str = ""

    def category(self) -> Category:
        """The category of the job by its GPU-hours. The job must have a duration."""
        hours = self.gpus * (self.seconds or 0.0) / 3600
        return next((category for category, below in GPU_HOURS.items() if hours < below), "xlarge")


RUNNING = frozenset({"running", "suspended", "pending", "requeued", "requeue_hold", "preempted", "configuring"})
"""States of a job that has not ended, as Slurm, Kubernetes and the published logs spell them."""

COMPLETED = frozenset({"completed", "pass", "passed", "succeeded", "success"})
"""States of a job that completed, in the same spellings."""


def ending_of(state: str) -> Ending:
    """How a job ended, according to the word for its state in the log.

    >>> ending_of("COMPLETED"), ending_of("Killed"), ending_of("SUSPENDED")
    ('completed', 'other', 'running')
    """
    word = state.strip().casefold()
    return "running" if word in RUNNING else "completed" if word in COMPLETED else "other"
