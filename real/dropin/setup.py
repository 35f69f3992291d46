"""The scenario of a Tune experiment: its nodes, its population, and the known step times."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ray
from ray.tune.experiment import Trial as TuneTrial

from hetsched import allocation, scheduling
from hetsched.domain.cluster import Worker
from hetsched.domain.hyperparameters import nested
from hetsched.domain.profiles import OWN, ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from hetsched.scenario.scenario import Scenario, Setup
from real.cluster.discovery import tables
from real.cluster.matching import alive
from real.dropin import population
from real.dropin.measured import STRATEGIES

FAR = 1_000_000
"""If the end of the trials is unknown, plans assume this many intervals."""

COMPARED = [name.partition("+")[0] for name in STRATEGIES]
"""The allocation policies of the scenario that an experiment leaves."""

Options = Mapping[str, Mapping[str, bool | int | float | str]]
"""Options of policies, by the name of the policy."""


class Wanted(NamedTuple):
    """The user's arguments to the scheduler, in the terms of a scenario. `pbt` has the settings of
    PBT."""

    strategy: Strategy
    metric: str
    mode: str
    pbt: Mapping[str, Any]
    mutations: Mapping[str, Any]
    rows: Sequence[ProfileRow]
    stop_iterations: int | None
    devices: Sequence[str] | None
    options: Options


def make_setup(wanted: Wanted, trials: Sequence[TuneTrial]) -> Setup:
    """The scenario of these trials on Ray's nodes. Raises InputError if no scenario is possible."""
    nodes = tables(alive(ray.nodes()))
    cores, gpus = population.resources(trials[0])
    types = {"cpu", *(node["gpu_type"] for node in nodes if "gpu_type" in node)}
    devices = _devices(wanted.devices, types, gpus > 0)
    if devices == ["cpu"] and (most := max(node["cores"] for node in nodes)) < cores:
        raise InputError(
            f"tune.with_resources: trials ask for {cores} CPUs, and no node of the Ray cluster has more than {most}: "
            "ask for fewer"
        )
    document = {
        "name": population.name_of(trials[0].experiment_dir_name),
        "strategies": [str(wanted.strategy)],
        "seeds": 1,
        "cluster": {"nodes": nodes},
        "workload": {"experiments": [experiment(wanted, trials, devices)]},
        "profile": {"sources": []},
        "allocation": _allocation_options(wanted, cores),
        "scheduling": {name: dict(options) for name, options in wanted.options.items() if _is_scheduling(wanted, name)},
        "learning": {"model": "unknown"},
    }
    return Setup.of(Scenario.of(document), StepTimes(wanted.rows))


def experiment(wanted: Wanted, trials: Sequence[TuneTrial], devices: Sequence[str] | None) -> dict[str, Any]:
    """The table of the trials' experiment.

    The possible values of a script's batch size are unknown, because Ray explores beyond ranges.
    Step times are therefore those of all sizes together. The log has the batch size, and everything
    else that the table leaves out.
    """
    stop = population.stop_iterations(trials) or wanted.stop_iterations
    kind = kind_of(trials[0])
    space = population.search_space(wanted.mutations, [trial.config for trial in trials])
    space = {path: domain for path, domain in space.items() if population.is_sayable(path, space)}
    pbt = dict(wanted.pbt)
    if wanted.mutations:
        pbt["mutate"] = population.mutated(wanted.mutations, space)
    return {
        "name": population.name_of(trials[0].trainable_name),
        "model": kind.model,
        "dataset": kind.dataset,
        "batch_size": kind.batch_size,
        "evaluation_images": 1,
        "population": len(trials),
        "metric": {"name": wanted.metric, "mode": wanted.mode},
        "stop_iterations": stop or min(FAR * pbt.get("perturbation_interval", 1), 10**9),
        "search_space": nested(space),
        "pbt": pbt,
        **({} if devices is None else {"devices": list(devices)}),
    }


def kind_of(trial: TuneTrial) -> TrialKind:
    """The kind of the trial in profiles."""
    return TrialKind(population.name_of(trial.trainable_name), OWN, 1)


def check_reports_singly(strategy: Strategy) -> None:
    """Raise InputError for a policy that dispatches packages. Tune receives the result of each
    trial separately, and shows it at once."""
    if getattr(scheduling.policies.factory(strategy.scheduling), "hands_out_packages", False):
        raise InputError(
            f"strategy: {strategy.scheduling!r} hands out packages of trials that are reported together, and Ray Tune "
            "reports each trial by itself; choose another policy"
        )


def workers_of(setup: Setup, strategy: Strategy) -> list[Worker]:
    """The strategy's workers, without those on which no trial may run. Raises InputError if none is
    left."""
    [experiment] = setup.workload.experiments
    workers = setup.workers(strategy)
    usable = [worker for worker in workers if experiment.may_use(worker.device)]
    if not usable:
        have = ", ".join(sorted({str(worker.type) for worker in workers}))
        raise InputError(
            f"strategy: {strategy} makes workers of {have}, and trials run on {', '.join(experiment.devices or ())}: "
            "choose another allocation policy, or say devices=[...]"
        )
    return usable


def _devices(said: Sequence[str] | None, types: set[str], on_gpu: bool) -> list[str] | None:
    """The types of device on which trials may run. None: all. Without `said` they are those that
    the trials ask for. Raises InputError for a type that the cluster lacks."""
    if said is None:
        gpus = sorted(types - {"cpu"})
        if on_gpu and not gpus:
            raise InputError(
                "tune.with_resources: trials ask for a GPU, and no node of the Ray cluster has one: ask for CPUs alone"
            )
        return gpus if on_gpu else ["cpu"]
    if isinstance(said, str):
        said = [said]
    if list(said) == ["all"]:
        return None
    for device in said:
        if device not in types:
            have = ", ".join(map(repr, sorted(types)))
            raise InputError(f"devices: the Ray cluster has no {device!r}: it has {have}; or say 'all'")
    return list(said)


def _allocation_options(wanted: Wanted, cores: int) -> dict[str, dict[str, Any]]:
    """The options of the strategy's allocation policy, and of those with which it is compared later.
    If a policy has an option for it, CPU workers have as many cores as trials ask for."""
    found = {
        name: dict(wanted.options.get(name, {})) for name in dict.fromkeys([wanted.strategy.allocation, *COMPARED])
    }
    for name, given in found.items():
        if allocation.policies.takes(name, "cores_per_worker"):
            given.setdefault("cores_per_worker", cores)
    return {name: given for name, given in found.items() if given}


def _is_scheduling(wanted: Wanted, name: str) -> bool:
    if name not in wanted.strategy:
        known = ", ".join(wanted.strategy)
        raise InputError(f"options: {name!r} is no policy of {wanted.strategy}: expected {known}")
    return name == wanted.strategy.scheduling
