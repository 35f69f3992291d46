"""What simulations and bounds assume of step times that nobody measured."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import get_args

from hetsched.domain.cluster import CPU, Gpu, WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import StepTimes
from hetsched.domain.provenance import not_measured
from hetsched.domain.workload import SpeedUp
from hetsched.scenario.scenario import Setup
from hetsched.studies.how_known import Known, Lookups
from hetsched.studies.pairs import Pair, may_run, some, timed

INTERPOLATED = "step times interpolated between measured batch sizes or cores"
EXTRAPOLATED = "step times extrapolated beyond all that was measured"
OWN_WORD = "step times not measured, by the profile's own word"
NOT_THERE = "no step time, so does not run there"
NOTHING_THERE = "no step times, so nothing runs there"

SPEED_UPS: tuple[str, ...] = get_args(SpeedUp)
_SAYS_SPEED_UPS = re.compile(r"by hetsched profile\b|^\s*published\b", re.IGNORECASE)


def step_times(setup: Setup, pairs: Sequence[Pair]) -> Iterator[str]:
    """Which step times were not measured, or not as real runs train."""
    for how, found in not_measured_pairs(setup, pairs).items():
        yield f"{how}: {some(f'{kind} on {worker.as_profiled}' for kind, worker in found)}"


def not_measured_pairs(setup: Setup, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs whose step times were not measured, or not as real runs train, by how the step times
    came about."""
    times, lookups = setup.times, Lookups(setup.times)
    known = {pair: lookups.how(*pair, "seconds_per_iteration") for pair in pairs}
    between, beyond = ([pair for pair in pairs if known[pair] is how] for how in (Known.BETWEEN, Known.BEYOND))
    found = {
        INTERPOLATED: between,
        EXTRAPOLATED: beyond,
        **_by_own_word(times, pairs),
        **_otherwise_sped_up(setup, pairs),
    }
    return {how: those for how, those in found.items() if those}


def _by_own_word(times: StepTimes, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs whose step times are from rows that say that nobody measured them, by what the rows
    say."""
    says = {row.provenance: not_measured(row.provenance) for row in times.rows}
    found: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs if any(says.values()) else ():
        for how in dict.fromkeys(says[row.provenance] for row in times.rows_behind(*pair)):
            if how is not None:
                found[f"{OWN_WORD} ({how})"].append(pair)
    return found


def _otherwise_sped_up(setup: Setup, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs whose step times are from rows with other speed-ups than the scenario's
    `real.speed_ups`, by the difference. Only rows by `hetsched profile`, which names its speed-ups,
    and published rows say what they were measured with. A training of the user's own gets no
    speed-ups. An iteration on a worker with a pace lasts as long with them."""
    found: defaultdict[str, list[Pair]] = defaultdict(list)
    if setup.scenario.training is not None:
        return found
    asked = setup.scenario.real.speed_ups
    for pair in (pair for pair in pairs if pair[1].pace is None):
        rows = [row.provenance for row in setup.times.rows_behind(*pair) if _SAYS_SPEED_UPS.search(row.provenance)]
        behind = [said.split(", ") for said in rows]
        without = [one for one in dict.fromkeys(asked) if not all(one in said for said in behind)]
        beside = [one for one in SPEED_UPS if one not in asked and any(one in said for said in behind)]
        if without:
            found[f"step times and start-up measured without {', '.join(without)} of real.speed_ups"].append(pair)
        if beside:
            found[f"step times and start-up measured with {', '.join(beside)}, not in real.speed_ups"].append(pair)
    return found


def not_there(setup: Setup, workers: Iterable[WorkerType]) -> Iterator[str]:
    """Which kinds of trial do not run on some of the workers, because the profile has no step time
    of them there."""
    missing = [
        f"{kind} on {there._replace(pace=None)}"
        for pairs, unknown in _without_times(setup, workers)
        if len(unknown) < len(pairs)
        for kind, there in unknown
    ]
    if missing:
        yield f"{NOT_THERE}: {some(missing)}"


def nothing_there(setup: Setup, workers: Iterable[WorkerType]) -> dict[str, None]:
    """On which workers nothing runs, because the profile has no step time there. Such a device may
    be misspelt."""
    return {
        f"{NOTHING_THERE}: {unknown[0][1]._replace(pace=None)}: {why_missing(setup.times, *unknown[0])}": None
        for pairs, unknown in _without_times(setup, workers)
        if unknown and len(unknown) == len(pairs)
    }


def _without_times(setup: Setup, workers: Iterable[WorkerType]) -> Iterator[tuple[list[Pair], list[Pair]]]:
    """For each type of worker, the pairs that may run there, and those of them without a step
    time."""
    for worker in workers:
        pairs = may_run(setup, [worker])
        yield pairs, [pair for pair in pairs if setup.times.seconds_per_iteration(*pair) is None]


def gangs(setup: Setup, workers: Collection[WorkerType]) -> Iterator[str]:
    """Which gangs train on shares of GPUs, on cores, or on GPUs that may be of several nodes.
    Profiles name a gang by the sum of its shares or cores, whatever GPUs or nodes they are of."""
    sizes = {e.gang: None for e in setup.workload.experiments if e.gang > 1}
    trained = {worker for _, worker in timed(setup, may_run(setup, workers))}
    apart: list[WorkerType] = []
    for worker in workers:
        for size in (size for size in sizes if worker.gang(size) in trained):
            gang = worker.gang(size)
            if worker.device == CPU:
                whole = f"{gang} of one node"
                yield f"a gang of {size} workers of {worker} takes the profile's times of {whole}, whatever their nodes"
            elif worker.gpu_share < 1:
                whole = f"gpu_share {gang.gpu_share:g}"
                yield f"a gang of {size} workers of {worker} takes the profile's times of {whole}, whatever GPUs share"
            elif _nodes_with(setup, worker) > 1:
                apart.append(gang.as_profiled)
    if apart:
        yield f"gangs take the profile's times of as many GPUs, whatever their nodes: {some(map(str, apart))}"


def _nodes_with(setup: Setup, worker: WorkerType) -> int:
    """The number of nodes with such a GPU."""
    gpu = Gpu(worker.device, worker.gpu_memory_gib)
    return sum(gpu in node.each_gpu and node.pace == worker.pace for node in setup.cluster.nodes)
