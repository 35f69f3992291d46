"""Situations: small clusters, workloads and mishaps that a policy is put through."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.decisions import Dispatch, Stop, WakeAt
from hetsched.domain.cluster import CPU, DeviceType, Node, NodeId, Worker, WorkerId, cpu_worker, gpu_worker
from hetsched.domain.hyperparameters import Choice, Constant, Domain, Float, Integer
from hetsched.domain.metric import DEFAULT, Metric
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import BATCH_SIZE, PBT, Experiment, ExperimentId, Iterations, TrialId
from hetsched.errors import counted

MODELS = {"resnet18": 1.0, "resnet50": 2.0}
"""The seconds of an iteration of the model divided by ResNet-18's, in every situation."""


class Absence(Struct, frozen=True):
    """The worker with this place in the list is away from `start` to `end` (seconds; None: for
    good).

    A worker that is away from 0 joins late.
    """

    worker: int
    start: int
    end: int | None


class Situation(Struct, frozen=True):
    """Everything, beside the policy, that decides how a run goes.

    `seconds` are those of an iteration of ResNet-18 at batch 32 on one core, or on a whole GPU of
    the type. The profile lacks the device types and the models in `unprofiled`. With `costs`, a
    segment has start-up, restore, evaluation and checkpoint. With `noise` its training takes 0.5 to
    1.5 times as long as it should. At the times in `losses` (seconds) the segment that has run
    longest breaks. At the times in `removals` (seconds) somebody else ends a trial, as Ray
    Tune may.
    """

    nodes: tuple[Node, ...]
    workers: tuple[Worker, ...]
    experiments: tuple[Experiment, ...]
    seconds: Mapping[DeviceType, float]
    unprofiled: tuple[str, ...] = ()
    costs: bool = False
    noise: bool = False
    absences: tuple[Absence, ...] = ()
    losses: tuple[int, ...] = ()
    removals: tuple[int, ...] = ()
    seed: int = 0

    def true_times(self) -> StepTimes:
        """The real times of iterations, and the costs of segments."""
        return self._times(())

    def profile(self) -> StepTimes:
        """The part of them that the policy sees."""
        return self._times(self.unprofiled)

    def _times(self, left_out: Collection[str]) -> StepTimes:
        # Without pace, which StepTimes sees to itself.
        types = dict.fromkeys(worker.type.as_profiled for worker in self.workers)
        kinds = dict.fromkeys(kind for experiment in self.experiments for kind in experiment.kinds)
        once = 1.0 if self.costs else 0.0
        return StepTimes(
            ProfileRow(
                model=kind.model,
                dataset=kind.dataset,
                batch_size=kind.batch_size,
                device=at.device,
                cores=at.cores,
                gpu_share=at.gpu_share,
                seconds_per_iteration=self.seconds[at.device]
                * MODELS[kind.model]
                * (kind.batch_size / 32)
                / (at.cores if at.device == CPU else at.gpu_share),
                noise_cv=0.0,
                evaluation_s_per_image=0.01 * once,
                start_up_s=5.0 * once,
                restore_s=1.0 * once,
                checkpoint_s=0.5 * once,
                provenance="made up for a conformance check",
            )
            for kind in kinds
            for at in types
            if kind.model not in left_out and at.device not in left_out
        )

    def renamed(self) -> "Renamed":
        """The same situation with other names of nodes, workers, experiments and GPU types, in
        another order."""
        nodes = other_names((node.id for node in self.nodes), "host")
        workers = other_names((worker.id for worker in self.workers), "w")
        experiments = other_names((experiment.id for experiment in self.experiments), "x")
        devices = other_names((device for device in self.seconds if device != CPU), "type") | {CPU: CPU}
        situation = replace(
            self,
            nodes=tuple(_renamed_node(node, nodes, devices) for node in self.nodes),
            workers=tuple(_renamed_worker(worker, workers, nodes, devices) for worker in self.workers),
            experiments=tuple(_renamed_experiment(each, experiments, devices) for each in self.experiments),
            seconds={devices[device]: seconds for device, seconds in self.seconds.items()},
            unprofiled=tuple(devices.get(name, name) for name in self.unprofiled),
        )
        trials = {
            new: old
            for renamed, original in zip(situation.experiments, self.experiments, strict=True)
            for new, old in zip(renamed.trial_ids(), original.trial_ids(), strict=True)
        }
        names = Names(
            {NodeId(new): NodeId(old) for old, new in nodes.items()},
            {WorkerId(new): WorkerId(old) for old, new in workers.items()},
            {new: old for old, new in devices.items()},
            trials,
        )
        return Renamed(situation, names)

    def __str__(self) -> str:
        """The situation in words, one line per thing."""
        return "\n".join(
            [
                *(self._node(node) for node in self.nodes),
                *(self._experiment(experiment) for experiment in self.experiments),
                "an iteration takes " + ", ".join(self._seconds(device) for device in self.seconds),
                *(f"{model} is not profiled" for model in MODELS if model in self.unprofiled),
                *(["segments cost start-up, restore, evaluation and checkpoint"] if self.costs else []),
                *([f"segments train 0.5 to 1.5 times as long as they should (seed {self.seed})"] if self.noise else []),
                *(self._absence(absence) for absence in self.absences),
                *(f"at {time} s the segment that has run longest is lost" for time in self.losses),
                *(f"at {time} s a trial is removed" for time in self.removals),
            ]
        )

    def _node(self, node: Node) -> str:
        workers = ", ".join(f"{worker.id} ({worker.type})" for worker in self.workers if worker.node == node.id)
        gpus = f" and {node.gpus_in_words}" if node.gpus else ""
        return f"node {node.id} of {counted(node.cores, 'core')}{gpus}: {workers or 'no workers'}"

    def _experiment(self, experiment: Experiment) -> str:
        parts = [
            f"{counted(experiment.population, 'trial')} of {experiment.model}",
            f"batch {' and '.join(map(str, experiment.batch_sizes))}" + " (searched)" * experiment.searches_batch_size,
            f"{counted(experiment.stop_iterations, 'iteration')} in intervals of {experiment.interval}",
            "PBT" if experiment.pbt is not None else "no PBT",
        ]
        if experiment.counts_lineage:
            parts.append("copies take over iterations")
        if experiment.stop_score is not None:
            parts.append(f"stops at {experiment.metric.rule(experiment.stop_score)}")
        if experiment.metric != DEFAULT:
            parts.append(f"{experiment.metric.name} ({experiment.metric.mode}) is the metric")
        if not experiment.evaluation_images:
            parts.append("never evaluated")
        if experiment.search_space != RATE:
            parts.append(f"hyperparameters {' and '.join(experiment.search_space) or 'none'}")
        if experiment.devices is not None:
            parts.append(f"on {' and '.join(experiment.devices)} only")
        if experiment.arrival_s:
            parts.append(f"arrives at {experiment.arrival_s:g} s")
        return f"experiment {experiment.id}: {', '.join(parts)}"

    def _seconds(self, device: DeviceType) -> str:
        unit = "a core" if device == CPU else f"a {device}"
        return f"{self.seconds[device]:g} s on {unit}{' (not profiled)' if device in self.unprofiled else ''}"

    def _absence(self, absence: Absence) -> str:
        worker = self.workers[absence.worker].id
        if absence.start == 0:
            return f"{worker} joins at {absence.end} s"
        back = "for good" if absence.end is None else f"and comes back at {absence.end} s"
        return f"{worker} leaves at {absence.start} s {back}"


