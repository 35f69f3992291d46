"""What a scenario says without any effect."""

from collections.abc import Iterator, Mapping
from typing import Any

from hetsched import allocation, scheduling
from hetsched.domain.registry import Registry
from hetsched.errors import nearest
from hetsched.scenario.scenario import Setup
from hetsched.studies.planned_faults import is_before_its_node


def no_effect(setup: Setup) -> Iterator[str]:
    """A line for each setting that changes nothing: of a PBT that is not enabled, of batch sizes that
    no trial gets, of planned faults that hit nobody, of policies that there are not."""
    lines = _settings_of_pbt(setup), _batch_sizes(setup), _faults_before_nodes(setup), _options_of_nobody(setup)
    for line in (line for of_kind in lines for line in of_kind):
        yield f"no effect: {line}"


def _settings_of_pbt(setup: Setup) -> Iterator[str]:
    for table in setup.scenario.workload.experiments:
        given = sorted(f"pbt.{key}" for key in table.pbt.model_dump(exclude_defaults=True) if key != "enabled")
        if given and not table.pbt.enabled:
            yield f"{', '.join(given)} of {table.name}, as pbt.enabled is false"


def _batch_sizes(setup: Setup) -> Iterator[str]:
    """A list of batch sizes may be longer than the population."""
    for one in setup.workload.experiments:
        beyond = one.batch_sizes[one.population :]
        if beyond and not one.searches_batch_size:
            sizes = ", ".join(map(str, beyond))
            yield f"batch_size {sizes} of {one.id}, as the population of {one.population} has the sizes before"


def _faults_before_nodes(setup: Setup) -> Iterator[str]:
    faults = setup.scenario.faults
    for fault in faults.planned:
        if is_before_its_node(faults, fault):
            node = fault.node or str(fault.worker).rpartition("/")[0]
            what = f"planned fault of {fault.worker or fault.node} at {fault.at_s:g} s"
            yield f"{what}, as {node} comes at {faults.late[node]:g} s"


def _options_of_nobody(setup: Setup) -> Iterator[str]:
    """Options of policies that are not known. A scenario with policy files of its own is left out,
    because who reads its results does not execute these files."""
    scenario = setup.scenario
    tables: list[tuple[str, Registry[Any], Mapping[str, Any]]] = [
        ("allocation", allocation.policies, scenario.allocation),
        ("scheduling", scheduling.policies, scenario.scheduling),
    ]
    for key, registry, table in tables:
        known = registry.names() if table and not setup.policy_files else table
        for name in (name for name in table if name not in known):
            yield f"{key}.{name}, as there is no such policy: {nearest(name, known)}"
