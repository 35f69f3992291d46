"""Tune's controller where an actor gets an order with every segment."""

from typing import Any

from ray.tune.experiment import Trial as TuneTrial

from real.ray_internals.controller import TuneInternals


class OrderInternals(TuneInternals):
    """The operations on a controller whose trainables take an order: their `train` has one
    argument.

    Tune calls `reset` on a kept actor that goes on with another trial, and waits for the answer.
    Here the order has all that the actor needs, so the actor is not reset.
    """

    def __init__(self, controller: Any) -> None:
        super().__init__(controller)
        self._orders: dict[TuneTrial, Any] = {}
        self._reused: list[TuneTrial] = []
        self._replace("_schedule_trial_train", self._train)
        self._replace("_schedule_trial_reset", self._reuse)
        self._add_actors = self._replace("_maybe_add_actors", self._add_actors_and_go_on)

    def order(self, trial: TuneTrial, order: Any) -> None:
        """The argument of the trial's next `train`. Without an order the argument is None."""
        self._orders[trial] = order

    def _train(self, trial: TuneTrial) -> None:
        """Order the trial's actor to train."""
        self._controller._schedule_trial_task(
            trial,
            "train",
            (self._orders.pop(trial, None),),
            on_result=self._controller._on_training_result,
            on_error=self._controller._trial_task_failure,
        )

    def _reuse(self, trial: TuneTrial, config: dict[str, Any], tag: str) -> None:
        """A kept actor goes on with this trial. Tune is not ready for it before it has looked at
        all trials that wait."""
        self._controller._resetting_trials.add(trial)
        self._reused.append(trial)

    def _add_actors_and_go_on(self) -> None:
        self._add_actors()
        reused, self._reused = self._reused, []
        for trial in reused:
            if trial in self._controller._resetting_trials:  # else it was taken back since
                self._controller._on_trial_reset(trial, success=True)