class Names(NamedTuple):
    """The original names by the new ones."""

    nodes: Mapping[NodeId, NodeId]
    workers: Mapping[WorkerId, WorkerId]
    devices: Mapping[DeviceType, DeviceType]
    trials: Mapping[TrialId, TrialId]

    def original(self, decision: object) -> object:
        """The decision in the original names, without the reason of a stop: that is a text and may
        contain names.

        Of a value that is no decision, and will be refused, only the type is left.
        """
        match decision:
            case Dispatch(str(trial), str(worker), iterations):
                return Dispatch(self.trials.get(trial, trial), self.workers.get(worker, worker), iterations)
            case Stop(str(trial)):
                return Stop(self.trials.get(trial, trial), "")
            case WakeAt():
                return decision
        return type(decision)

    def original_worker(self, worker: Worker) -> Worker:
        """The worker with its node and device in the original names; a policy may call the worker
        what it likes."""
        return replace(
            worker,
            id=WorkerId(""),
            node=self.nodes.get(worker.node, worker.node),
            device=self.devices.get(worker.device, worker.device),
        )


SAME_NAMES = Names({}, {}, {}, {})


class Renamed(NamedTuple):
    situation: Situation
    names: Names


def _renamed_node(node: Node, nodes: Mapping[str, str], devices: Mapping[str, str]) -> Node:
    mixed = tuple(gpu._replace(type=devices[gpu.type]) for gpu in node.mixed)
    return replace(node, id=NodeId(nodes[node.id]), gpu_type=node.gpu_type and devices[node.gpu_type], mixed=mixed)


