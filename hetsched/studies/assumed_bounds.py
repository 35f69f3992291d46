"""What bounds assume of step times, costs and memory that nobody measured.

A real run assumes nothing. Its bounds do: they are computed from the profile.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from hetsched.analysis.bounds import cluster_devices
from hetsched.analysis.bounds_groups import Mode
from hetsched.domain.cluster import CPU, DeviceType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_costs import costs, counted_by_bounds, memory
from hetsched.studies.assumed_times import (
    NOT_THERE,
    NOTHING_THERE,
    gangs,
    not_measured_pairs,
    not_there,
    nothing_there,
    step_times,
)
from hetsched.studies.no_exploits import no_exploits
from hetsched.studies.pairs import Pair, may_run, some, timed, types_of

ANY = "bound of any allocation"


def of_bounds(setup: Setup, strategies: Iterable[Strategy]) -> list[str]:
    """What the bounds for the workers of these strategies assume, and the bound of any
    allocation."""
    types = types_of(setup, strategies)
    possible = may_run(setup, types)
    pairs = timed(setup, possible)
    own = *step_times(setup, pairs), *costs(setup, pairs, counted_by_bounds(setup)), *memory(setup, possible)
    missing = *not_there(setup, types), *nothing_there(setup, types)
    return [*own, *missing, *gangs(setup, types), *bound_of_any(setup, possible)]


def bound_of_any(setup: Setup, said: Sequence[Pair]) -> Iterator[str]:
    """What only the bound of any allocation assumes. It takes all workers that the cluster could
    have. `said` are the pairs that may run on the workers of a study."""
    known = set(said)
    others = [pair for pair in _anywhere(setup) if pair not in known]
    of_others, of_said = timed(setup, others), timed(setup, said)
    for how, found in not_measured_pairs(setup, of_others).items():
        yield f"{ANY}: {how}: {some(f'{kind} on {worker.device}' for kind, worker in found)}"
    for line in (*costs(setup, of_others, counted_by_bounds(setup), of_said), *memory(setup, others, said)):
        yield f"{ANY}: {line}"
    for line in _unused(setup, {worker.device for _, worker in said}):
        yield f"{ANY}: {line}"


def _unused(setup: Setup, made: Collection[DeviceType]) -> Iterator[str]:
    """On which devices nothing runs, and which kinds of trial do not run on some device, because
    the profile has no step time. `made` are the devices of the workers of a study, of which other
    lines say this."""
    modes: defaultdict[DeviceType, list[Mode]] = defaultdict(list)
    for mode in cluster_devices(setup.cluster, setup.times).modes:
        modes[mode.worker.device].append(mode)
    missing: list[str] = []
    for device in (device for device in modes if device not in made):
        ways = _ways(setup, device, modes[device])
        unknown = [pairs for pairs in ways if not any(timed(setup, [pair]) for pair in pairs)]
        if unknown and len(unknown) == len(ways):
            yield f"{NOTHING_THERE}: {device}: {why_missing(setup.times, *unknown[0][-1])}"
        else:
            largest = [pairs[-1] for pairs in unknown]
            missing += [f"{kind} on {CPU if device == CPU else gang.as_profiled}" for kind, gang in largest]
    if missing:
        yield f"{NOT_THERE}: {some(missing)}"


def _ways(setup: Setup, device: DeviceType, modes: Sequence[Mode]) -> list[list[Pair]]:
    """For each kind of trial, the workers or gangs of this device that it could take. Every node
    has cores. So cores count only for models that the profile has on cores."""
    on_cores = {(row.model, row.dataset) for row in setup.times.rows if row.device == CPU}
    takes = dict.fromkeys(
        (kind, experiment.gang)
        for experiment in setup.workload.experiments
        if experiment.may_use(device)
        for kind in experiment.kinds
        if device != CPU or (kind.model, kind.dataset) in on_cores
    )
    ways = ([(kind, mode.worker.gang(gang)) for mode in modes if mode.workers >= gang] for kind, gang in takes)
    return [pairs for pairs in ways if pairs]


def of_measured(setup: Setup, strategies: Iterable[Strategy], predicted: Collection[str] = ()) -> list[str]:
    """What the bounds of real runs of these strategies assume. Nothing if the profile has no step
    time of some kind of trial, as there is no bound then. Also what a plan's prediction of the runs
    assumes, which is `predicted`."""
    every = _anywhere(setup)
    bounded = {kind for kind, _ in every} == {kind for kind, _ in timed(setup, every)}
    own = of_bounds(setup, strategies) if bounded else []
    said = {*own, *no_exploits(setup)}  # a real run warns of PBT that never acts
    of_both = {line: "bounds and prediction" if line in predicted else "bounds" for line in own}
    lines = [line if line.startswith(ANY) else f"{whose}: {line}" for line, whose in of_both.items()]
    return [*lines, *(f"prediction: {line}" for line in predicted if line not in said)]


def _anywhere(setup: Setup) -> list[Pair]:
    """The pairs that may run on the workers that any allocation policy could make."""
    return may_run(setup, dict.fromkeys(mode.worker for mode in cluster_devices(setup.cluster, setup.times).modes))
