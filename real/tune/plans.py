"""What a scenario demands of a real run: its one experiment, and a plan for every worker."""

from pathlib import Path

from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError
from hetsched.scenario.checks import profiled_workers
from hetsched.scenario.scenario import Setup
from real.training.trainer import Settings, check
from real.tune.actor import Plan


def only_experiment(setup: Setup) -> Experiment:
    """The experiment of the scenario. Raises InputError, naming the key, if a real run cannot carry
    it out."""
    experiments = setup.workload.experiments
    if len(experiments) > 1:
        raise InputError(
            f"workload.experiments: a real run carries out one experiment, the scenario has {len(experiments)}: "
            f"{', '.join(experiment.id for experiment in experiments)}; leave one, or simulate"
        )
    [experiment] = experiments
    if not experiment.evaluation_images:
        raise InputError(
            f"workload.experiments.{experiment.id}.evaluation_images: a real run needs at least 1 to score, got 0"
        )
    if experiment.arrival_s > 0:
        raise InputError(
            f"workload.experiments.{experiment.id}.arrival_s: a real run begins when its experiment arrives; set it to "
            "0, or simulate"
        )
    if experiment.gang > 1:
        raise InputError(
            f"workload.experiments.{experiment.id}.gang: a real trial trains on one worker, this one takes "
            f"{experiment.gang}; set gang = 1, or simulate"
        )
    real = setup.scenario.real
    check(experiment, _path(real.model_file), _path(real.data_dir), setup.scenario.training_source)
    return experiment


def plans_of(setup: Setup, strategy: Strategy, experiment: Experiment, workers: list[Worker]) -> dict[WorkerId, Plan]:
    """Every worker's plan. The worker's cores on its host are decided later, when its node has
    joined.

    Raises InputError, naming the key, for a paced worker that a trial may come to and for which the
    profile has no step time.
    """
    settings = Settings(
        experiment.model,
        experiment.dataset,
        max(experiment.batch_sizes),
        _path(setup.scenario.real.data_dir),
        experiment.train_images,
        experiment.evaluation_images,
        _path(setup.scenario.real.model_file),
        setup.scenario.real.augment,
        tuple(setup.scenario.real.speed_ups),
        setup.scenario.training_source,
        {} if setup.scenario.training is None else setup.scenario.training.options,
    )
    plans = {}
    for worker in workers:
        pace_s = None if worker.pace is None else _pace_s(setup, strategy, experiment, worker)
        plans[worker.id] = Plan(worker, settings, pace_s, setup.scenario.checkpoints.place)
    return plans


def _pace_s(setup: Setup, strategy: Strategy, experiment: Experiment, worker: Worker) -> dict[int, float]:
    """The seconds of an iteration on the worker, by batch size. A size that the profile leaves out
    there does not fit, and no trial of it comes (see `hetsched.core.fits`)."""
    found = {kind.batch_size: setup.times.seconds_per_iteration(kind, worker.type) for kind in experiment.kinds}
    known = {size: seconds for size, seconds in found.items() if seconds is not None}
    if len(known) == len(found):
        return known
    profiled_workers(setup, strategy)
    measured = {row.worker_type for row in setup.times.rows}
    if experiment.may_use(worker.device) and worker.type.as_profiled not in measured:
        raise InputError(
            f"cluster.nodes.{worker.node}.pace: the profile has no row of a worker of {worker.type.as_profiled}, so "
            "its pace is unknown: measure one, leave out pace, or name other devices in the experiment's devices"
        )
    return known


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
