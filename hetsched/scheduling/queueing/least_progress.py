"""Least progress first."""

from collections.abc import Iterable

from hetsched.core.decisions import Dispatch
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.queueing.in_order import serve


@register("least-progress")
class LeastProgress:
    """The least advanced trial, an interval at a time: Ray Tune's asynchronous PBT with more trials
    than slots.

    Ray's `PopulationBasedTraining.choose_trial_to_run` takes, of the trials that wait, the one with
    the smallest last train time; any free slot will do.
    """

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve(state, state.ready_trials)
