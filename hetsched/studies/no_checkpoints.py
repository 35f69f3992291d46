"""Whether a policy that takes workers from running trials can do so."""

from collections.abc import Iterable

from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.errors import counted
from hetsched.scenario.scenario import Setup

ATTRIBUTE = "preempts_at_checkpoints"


def no_checkpoints(setup: Setup, strategies: Iterable[Strategy]) -> dict[str, str]:
    """A warning for each strategy whose policy preempts at checkpoints although some of its jobs
    have none.

    The class attribute `preempts_at_checkpoints` of a policy says that it takes a worker from a
    trial only at the end of a usual segment. A trial without PBT and without a checkpoint interval
    is one segment. There is no warning if no trial arrives later.
    """
    experiments = setup.workload.experiments
    whole = [e.id for e in experiments if e.pbt is None and e.checkpoint_interval is None]
    if not whole or not setup.workload.arriving:
        return {}
    preempting = [one for one in strategies if getattr(scheduling.policies.factory(one.scheduling), ATTRIBUTE, False)]
    which = f"{counted(len(whole), 'job')} of {len(experiments)} (such as {whole[0]})"
    return {
        str(
            one
        ): f"{one.scheduling!r} takes a worker from a trial only at a checkpoint, and before the end there is none "
        f"for {which}: set checkpoint_steps in the trace, checkpoint_interval of the experiment, or "
        "workload.trace_models.checkpoint_s"
        for one in preempting
    }
