"""A callback for an ordinary Tune script. It measures, and changes nothing."""

import logging
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial as TuneTrial

from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.registry import Strategy
from real.cluster.matching import alive
from real.dropin import population
from real.dropin.folder import home_of, say_what_is_there
from real.dropin.measured import Measured, Samples, save_measured
from real.dropin.setup import Wanted, kind_of, make_setup

logger = logging.getLogger(__name__)


class Profiler(tune.Callback):
    """Writes a profile of an ordinary run, and a scenario of the run for `hetsched compare`.

    - `metric`, `mode`: what ranks the trials
    - `perturbation_interval`: with it the scenario has PBT. Without it the trials are independent.
    - `folder`: for both files (default: the folder `measured` in the experiment's folder)

    Any error in this callback is only a warning. The run goes on.
    """

    def __init__(
        self,
        metric: str | None = None,
        mode: str = "max",
        perturbation_interval: int | None = None,
        folder: str | Path | None = None,
    ) -> None:
        self._metric = metric
        self._mode = mode
        self._interval = perturbation_interval
        self._folder = None if folder is None else Path(folder)
        self._measured = Measured()
        self._began: float | None = None
        self._others_ended = False
        self._ready: dict[str, tuple[float, bool]] = {}
        self._reported: dict[str, float] = {}
        self._iterations = 0

    def __getstate__(self) -> dict[str, Any]:
        """The user's arguments. Tune pickles its callbacks."""
        return {"args": (self._metric, self._mode, self._interval, self._folder)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["args"])  # type: ignore[misc]

    # Tune's hooks.

    def on_step_begin(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:
        """Note the time at which Tune first starts trials."""
        if self._began is None:
            self._began = monotonic()

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """Note the time at which the actor of the trial is ready."""
        self._ready[trial.trial_id] = monotonic(), trial.latest_checkpoint_result is not None

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **info: Any
    ) -> None:
        """Measure a reported result."""
        self._harmless(lambda: self._report(trial, result))

    def on_trial_save(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """Measure a save."""
        if (reported := self._reported.pop(trial.trial_id, None)) is not None:
            self._harmless(lambda: self._samples(trial, None).saves.append(monotonic() - reported))

    def on_trial_complete(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """Note that a trial has ended. Trials that start later may have waited for its place."""
        self._others_ended = True

    def on_experiment_end(self, trials: list[TuneTrial], **info: Any) -> None:
        """Write the profile and the scenario."""
        self._harmless(lambda: self._write(trials))

    # What is measured.

    def _harmless(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:
            logger.warning("hetsched.tune.Profiler: %s: %s", type(error).__name__, error)

    def _report(self, trial: TuneTrial, result: dict[str, Any]) -> None:
        now, seconds = monotonic(), max(0.0, result[population.SECONDS])
        samples = self._samples(trial, result)
        ready = self._ready.pop(trial.trial_id, None)
        self._iterations = max(self._iterations, result[population.UNIT])
        self._reported[trial.trial_id] = now
        if ready is None:
            samples.steps.append(seconds)
            return
        at, restores = ready  # the first step sets itself up, perhaps
        if restores:
            samples.restores.append(max(0.0, now - seconds - at))
        elif not self._others_ended and self._began is not None:
            samples.start_ups.append(at - self._began)

    def _samples(self, trial: TuneTrial, result: dict[str, Any] | None) -> Samples:
        cores, gpus = population.resources(trial)
        worker = WorkerType(CPU, cores, 0.0)
        if gpus:
            worker = WorkerType(_gpu_type((result or trial.last_result)["node_ip"]), 0, gpus)
        return self._measured.of(kind_of(trial), worker)

    def _write(self, trials: list[TuneTrial]) -> None:
        rows = self._measured.rows("measured in an ordinary run of Ray Tune")
        if not rows:
            logger.warning("hetsched.tune.Profiler: no trial reported twice in a row: nothing was measured")
            return
        of_rays = {"perturbation_interval": self._interval, "bounds": "ray", "iterations": "lineage"}
        pbt = {"enabled": False} if self._interval is None else of_rays
        strategy = Strategy("fusion", "fifo")
        wanted = Wanted(strategy, self._metric or "score", self._mode, pbt, {}, rows, None, None, {})
        home = self._folder or home_of(trials[0], None)
        save_measured(home, make_setup(wanted, trials).scenario, rows, self._iterations)
        say_what_is_there(home, has_log=False)


def _gpu_type(address: str) -> str:
    """The type of the GPUs of the node at that address. Raises LookupError if there is not exactly
    one type."""
    types = {node.gpu_type for node in alive(ray.nodes()) if node.address == address and node.gpu_type}
    if len(types) != 1:
        raise LookupError(f"of what type the GPUs of {address} are is not known: {sorted(types) or 'Ray does not say'}")
    return types.pop().lower()
