"""What a scenario says without any effect."""

from collections.abc import Iterator

from hetsched.scenario.scenario import Setup
from hetsched.studies.planned_faults import is_before_its_node

OF_SHIPPED_TRAININGS = ("data_dir", "model_file", "augment", "speed_ups")
"""The keys of [real] that a training of the user's own does not get."""


def no_effect(setup: Setup) -> Iterator[str]:
    """A line for each setting that changes nothing: of a PBT that is not enabled, of batch sizes that
    no trial gets, of planned faults that hit nobody, of real runs that are made otherwise."""
    lines = _settings_of_pbt(setup), _batch_sizes(setup), _faults_before_nodes(setup), _real(setup)
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


def _real(setup: Setup) -> Iterator[str]:
    """The pace that no node has, and what a training of the user's own does not get."""
    given = setup.scenario.real.model_dump(exclude_defaults=True)
    if "time_scale" in given and not setup.paced:
        yield "real.time_scale, as no node has a pace"
    unused = [f"real.{key}" for key in OF_SHIPPED_TRAININGS if key in given]
    if unused and setup.scenario.training is not None:
        yield f"{', '.join(unused)}, as the class of [training] trains: its options are in training.options"
