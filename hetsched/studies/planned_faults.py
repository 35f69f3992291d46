"""Which faults change nothing, by the scenario or by the log of a simulation.

Whoever is to go is away at that time, or goes by another fault, or the strategy has no worker
there.
"""

from collections.abc import Iterable
from math import isclose
from pathlib import Path

from hetsched.core.events import SIMULATED, RunStarted, WorkerJoined, WorkerLeft
from hetsched.core.log import read_log
from hetsched.domain.cluster import WorkerId
from hetsched.errors import HetschedError
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable, PlannedFault
from hetsched.studies.one_run import RunResult


def once(planned: Iterable[PlannedFault]) -> tuple[list[PlannedFault], list[PlannedFault]]:
    """The planned faults in the order of their times, and apart from them those that add nothing.
    Another fault takes the same worker or node away at the same time, for as long or longer."""
    kept, doubled = list[PlannedFault](), list[PlannedFault]()
    taken = set[tuple[str | None, float]]()
    for fault in sorted(planned, key=lambda fault: (fault.at_s, -(fault.back_s or 0.0))):
        whose = {(fault.worker or fault.node, fault.at_s), (node_of(fault), fault.at_s)}
        (kept if taken.isdisjoint(whose) else doubled).append(fault)
        taken.add((fault.worker or fault.node, fault.at_s))
    return kept, doubled


def is_before_its_node(faults: FaultsTable, fault: PlannedFault) -> bool:
    """Whether the fault begins and ends before its late node joins."""
    joins_s = faults.late.get(node_of(fault), 0.0)
    return fault.at_s < joins_s and (fault.back_s is None or fault.back_s <= joins_s)


def without_effect(faults: FaultsTable, log: Path, end_s: float) -> list[PlannedFault]:
    """The planned faults that no worker left by in the simulated run of this log, which ended after
    `end_s` seconds. A fault that only keeps a node away for longer has an effect.

    Faults after the end are left out, and those that `is_before_its_node` and `once` find without a
    log. So are all faults of a real run: its log has the times at which a fault was noticed.
    """
    kept, _ = once(faults.planned)
    asked = [fault for fault in kept if fault.at_s <= end_s and not is_before_its_node(faults, fault)]
    if not asked:
        return []
    left, joined = dict[float, set[WorkerId]](), dict[WorkerId, list[float]]()
    for event in read_log(log):
        if isinstance(event, RunStarted) and event.backend != SIMULATED:
            return []
        if isinstance(event, WorkerLeft):
            left.setdefault(event.time, set()).add(event.worker)
        elif isinstance(event, WorkerJoined):
            joined.setdefault(event.worker.id, []).append(event.time)
    return [
        fault
        for fault in asked
        if not any(_is_of(fault, worker) for worker in left.get(fault.at_s, ()))
        and not _may_keep_away(fault, joined, end_s, late=node_of(fault) in faults.late)
    ]


def without_workers(setup: Setup, run: RunResult) -> set[str]:
    """The late nodes and the spot nodes, by name, on which the strategy of the run has no worker.
    Empty: nobody knows, because the allocation policy is in a file that is not executed here."""
    faults = setup.scenario.faults
    named = {*faults.late, *((faults.spot and faults.spot.nodes) or [])}
    if not named:
        return named
    try:
        workers = setup.workers(parse_strategy(run.metrics.strategy))
    except HetschedError:
        return set()
    return named - {worker.node for worker in workers}


def _may_keep_away(fault: PlannedFault, joined: dict[WorkerId, list[float]], end_s: float, late: bool) -> bool:
    """Whether a node that was away comes back when this fault ends, or the run ended before. A node
    that is not `late` and never joined has no workers."""
    if fault.back_s is None:
        return False
    times = [time for worker, of_worker in joined.items() if _is_of(fault, worker) for time in of_worker]
    if fault.back_s > end_s:
        return late or bool(times)
    return any(isclose(time, fault.back_s) for time in times)


def _is_of(fault: PlannedFault, worker: WorkerId) -> bool:
    """Whether the fault is one of this worker, or of its node."""
    return worker == fault.worker or worker.rpartition("/")[0] == fault.node


def node_of(fault: PlannedFault) -> str:
    """The node that the fault is of, or the node of its worker."""
    return fault.node or str(fault.worker).rpartition("/")[0]
