"""The rule of a scenario for jobs of a trace that do not fit its cluster or its profile."""

from typing import Literal, NoReturn

from hetsched.errors import InputError
from hetsched.scenario.tables import Table

Gangs = Literal["round", "leave-out", "refuse"]
OutOrRefuse = Literal["leave-out", "refuse"]
Names = Literal["change", "leave-out", "refuse"]


class Unfit(Table):
    """The table `workload.unfit`: what is done with a job that does not fit.

    Each key is a reason why a job does not fit, and says what is done with the job then.
    A job on fewer GPUs trains for longer: its GPU-seconds stay.
    """

    gang: Gangs = "round"
    """More GPUs than a step time is known for, or than the cluster has; `round` takes the next
    smaller number."""
    share: Gangs = "round"
    """Less than a GPU; `round` takes a whole GPU."""
    gpu_type: Literal["any", "leave-out", "refuse"] = "any"
    """GPU types that the cluster lacks; `any` lets the job run on all types."""
    step_time: OutOrRefuse = "leave-out"
    """No step time is known."""
    time: OutOrRefuse = "leave-out"
    """The time of submission or the duration is missing or unreadable."""
    running: Literal["keep", "leave-out", "refuse"] = "leave-out"
    """The job had not ended; `keep` takes the duration so far."""
    iterations: Literal["cap", "leave-out", "refuse"] = "cap"
    """More iterations than a simulation takes; `cap` takes the most."""
    model: OutOrRefuse = "refuse"
    """The profile lacks the job's model, or no model is dealt to the job's category."""
    name: Names = "change"
    """A name that no job can have, or that an earlier job has; `change` takes a similar name."""


class LeftOutError(Exception):
    """A job is left out for this reason. `more` has details of this job."""

    def __init__(self, reason: str, more: str = "") -> None:
        super().__init__(reason)
        self.more = more


def refuse_or_leave_out(rule: str, key: str, line: str, reason: str, more: str = "") -> NoReturn:
    """Raise LeftOutError. If the rule is to refuse, raise InputError, naming the line and the key
    of the rule."""
    if rule != "refuse":
        raise LeftOutError(reason, more)
    detail = f": {more}" if more else ""
    raise InputError(f'{line}: {reason}{detail} (workload.unfit.{key} is "refuse"; "leave-out" goes on without it)')
