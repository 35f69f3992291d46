"""What a scenario says without any effect."""

from collections.abc import Iterator

from hetsched.scenario.scenario import Setup
from hetsched.studies.planned_faults import is_before_its_node


def no_effect(setup: Setup) -> Iterator[str]:
    """A line for each setting that changes nothing: of a PBT that is not enabled, of batch sizes that
    no trial gets, of planned faults that hit nobody."""
    lines = _settings_of_pbt(setup), _batch_sizes(setup), _faults_before_nodes(setup)
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
