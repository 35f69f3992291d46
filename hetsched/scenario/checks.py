"""Checks whether a strategy can run a scenario: its names, its workers, and their step times."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hetsched import allocation, scheduling
from hetsched.domain.cluster import Worker, WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import ExperimentId, TrialKind
from hetsched.errors import InputError
from hetsched.scenario.node_checks import check_faulty_workers
from hetsched.scenario.scenario import Setup


def parse_strategy(text: str, where: str = "--strategy") -> Strategy:
    """The strategy that a text such as `fusion+hrfs` names.

    Raises InputError, with `where` and the nearest right spelling, if the text names no strategy.
    """
    if "," in text:
        each = "each is ALLOCATION+SCHEDULING: uniform+fifo fusion+hrfs"
        raise InputError(f"{where}: {text!r}: separate strategies by spaces, not by commas; {each}")
    allocation_name, plus, scheduling_name = text.partition("+")
    if not plus:
        raise InputError(f"{where}: {text!r}: a strategy is ALLOCATION+SCHEDULING, such as fusion+hrfs")
    try:
        allocation.policies.factory(allocation_name)
        scheduling.policies.factory(scheduling_name)
    except InputError as error:
        raise InputError(f"{where}: {text!r}: {error}") from error
    return Strategy(allocation_name, scheduling_name)


def profiled_workers(setup: Setup, strategy: Strategy) -> list[Worker]:
    """The strategy's workers.

    Raises InputError if no worker may run some trial, and if the profile has no step time of a kind
    of trial on any of the workers. Raises InputError, too, if a planned fault is of no worker.
    """
    workers = setup.workers(strategy)
    check_faulty_workers(strategy, [worker.id for worker in workers], setup.scenario.faults)
    types = Counter(worker.type for worker in workers)
    single = getattr(scheduling.policies.factory(strategy.scheduling), "single_workers_only", False)
    for experiment in setup.workload.experiments:
        usable = [worker_type for worker_type in types if experiment.may_use(worker_type.device)]
        if not usable:
            raise InputError(
                f"workload.experiments.{experiment.id}.devices: {strategy} has no worker of "
                f"{' or '.join(experiment.devices or ())}; "
                f"it has {', '.join(map(str, types))}"
            )
        if experiment.gang > 1 and single:
            raise InputError(
                f"workload.experiments.{experiment.id}.gang: {strategy.scheduling!r} puts a trial on one worker, "
                f"this one takes {experiment.gang}; choose another policy"
            )
        enough = [worker_type for worker_type in usable if types[worker_type] >= experiment.gang]
        if not enough:
            have = ", ".join(f"{types[worker_type]} of {worker_type}" for worker_type in usable)
            raise InputError(
                f"workload.experiments.{experiment.id}.gang: a trial takes {experiment.gang} workers of one type, "
                f"{strategy} has {have}"
            )
        gangs = [worker_type.gang(experiment.gang) for worker_type in enough]
        for kind in experiment.kinds:
            # A worker type without an entry in the profile cannot run the trial, because the trial does not fit into
            # its memory (Gavel's ResNet-50 at batch 128 on K80s): see Fits. Some type must have an entry.
            if all(setup.times.seconds_per_iteration(kind, gang) is None for gang in gangs):
                raise InputError(_missing_entry(setup, kind, experiment.id, gangs))
    return workers


def check_policies(setup: Setup, strategies: Iterable[Strategy]) -> None:
    """Make each scheduling policy once, so that a study whose policy cannot be made leaves no
    folder. Raises InputError and PolicyError as `Registry.create` does."""
    for strategy in strategies:
        setup.scenario.scheduling_policy(strategy)


def check_profile_covers(path: Path, setup: Setup, strategy: Strategy) -> None:
    """Raise InputError, naming the file, if the profile lacks a step time that the strategy
    needs."""
    try:
        profiled_workers(setup, strategy)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _missing_entry(setup: Setup, kind: TrialKind, experiment: ExperimentId, workers: list[WorkerType]) -> str:
    key, why = f"workload.experiments.{experiment}", why_missing(setup.times, kind, workers[0])
    rows = [row for row in setup.times.rows if row.model == kind.model]
    of_kind = [row for row in rows if row.dataset == kind.dataset]
    if not of_kind:
        training = setup.scenario.training
        if not rows and setup.times.rows and training is not None and training.class_name.endswith(f":{kind.model}"):
            return f"training.class: {training.class_name!r}: {key}.model is the class's name, and {why}"
        return f"{key}.{'dataset' if rows else 'model'}: {why}"
    devices = {worker.device for worker in workers}
    there = sorted(f"{row.worker_type} at batch {row.batch_size}" for row in of_kind if row.device in devices)
    measured = f"; measured: {', '.join(there)}" if there else ""
    return (
        f"{key}: the profile has no entry for {kind} on a worker of {' or '.join(map(str, workers))}{measured}: {why}"
    )
