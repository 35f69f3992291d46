"""The rule of a scenario for jobs of a trace that do not fit its cluster or its profile."""

from typing import Literal, NoReturn

from hetsched.errors import InputError
from hetsched.scenario.tables import Table

Gangs = Literal["round", "leave-out", "refuse"]
OutOrRefuse = Literal["leave-out", "refuse"]
Names = Literal["change", "leave-out", "refuse"]


class Unfit(Table):
    """What becomes of a job that does not fit: the table `workload.unfit`.

    `gang`: more GPUs than a step time is known for, or than the cluster has; `round` takes the next smaller number, for
    as many GPU-seconds. `share`: less than a GPU; `round` takes a whole one. `gpu_type`: types that the cluster has
    not; `any` lets it run on all. `step_time`: none is known. `time`: no time of submission, or no duration, or one
    that cannot be read. `running`: it had not ended; `keep` takes the duration so far. `iterations`: more than a
    simulation takes; `cap` takes the most. `model`: the profile has not the job's model, or no model is dealt to jobs
    of its category. `name`: one that no job can have, or that an earlier job has; `change` takes one like it.
    """

    gang: Gangs = "round"
    share: Gangs = "round"
    gpu_type: Literal["any", "leave-out", "refuse"] = "any"
    step_time: OutOrRefuse = "leave-out"
    time: OutOrRefuse = "leave-out"
    running: Literal["keep", "leave-out", "refuse"] = "leave-out"
    iterations: Literal["cap", "leave-out", "refuse"] = "cap"
    model: OutOrRefuse = "refuse"
    name: Names = "change"


class LeftOutError(Exception):
    """A job is left out, for this reason; `more` is of this job alone."""

    def __init__(self, reason: str, more: str = "") -> None:
        super().__init__(reason)
        self.more = more


def refuse_or_leave_out(rule: str, key: str, line: str, reason: str, more: str = "") -> NoReturn:
    """Raise LeftOutError, or InputError, naming the line and the key of the rule, if the rule is to refuse."""
    if rule != "refuse":
        raise LeftOutError(reason, more)
    detail = f": {more}" if more else ""
    raise InputError(f'{line}: {reason}{detail} (workload.unfit.{key} is "refuse"; "leave-out" goes on without it)')
