"""A scheduling policy of one's own, in one file: the trial that would end soonest on each idle worker.

hetsched compare examples/demo.toml --strategies fusion+soonest --policy-file examples/my_policy.py
"""

from collections.abc import Iterable
from math import inf

from hetsched.core.view import StateView
from hetsched.scheduling import Dispatch, register


@register("soonest")
class Soonest:
    """Shortest remaining time first: the trial that would end soonest on the worker, an interval at a time."""

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        waiting = list(state.ready_trials)
        for worker in state.idle_workers:
            usable = [trial for trial in waiting if state.usable(trial, worker)]
            if usable:
                trial = min(usable, key=lambda t: state.remaining(t) * (state.seconds_per_iteration(t, worker) or inf))
                waiting.remove(trial)
                yield Dispatch(trial.id, worker.id, state.interval(trial))
