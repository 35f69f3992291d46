"""Your own scheduling policy in one file: each idle worker trains the trial that would end soonest
on it.

hetsched compare examples/demo.toml --strategies fusion+soonest --policy-file examples/my_policy.py
"""

from collections.abc import Iterable
from math import inf

from hetsched.scheduling import Dispatch, StateView, register


@register("soonest")
class Soonest:
    """Shortest remaining time first: a worker trains the trial that would end soonest on it."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        waiting = list(state.ready_trials)
        for worker in state.idle_workers:
            usable = [trial for trial in waiting if state.usable(trial, worker)]
            if usable:
                pace = state.seconds_per_iteration
                trial = min(usable, key=lambda t: state.remaining(t) * (pace(t, worker) or inf))
                waiting.remove(trial)
                yield Dispatch(trial.id, worker.id, state.interval(trial))
