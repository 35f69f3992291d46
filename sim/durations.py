"""Durations: the seconds of a segment's parts, drawn from the profile's distributions."""

from collections.abc import Iterator, Sequence
from math import exp, inf, log, sqrt
from typing import NamedTuple

from hetsched.core.events import Parts
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import Costs, StepTimes, grown
from hetsched.domain.workload import ExperimentId, TrialId
from hetsched.errors import PolicyError
from sim.checkpoint_copies import CheckpointCopies, Homes
from sim.draws import Draws
from sim.start_ups import StartUps
from sim.variation import Variation, lognormal


class Prices(NamedTuple):
    """The mean seconds of a number of iterations of a kind of trial on a worker, with evaluation,
    checkpoint and all other costs. `spread` is the standard deviation of the logarithm of the
    training time."""

    train_s: float
    spread: float
    evaluation_s: float
    save_s: float
    costs: Costs
    steady: bool
    """Whether all evaluations and checkpoints take equally long."""


class TrialDraws(dict[TrialId, Iterator[float]]):
    """Each trial's stream of standard normal draws from one source."""

    def __init__(self, draws: Draws, source: str) -> None:
        super().__init__()
        self._draws = draws
        self._source = source

    def __missing__(self, trial: TrialId) -> Iterator[float]:
        self[trial] = normals = self._draws.normals(self._source, trial)
        return normals


class Durations:
    """Draws the parts of segments.

    A cost is log-normal, with the profile's mean and coefficient of variation. It is positive and
    skewed to the right, as measured times are. The iterations of a segment vary independently of
    each other. So the coefficient of variation of their mean is divided by the root of their
    number.
    """

    def __init__(
        self,
        times: StepTimes,
        state: State,
        draws: Draws,
        checkpoints: CheckpointCopies | Homes | None = None,
        network_bytes_per_s: float = inf,
        latency_s: float = 0.0,
        variation: Variation | None = None,
        start_ups: StartUps | None = None,
    ) -> None:
        """Without `checkpoints`, all checkpoints are in storage. Without `variation`, workers of a
        type are equal. Without `start_ups`, workers that start do not slow each other down.
        `latency_s` is the scenario's, in seconds."""
        self._times = times
        self._state = state
        self._checkpoints = checkpoints
        self._network_bytes_per_s = network_bytes_per_s
        self._latency_s = latency_s
        self._variation = variation
        self._start_ups = start_ups
        self._prices: dict[tuple[WorkerId, ExperimentId, int, int], Prices] = {}
        self._train = TrialDraws(draws, "train")
        self._draws = {
            source: TrialDraws(draws, source) for source in ("start-up", "restore", "evaluate", "checkpoint")
        }

    def parts(
        self,
        trial: Trial,
        worker: Worker,
        iterations: int,
        after: TrialId | None = None,
        others: Sequence[WorkerId] = (),
    ) -> Parts:
        """The parts of the trial's next segment, in seconds, if it started now. `after` is the
        trial that the worker has just trained in the same package. That trial is not reported yet.
        `others` are the further workers of a gang. All workers of a gang start up and restore at
        the same time.

        Raises PolicyError for a pair without a step time, which is not `usable` by the policy's
        view.
        """
        key = (worker.id, trial.experiment, trial.kind.batch_size, iterations)
        try:
            train_s, spread, evaluation_s, save_s, costs, steady = self._prices[key]
        except KeyError:
            prices = self._prices[key] = self._look_up(trial, worker, iterations)
            train_s, spread, evaluation_s, save_s, costs, steady = prices
        if spread:
            train_s *= exp(spread * next(self._train[trial.id]) - spread * spread / 2)
        if self._variation is not None and worker.pace is None:
            train_s *= self._variation.factor(trial.id, [worker, *map(self._state.workers.__getitem__, others)])
        start_up_s = restore_s = 0.0
        state = self._state
        if after is None and state.in_memory.must_start_up(worker.id, others):
            start_up_s = self._vary(costs.start_up_s, costs.start_up_cv, "start-up", trial)
            if self._start_ups is not None:
                start_up_s *= self._start_ups.factor(trial.id)
        if trial.iterations > 0 if after is not None else state.must_restore(trial, worker.id, others):
            restore_s = self._restore_s(trial, worker, others, costs)
        if steady:
            return Parts(start_up_s, restore_s, train_s, evaluation_s, save_s, self._latency_s)
        factor = grown(costs.state_growth, trial.iterations + iterations)
        evaluation_s = factor * self._vary(evaluation_s, costs.evaluation_cv, "evaluate", trial)
        checkpoint_s = factor * self._vary(save_s, costs.checkpoint_cv, "checkpoint", trial)
        return Parts(start_up_s, restore_s, train_s, evaluation_s, checkpoint_s, self._latency_s)

    def sharing(self, trial: Trial, worker: Worker) -> float:
        """The factor by which the trial is slower while all other cores of the worker's node
        train."""
        costs = self._times.costs(trial.kind, worker.type)
        return costs.sharing if worker.pace is None else 1.0

    def _look_up(self, trial: Trial, worker: Worker, iterations: int) -> Prices:
        experiment = self._state.experiments[trial.experiment]
        worker_type = worker.type.gang(experiment.gang)
        seconds = self._times.seconds_per_iteration(trial.kind, worker_type)
        if seconds is None:
            raise PolicyError(
                f"the policy sent {trial.kind} to {worker_type}, for which the profile has no step time: "
                f"{why_missing(self._times, trial.kind, worker_type)}"
            )
        costs = self._times.costs(trial.kind, worker_type)
        noise_cv = costs.noise_cv if worker.pace is None else 0.0  # a paced worker waits until its time
        spread = sqrt(log(1 + noise_cv * noise_cv / iterations))
        evaluation_s = experiment.evaluation_images * costs.evaluation_s_per_image
        save_s = costs.checkpoint_s if self._checkpoints is None else costs.object_store_save_s
        steady = not (costs.evaluation_cv or costs.checkpoint_cv or costs.state_growth)
        return Prices(iterations * seconds, spread, evaluation_s, save_s, costs, steady)

    def _restore_s(self, trial: Trial, worker: Worker, others: Sequence[WorkerId], costs: Costs) -> float:
        """The seconds of the trial's restore on these workers."""
        mean_s = costs.restore_s if self._checkpoints is None else self._from_memory_s(trial, worker, others, costs)
        return grown(costs.state_growth, trial.iterations) * self._vary(mean_s, costs.restore_cv, "restore", trial)

    def _from_memory_s(self, trial: Trial, worker: Worker, others: Sequence[WorkerId], costs: Costs) -> float:
        """The mean seconds of a restore if checkpoints are in object stores. A gang on several
        nodes waits for its slowest worker."""
        assert self._checkpoints is not None
        node = self._checkpoints.node(trial.id)
        if node == worker.node and all(self._state.workers[one].node == node for one in others):
            return costs.object_store_restore_s
        if node is None or self._checkpoints.behind:
            return costs.restore_s
        return costs.object_store_restore_s + costs.checkpoint_bytes / self._network_bytes_per_s

    def write_s(self, trial: Trial, worker: Worker) -> float:
        """Seconds until a checkpoint in memory is also in storage."""
        costs = self._times.costs(trial.kind, worker.type)
        return grown(costs.state_growth, trial.iterations) * costs.checkpoint_s

    def _vary(self, mean_s: float, cv: float, source: str, trial: Trial) -> float:
        return mean_s * lognormal(cv, next(self._draws[source][trial.id])) if mean_s and cv else mean_s