def _renamed_worker(
    worker: Worker, workers: Mapping[str, str], nodes: Mapping[str, str], devices: Mapping[str, str]
) -> Worker:
    return replace(
        worker, id=WorkerId(workers[worker.id]), node=NodeId(nodes[worker.node]), device=devices[worker.device]
    )


def _renamed_experiment(
    experiment: Experiment, experiments: Mapping[str, str], devices: Mapping[str, str]
) -> Experiment:
    allowed = experiment.devices and tuple(devices[device] for device in experiment.devices)
    return replace(experiment, id=ExperimentId(experiments[experiment.id]), devices=allowed)


def other_names(names: Iterable[str], prefix: str) -> dict[str, str]:
    """New names by the old ones. The first one in the alphabet becomes the last one.

    >>> other_names(["b", "a", "c"], "w")
    {'c': 'w00', 'b': 'w01', 'a': 'w02'}
    """
    return {name: f"{prefix}{place:02}" for place, name in enumerate(sorted(set(names), reverse=True))}


def make_node(place: int, cores: int, gpus: int = 0, gpu_type: str = "k80", pace: float | None = None) -> Node:
    """The node of that place in the cluster."""
    return Node(NodeId(f"n{place}"), cores, gpus, gpu_type if gpus else None, pace)


def cut(node: Node, cpu_workers: int = 1, gpu_parts: int = 1) -> list[Worker]:
    """Workers of a node: its cores cut into equal workers, every GPU into equal shares."""
    parts = range(node.gpus * gpu_parts)
    return [
        *(gpu_worker(node, number, cores=0, share=1 / gpu_parts) for number in parts),
        *(cpu_worker(node, number, node.cores // cpu_workers) for number in range(cpu_workers)),
    ]


RATE: dict[str, Domain] = {"lr": Float(0.001, 1.0, "log")}
EVERY_KIND: dict[str, Domain] = RATE | {
    "optimizer.name": Choice(("sgd", "adam")),
    "optimizer.nesterov": Choice((False, True)),
    "layers": Integer(1, 4),
    "width": Choice((16, 32, 64), ordered=True),
    "dropout": Float(-0.5, 0.5, step=0.1),
    "activation": Constant("relu"),
}
"""Search spaces: the simplest, and one of every kind of hyperparameter."""


def make_experiment(
    place: int = 0,
    *,
    population: int = 4,
    stop_iterations: int = 20,
    interval: int | None = 10,
    pbt: bool = True,
    model: str = "resnet18",
    batch_sizes: tuple[int, ...] = (32,),
    stop_score: float | None = None,
    devices: tuple[DeviceType, ...] | None = None,
    arrival_s: float = 0.0,
    metric: Metric = DEFAULT,
    evaluation_images: int = 100,
    search_space: Mapping[str, Domain] = RATE,
    iterations: Iterations = "own",
    searches_batch_size: bool = False,
) -> Experiment:
    """The experiment of that place in the workload. With `searches_batch_size`, the search space
    has the batch sizes, too."""
    assert interval is not None or not pbt
    return Experiment(
        ExperimentId(f"e{place}"),
        model,
        "cifar10",
        batch_sizes,
        population,
        stop_iterations,
        stop_score,
        PBT(interval, iterations=iterations) if pbt and interval is not None else None,
        {**search_space, **({BATCH_SIZE: Choice(batch_sizes, ordered=True)} if searches_batch_size else {})},
        arrival_s=arrival_s,
        evaluation_images=evaluation_images,
        metric=metric,
        devices=devices,
        checkpoint_interval=None if pbt else interval,
    )


def _corner(
    *experiments: Experiment,
    nodes: tuple[Node, ...] = (make_node(0, 2, 1), make_node(1, 1)),
    unprofiled: tuple[str, ...] = (),
    costs: bool = False,
    noise: bool = False,
    absences: tuple[Absence, ...] = (),
    losses: tuple[int, ...] = (),
    removals: tuple[int, ...] = (),
    scale: float = 1.0,
) -> Situation:
    workers = tuple(worker for node in nodes for worker in cut(node))
    return Situation(
        nodes,
        workers,
        experiments or (make_experiment(),),
        {CPU: 4.0 * scale, "k80": 1.0 * scale},
        unprofiled,
        costs,
        noise,
        absences,
        losses,
        removals,
    )


CORNER_CASES = {
    "a single worker": _corner(nodes=(make_node(0, 1),)),
    "one trial": _corner(make_experiment(population=1)),
    "more workers than trials": _corner(make_experiment(population=2)),
    "equal workers and equal trials": _corner(nodes=tuple(make_node(place, 1) for place in range(4))),
    "nothing is profiled": _corner(unprofiled=(CPU, "k80"), costs=True, noise=True),
    "cores are not profiled": _corner(unprofiled=(CPU,)),
    "a model is not profiled": _corner(
        make_experiment(), make_experiment(1, model="resnet50"), unprofiled=("resnet50",), costs=True
    ),
    "an interval longer than the stop iteration": _corner(make_experiment(stop_iterations=3)),
    "a last interval of one iteration": _corner(make_experiment(stop_iterations=21)),
    "without PBT": _corner(make_experiment(pbt=False), make_experiment(1, pbt=False, interval=None)),
    "hyperparameters of every kind": _corner(make_experiment(search_space=EVERY_KIND), make_experiment(1)),
    "mixed batch sizes": _corner(make_experiment(batch_sizes=(32, 64, 128)), costs=True),
    "PBT changes batch sizes": _corner(
        make_experiment(population=6, stop_iterations=60, batch_sizes=(32, 128), searches_batch_size=True), costs=True
    ),
    "segments of many minutes": _corner(
        make_experiment(), make_experiment(1, arrival_s=700), noise=True, losses=(650,), scale=60
    ),
    "an experiment arrives later": _corner(make_experiment(), make_experiment(1, model="resnet50", arrival_s=7)),
    "nothing is there at first": _corner(make_experiment(arrival_s=5), make_experiment(1, arrival_s=200)),
    "trials that stop on their score": _corner(make_experiment(population=6, stop_iterations=60, stop_score=0.6)),
    "copies take over iterations": _corner(make_experiment(population=6, stop_iterations=45, iterations="lineage")),
    "a metric to minimise": _corner(
        make_experiment(population=6, stop_iterations=60, stop_score=0.2, metric=Metric("loss", "min"))
    ),
    "scores that are not known": _corner(make_experiment(population=6, stop_iterations=60, evaluation_images=0)),
    "trials bound to a device": _corner(make_experiment(devices=("k80",)), make_experiment(1, devices=(CPU,))),
    "a worker leaves and comes back": _corner(absences=(Absence(0, 3, 25),), noise=True),
    "a worker leaves for good": _corner(absences=(Absence(0, 13, None),)),
    "a trial waits whose worker has left for good": _corner(
        make_experiment(pbt=False, stop_iterations=30),
        nodes=tuple(make_node(place, 1) for place in range(3)),
        absences=(Absence(0, 3, None), Absence(2, 50, None)),
    ),
    "a worker joins late": _corner(absences=(Absence(0, 0, 13),)),
    "all workers are away for a while": _corner(absences=(Absence(0, 3, 9), Absence(1, 3, 9), Absence(2, 3, 8))),
    "segments are lost": _corner(losses=(3, 12), costs=True),
    "trials are removed": _corner(make_experiment(population=6, stop_iterations=60), removals=(1, 9, 20, 30)),
}
"""Situations by what is special about them: each is met by every policy, whatever Hypothesis comes
up with."""
