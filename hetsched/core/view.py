"""What a policy sees: a frozen view of the state. It knows neither the future nor the backend."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from hetsched.core.corrections import Corrections
from hetsched.core.fits import Fits
from hetsched.core.kept import GroupOf, Kept, PlaceOf
from hetsched.core.kept_orders import KeptOrder
from hetsched.core.learnt_costs import LearntCosts
from hetsched.core.state import State
from hetsched.core.trial import Package, Segment, Timing, Trained, Trial, Work
from hetsched.core.worker_pool import Ranked, Turn
from hetsched.core.workers_by_type import WorkersByType
from hetsched.domain.cluster import NodeId, Worker, WorkerId, WorkerType
from hetsched.domain.profiles import LEAST_STEP_S, Costs, StepTimes
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, TrialKind

Item = TypeVar("Item")


class ReadOnly(Sequence[Item]):
    """A sequence that cannot be changed."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return self._items[place]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)


class StateView:
    """The state of a run as policies may see it. Valid during the call that it is passed to.

    - `workers`: the workers that may get work. A worker that is about to leave is not among them,
      even while it runs a segment.
    - `idle_workers`: in the order in which they became idle.
    - `ready_trials`: the trials with the fewest iterations come first.
    - `first_segments`: the first finished segment of each worker, in the order of their ends.
      Seconds include all costs of the segment.
    - `last_packages`: the last package that each worker has reported.
    - `in_memory`: the trial that each worker trained last. A worker that is missing here must start
      up first.
    - `lead`: the most iterations that any trial of an experiment has done.
    - `best_score`: the best score of any trial of an experiment so far, in the direction of its
      metric. None: no score is known.
    """

    _state: State
    _times: StepTimes
    _fits: Fits
    _kept: Kept
    _corrections: Corrections
    _learnt: LearntCosts | None
    _by_type: WorkersByType
    ready_trials: Sequence[Trial]
    idle_workers: Collection[Worker]
    workers: Mapping[WorkerId, Worker]
    trials: Mapping[TrialId, Trial]
    running: Mapping[TrialId, Segment]
    experiments: Mapping[ExperimentId, Experiment]
    first_segments: Mapping[WorkerId, Timing]
    last_packages: Mapping[WorkerId, Package]
    in_memory: Mapping[WorkerId, TrialId]
    lead: Mapping[ExperimentId, int]
    best_score: Mapping[ExperimentId, float | None]

    def __init__(self, state: State, times: StepTimes) -> None:
        fields: dict[str, object] = {
            "_state": state,
            "_times": times,
            "_fits": Fits(state, times),
            "_kept": Kept(state),
            "_corrections": Corrections(state, times),
            "_by_type": WorkersByType(),
            "ready_trials": ReadOnly(state.ready),
            "idle_workers": state.idle.values(),
            "workers": MappingProxyType(state.serving),
            "trials": MappingProxyType(state.trials),
            "running": MappingProxyType(state.running),
            "experiments": MappingProxyType(state.experiments),
            "first_segments": MappingProxyType(state.first_segments),
            "last_packages": MappingProxyType(state.last_packages),
            "in_memory": MappingProxyType(state.in_memory),
            "lead": MappingProxyType(state.lead),
            "best_score": MappingProxyType(state.best_score),
        }
        learns = not any(row.checkpoint_s is not None or row.restore_s is not None for row in times.rows)
        fields["_learnt"] = LearntCosts(state) if learns else None
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a policy's view is frozen: {name} cannot be set")

    @property
    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._state.now

    @property
    def ready_by_arrival(self) -> Iterator[Trial]:
        """The ready trials in the order in which they were added."""
        return self._state.ready.by_arrival

    @property
    def queue(self) -> list[Trial]:
        """The ready trials with the fewest iterations first. Trials of equal iterations come in the
        order in which they became ready."""
        return self._state.ready.first_come()

    def ordered(self, place: PlaceOf) -> KeptOrder:
        """The ready trials sorted by `place(state, trial)`, a tuple that ends with `trial.index`:
        least first.

        The order is kept from call to call. `place` must always be the same function. It is called
        once when a trial becomes ready or changes. A policy that knows a better place for a trial
        puts the trial there with `put`.
        """
        return self._kept.groups(self, _one_group, place).get(0) or KeptOrder(self.trials)

    def grouped(self, group: GroupOf, place: PlaceOf) -> Mapping[Hashable, KeptOrder]:
        """The ready trials in groups by `group(state, trial)`, each group sorted by `place(state,
        trial)`. The groups are kept from call to call, as the order of `ordered` is."""
        return self._kept.groups(self, group, place)

    def alike(self, trial: Trial) -> Hashable:
        """A key for where the trial may run, and how fast. Trials with equal keys run alike on
        every worker."""
        experiment = self._state.experiments[trial.experiment]
        return trial.kind, experiment.gang, experiment.devices

    def ranking(self, trial: Trial) -> Sequence[Ranked]:
        """The idle workers on which the trial may run: the fastest first, of equals the one that
        has been idle longest.

        Each comes with the trial's seconds per iteration (0: unknown), and with a number that grows
        in the order in which workers became idle. One ranking is kept for all trials that are
        `alike`.
        """

        def speed(worker: Worker) -> float | None:
            return self.seconds_per_iteration(trial, worker) or 0.0 if self.usable(trial, worker) else None

        return ReadOnly(self._kept.ranking(self.alike(trial), speed))

    @property
    def idle_by_type(self) -> Mapping[WorkerType, Mapping[str, Turn]]:
        """The idle workers by type and id, in the order in which they became idle. Each comes with
        a number that grows in this order over all types. The mappings are kept from call to
        call."""
        return self._kept.idle_by_type()

    def of_type(self, worker: WorkerType) -> int:
        """How many workers of the type take work, idle or not."""
        return len(self.workers_by_type.get(worker, ()))

    def turn(self, trial: Trial) -> int:
        """A number that grows in the order in which trials became ready. `queue` sorts trials of
        equal iterations by it."""
        return self._state.ready.turn(trial)

    @property
    def changes(self) -> int:
        """How many changes of trials there have been so far. A later call passes this number to
        `changed_since`."""
        return self._state.changes.count

    def changed_since(self, changes: int) -> list[Trial]:
        """The trials that have changed since the count of changes was `changes` (0: all trials), as
        they are now.

        A trial changes when it is added, starts, ends or loses a segment, copies another trial or
        is completed. Each trial comes once, in the order of the last changes. A policy that keeps
        what it has found, and looks at these trials only, decides in time that does not grow with
        the number of trials (see `grouped`).
        """
        return list(map(self._state.trials.__getitem__, self._state.changes.since(changes)))

    @property
    def workers_by_type(self) -> Mapping[WorkerType, Mapping[WorkerId, Worker]]:
        """The `workers` of each type, in their order. The same object as before if no worker has
        come or gone."""
        return self._by_type.of(self._state)

    @property
    def has_gangs(self) -> bool:
        """Whether some trials take several workers at once."""
        return self._state.has_gangs

    @property
    def restricted(self) -> bool:
        """Whether some trials may not run on every worker, or take several at once."""
        return self._state.restricted or self._fits.has_gaps

    def node_seconds(self, node: NodeId) -> float:
        """For how many seconds the node has been in the cluster so far. Its price is per such
        second."""
        return self._state.nodes.seconds(node, self._state.now)

    def is_there(self, node: NodeId) -> bool:
        """Whether the node is in the cluster now: any of its workers is, even one that is about to
        leave."""
        return node in self._state.nodes

    def rank(self, trial: Trial) -> float:
        """The trial's score as a number to sort by. A greater number is better, whatever the
        direction of the metric. It is minus infinity if the score is not known."""
        return self._state.experiments[trial.experiment].metric.rank(trial.score)

    def is_ready(self, trial: Trial) -> bool:
        """Whether the trial could run now: it neither runs nor is completed."""
        return self._state.is_ready(trial)

    def experiment(self, trial: Trial) -> Experiment:
        return self._state.experiments[trial.experiment]

    def usable(self, trial: Trial, worker: Worker) -> bool:
        """Whether the trial may run on the worker.

        The worker's device must be one that the trial may use, and the profile must have the
        trial's step time there: profiles leave out what does not fit into memory. A real run also
        tries what nobody has measured (see `hetsched.core.fits`).
        """
        return self._fits.runs(self._state.experiments[trial.experiment], trial.kind, worker.type)

    def runs(self, experiment: Experiment, kind: TrialKind, worker: Worker) -> bool:
        """Whether trials of the experiment may run, as this kind of trial, on the worker: see
        `usable`."""
        return self._fits.runs(experiment, kind, worker.type)

    def interval(self, trial: Trial) -> int:
        """The iterations of a usual segment: a perturbation interval, or fewer if the stop
        iteration is nearer."""
        experiment = self._state.experiments[trial.experiment]
        interval, remaining = experiment.interval, experiment.stop_iterations - trial.iterations
        return interval if interval < remaining else remaining

    def longest_segment(self, trial: Trial) -> int:
        """The most iterations that a segment of the trial may have now."""
        return min(self.experiment(trial).longest_segment, self.remaining(trial))

    def remaining(self, trial: Trial) -> int:
        """Iterations until the trial's stop iteration."""
        return self.experiment(trial).stop_iterations - trial.iterations

    def seconds_per_iteration(self, trial: Trial, worker: Worker) -> float | None:
        """Seconds per iteration of the trial on the worker. None: nothing is known.

        A gang trains on the worker and others of its type together. The first of these that is
        known counts:

        1. what this run has measured on this worker, for the trial's kind and gang size;
        2. the profile, corrected by what the run has measured on this worker for other kinds and
           gang sizes;
        3. the profile alone.
        """
        trained: Mapping[Work, Trained] = self._state.trained.get(worker.id, {})
        done = trained.get((trial.kind, self._state.experiments[trial.experiment].gang)) if trained else None
        if done is not None:
            return max(done.seconds / done.iterations, LEAST_STEP_S)
        profiled = self.profiled_seconds(trial, worker.type)
        if profiled is None:
            return None
        measured, expected = self._corrections.of(worker)
        return max(profiled * measured / expected, LEAST_STEP_S) if expected else profiled

    def profiled_seconds(self, trial: Trial, worker: WorkerType) -> float | None:
        """Seconds per iteration of the trial on a worker of the type, by the profile alone. A gang
        trains on several workers of the type together. None: the profile does not say."""
        return self._times.seconds_per_iteration(trial.kind, worker.gang(self.experiment(trial).gang))

    def segment_seconds(
        self, trial: Trial, worker: Worker, iterations: int, others: Sequence[WorkerId] = ()
    ) -> float | None:
        """Expected seconds of a whole segment. None: the step time is unknown.

        They include start-up and restore (see `beginning_seconds`), training, evaluation and
        checkpoint. `others` are the further workers of a gang.
        """
        seconds = self.seconds_per_iteration(trial, worker)
        if seconds is None:
            return None
        costs = self.costs(trial, worker)
        return (
            self._beginning(costs, trial, worker.id, others)
            + iterations * seconds
            + self.experiment(trial).evaluation_images * costs.evaluation_s_per_image
            + costs.checkpoint_s
        )

    def beginning_seconds(self, trial: Trial, worker: Worker, others: Sequence[WorkerId] = ()) -> float:
        """Expected seconds before a segment trains: start-up if the worker is cold, and restore if
        its memory lacks the trial's state. A gang starts up if any of its workers is cold, and
        restores if any of them lacks the state."""
        return self._beginning(self.costs(trial, worker), trial, worker.id, others)

    def _beginning(self, costs: Costs, trial: Trial, worker: WorkerId, others: Sequence[WorkerId]) -> float:
        memory = self._state.in_memory
        start_up_s = costs.start_up_s if memory.must_start_up(worker, others) else 0.0
        return start_up_s + (costs.restore_s if memory.must_restore(trial, worker, others) else 0.0)

    def costs(self, trial: Trial, worker: Worker) -> Costs:
        """What a segment of the trial costs on the worker beside its iterations, by the profile.

        If the profile has no seconds of restores and checkpoints, the means of this run's segments
        fill them in.
        """
        costs = self._times.costs(trial.kind, worker.type.gang(self.experiment(trial).gang))
        return costs if self._learnt is None else self._learnt.filled_in(costs)

    def expected_end(self, segment: Segment) -> float | None:
        """When a running segment should end, in seconds since the start of the run. None: that is
        unknown. A segment of a package ends when the package is reported."""
        worker = self.workers.get(segment.worker)
        if worker is None:
            return None
        if segment.package:
            seconds = self._package_seconds(segment, worker)
        else:
            seconds = self.segment_seconds(self.trials[segment.trial], worker, segment.iterations, segment.others)
        return None if seconds is None else segment.time + seconds

    def _package_seconds(self, segment: Segment, worker: Worker) -> float | None:
        """Expected seconds of all segments of the package; the worker starts up once."""
        total, cold = 0.0, worker.id not in self._state.in_memory
        for number, other in enumerate(one for one in self.running.values() if one.package == segment.package):
            trial = self.trials[other.trial]
            seconds = self.segment_seconds(trial, worker, other.iterations)
            if seconds is None:
                return None
            total += seconds - (self.costs(trial, worker).start_up_s if cold and number else 0.0)
        return total


def _one_group(state: StateView, trial: Trial) -> int:
    return 0
