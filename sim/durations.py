"""Durations: how long the parts of a segment take, drawn from the profile's distributions."""

from collections import defaultdict
from collections.abc import Iterator
from math import exp, inf, log, sqrt
from typing import NamedTuple

from hetsched.cluster import Worker, WorkerId
from hetsched.errors import PolicyError
from hetsched.events import Parts
from hetsched.profiles import Costs, StepTimes
from hetsched.state import State, Trial
from hetsched.workload import ExperimentId, TrialId
from sim.checkpoints import Checkpoints
from sim.luck import Luck


class Prices(NamedTuple):
    """What a segment costs on a worker: the mean seconds of an iteration, how they vary, the mean seconds of an
    evaluation and of a checkpoint, and everything else."""

    iteration_s: float
    noise_cv: float
    evaluation_s: float
    save_s: float
    costs: Costs
    steady: bool
    """Whether evaluations and checkpoints always take as long."""


class Durations:
    """Draws the parts of segments.

    A cost varies around the profile's mean with its coefficient of variation, as a log-normal: positive, skewed to the
    right as measured times are. The iterations of a segment vary independently of each other, so that the segment's
    mean iteration varies by the root of their number less.
    """

    def __init__(
        self,
        times: StepTimes,
        state: State,
        luck: Luck,
        checkpoints: Checkpoints | None = None,
        network_bytes_per_s: float = inf,
    ) -> None:
        """Without `checkpoints` they are in storage."""
        self._times = times
        self._state = state
        self._luck = luck
        self._checkpoints = checkpoints
        self._network_bytes_per_s = network_bytes_per_s
        self._prices: dict[tuple[WorkerId, ExperimentId, int], Prices] = {}
        self._normals: defaultdict[str, dict[TrialId, Iterator[float]]] = defaultdict(dict)
        self._train = self._normals["train"]

    def parts(self, trial: Trial, worker: Worker, iterations: int) -> Parts:
        """The parts of the trial's next segment, were it to start now.

        Raises PolicyError for a pair without a step time, which only gangs may have (`profiled_workers`).
        """
        key = (worker.id, trial.experiment, trial.kind.batch_size)
        prices = self._prices.get(key)
        if prices is None:
            prices = self._prices[key] = self._look_up(trial, worker)
        iteration_s, noise_cv, evaluation_s, save_s, costs, steady = prices
        train_s = iterations * iteration_s
        if noise_cv:
            normals = self._train.get(trial.id)
            variance = log(1 + noise_cv * noise_cv / iterations)
            normal = self._draw("train", trial.id) if normals is None else next(normals)
            train_s *= exp(sqrt(variance) * normal - variance / 2)
        start_up_s = restore_s = 0.0
        if worker.id not in self._state.warm:
            start_up_s = self._vary(costs.start_up_s, costs.start_up_cv, "start-up", trial)
        if self._state.must_restore(trial, worker.id):
            mean_s = costs.restore_s if self._checkpoints is None else self._restore_s(trial, worker, costs)
            restore_s = self._vary(mean_s, costs.restore_cv, "restore", trial)
        if steady:
            return Parts(start_up_s, restore_s, train_s, evaluation_s, save_s, 0.0)
        evaluation_s = self._vary(evaluation_s, costs.evaluation_cv, "evaluate", trial)
        checkpoint_s = self._vary(save_s, costs.checkpoint_cv, "checkpoint", trial)
        return Parts(start_up_s, restore_s, train_s, evaluation_s, checkpoint_s, 0.0)

    def sharing(self, trial: Trial, worker: Worker) -> float:
        """The factor by which the trial is slower when all other cores of the worker's node train as well."""
        costs = self._times.costs(trial.kind, worker.type)
        return costs.sharing if worker.pace is None else 1.0

    def _look_up(self, trial: Trial, worker: Worker) -> Prices:
        experiment = self._state.experiments[trial.experiment]
        worker_type = worker.type.gang(experiment.gang)
        seconds = self._times.seconds_per_iteration(trial.kind, worker_type)
        if seconds is None:
            raise PolicyError(f"the policy sent {trial.kind} to {worker_type}, for which the profile has no step time")
        costs = self._times.costs(trial.kind, worker_type)
        noise_cv = costs.noise_cv if worker.pace is None else 0.0  # a paced worker waits until it is time
        evaluation_s = experiment.evaluation_images * costs.evaluation_s_per_image
        save_s = costs.checkpoint_s if self._checkpoints is None else costs.object_store_save_s
        return Prices(seconds, noise_cv, evaluation_s, save_s, costs, not (costs.evaluation_cv or costs.checkpoint_cv))

    def _restore_s(self, trial: Trial, worker: Worker, costs: Costs) -> float:
        """The mean seconds of a restore where checkpoints are in object stores."""
        assert self._checkpoints is not None
        node = self._checkpoints.node(trial.id)
        if node is None:
            return costs.restore_s
        moved_s = 0.0 if node == worker.node else costs.checkpoint_bytes / self._network_bytes_per_s
        return costs.object_store_restore_s + moved_s

    def write_s(self, trial: Trial, worker: Worker) -> float:
        """Seconds until a checkpoint that is in memory is in storage, too."""
        return self._times.costs(trial.kind, worker.type).checkpoint_s

    def _vary(self, mean_s: float, cv: float, source: str, trial: Trial) -> float:
        return mean_s * lognormal(cv, self._draw(source, trial.id)) if mean_s and cv else mean_s

    def _draw(self, source: str, trial: TrialId) -> float:
        """The next standard normal draw of the trial's stream of that source."""
        normals = self._normals[source].get(trial)
        if normals is None:
            normals = self._normals[source][trial] = self._luck.normals(source, trial)
        return next(normals)


def lognormal(cv: float, normal: float) -> float:
    """A positive factor of mean 1 with the coefficient of variation `cv`, from a standard normal draw."""
    variance = log(1 + cv * cv)
    return exp(sqrt(variance) * normal - variance / 2)
