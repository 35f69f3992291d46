"""What a scenario says without any effect."""

from collections.abc import Iterator

from hetsched.errors import first_of
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import PlannedFault
from hetsched.studies.pairs import NAMED
from hetsched.studies.planned_faults import is_before_its_node, node_of, once

OF_SHIPPED_TRAININGS = ("data_dir", "model_file", "augment", "speed_ups")
"""The keys of [real] that a training of the user's own does not get."""


def no_effect(setup: Setup) -> Iterator[str]:
    """A line for each setting that changes nothing. It is of a PBT that is not enabled, of a cost
    that is not charged, or of real runs that are made otherwise. Or it is a batch size that no
    trial gets, a target without scores, a planned fault that hits nobody, or a price that no node
    costs."""
    lines = (
        _settings_of_pbt(setup),
        _batch_sizes(setup),
        _targets(setup),
        _settings_of_costs(setup),
        _faults(setup),
        _spot_prices(setup),
        _real(setup),
    )
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


def _targets(setup: Setup) -> Iterator[str]:
    unseen = [each for each in setup.workload.experiments if not each.evaluation_images]
    if ids := [each.id for each in unseen if each.stop_score is not None]:
        yield f"stop_score of {first_of(ids, NAMED)}, as evaluation_images is 0"
    if setup.scenario.metrics.target_score is not None and len(unseen) == len(setup.workload.experiments):
        yield "metrics.target_score, as evaluation_images is 0"


def _settings_of_costs(setup: Setup) -> Iterator[str]:
    overheads, checkpoints = setup.scenario.overheads, setup.scenario.checkpoints
    if "network_bytes_per_s" in checkpoints.model_dump(exclude_defaults=True):
        why = {
            f"checkpoints.place is {checkpoints.place!r}": checkpoints.place != "object-store",
            "overheads.restore is false": not overheads.restore,
            "the cluster has one node": len(setup.cluster.nodes) == 1,
        }
        for reason in [reason for reason, holds in why.items() if holds][:1]:
            yield f"checkpoints.network_bytes_per_s, as {reason}"
    if overheads.host_cores is not None and not overheads.start_up:
        yield "overheads.host_cores, as overheads.start_up is false"


def _faults(setup: Setup) -> Iterator[str]:
    """The planned faults of nodes that come later, and those that come with another one."""
    faults = setup.scenario.faults
    kept, doubled = once(faults.planned)
    for fault in kept:
        if is_before_its_node(faults, fault):
            node = node_of(fault)
            yield f"{_words(fault)}, as {node} comes at {faults.late[node]:g} s"
    for fault in doubled:
        yield f"{_words(fault)}, as another planned fault hits it at that time"


def _words(fault: PlannedFault) -> str:
    return f"planned fault of {fault.worker or fault.node} at {fault.at_s:g} s"


def _spot_prices(setup: Setup) -> Iterator[str]:
    spot = setup.scenario.faults.spot
    priced = [table for table in setup.scenario.cluster.nodes if table.spot_price_per_h is not None]
    names = [name for table in priced for name in table.names() if spot is None or not spot.has(name)]
    if names:
        yield f"spot_price_per_h of {first_of(names, NAMED)}, as only nodes of faults.spot cost it"


def _real(setup: Setup) -> Iterator[str]:
    """The pace that no node has, and what a training of the user's own does not get."""
    given = setup.scenario.real.model_dump(exclude_defaults=True)
    if "time_scale" in given and not setup.paced:
        yield "real.time_scale, as no node has a pace"
    unused = [f"real.{key}" for key in OF_SHIPPED_TRAININGS if key in given]
    if unused and setup.scenario.training is not None:
        yield f"{', '.join(unused)}, as the class of [training] trains: its options are in training.options"
