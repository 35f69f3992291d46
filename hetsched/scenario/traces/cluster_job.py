"""A job as the log of a cluster has it: when it was submitted, how long it ran, and on how many GPUs."""

from typing import Literal

from msgspec import Struct

Category = Literal["small", "medium", "large", "xlarge"]

GPU_HOURS: dict[Category, float] = {"small": 1.0, "medium": 10.0, "large": 100.0, "xlarge": float("inf")}
"""Below how many GPU-hours a job is of the category."""

Ending = Literal["completed", "other", "running", "part"]
"""How a job ended: it completed, or it did not (killed, failed), or it had not ended when the log was taken. A `part`
is of a job that has a line of its own."""


class ClusterJob(Struct, frozen=True):
    """A job of a cluster.

    `line` is where it is in the trace. `submitted_s` are seconds (since when does not matter), `seconds` how long it
    held its GPUs; None where the log does not say. `gpus` below 1 is a share of one GPU. `gpu_types` are the types that
    it may run on (empty: any). `span_s` is its duration by the dates of its start and its end, if the log has them.
    `unread` is the first time of it that cannot be read, and why ("": all can).
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
        """By its GPU-hours. It has a duration."""
        hours = self.gpus * (self.seconds or 0.0) / 3600
        return next((category for category, below in GPU_HOURS.items() if hours < below), "xlarge")


RUNNING = frozenset({"running", "suspended", "pending", "requeued", "requeue_hold", "preempted", "configuring"})
"""States of a job that has not ended, as Slurm, Kubernetes and the published logs spell them."""

COMPLETED = frozenset({"completed", "pass", "passed", "succeeded", "success"})
"""States of a job that came to its end, likewise."""


def ending_of(state: str) -> Ending:
    """How a job ended, from the word that its log has for it.

    >>> ending_of("COMPLETED"), ending_of("Killed"), ending_of("SUSPENDED")
    ('completed', 'other', 'running')
    """
    word = state.strip().casefold()
    return "running" if word in RUNNING else "completed" if word in COMPLETED else "other"
