"""What simulations and bounds assume of costs and memory that nobody measured."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.workload import TrialKind
from hetsched.errors import listed
from hetsched.scenario.scenario import Setup
from hetsched.studies.how_known import Known, Lookups
from hetsched.studies.pairs import Pair, some

SPREADS = {
    "noise_cv": "iterations",
    "evaluation_cv": "evaluation",
    "start_up_cv": "start-up",
    "restore_cv": "restore",
    "checkpoint_cv": "checkpoint",
}
"""The times of a segment whose spread a profile may lack, in words."""

COSTS = {
    "evaluation_s_per_image": "evaluation",
    "start_up_s": "start-up",
    "restore_s": "restore",
    "checkpoint_s": "checkpoint",
    **SPREADS,
    "sharing": "sharing a node",
    "checkpoint_bytes": "checkpoints that move between nodes",
    "object_store_save_s": "checkpoints into memory",
    "object_store_restore_s": "restoring from memory",
}
"""The costs of a segment that a profile may lack, in words."""

OF_STORAGE = {"object_store_save_s": "checkpoint_s", "object_store_restore_s": "restore_s"}
"""The costs of storage that replace those of memory."""

OF_EVALUATION = ("evaluation_s_per_image", "evaluation_cv")
"""The costs of trials that are evaluated."""

FROM_OTHERS = {
    Known.BETWEEN: "interpolated between measured batch sizes or cores",
    Known.BEYOND: "extrapolated beyond all that was measured",
}
"""How a figure is known that was not measured itself."""

OF_STEPS = "seconds_per_iteration"

Key = TypeVar("Key")

Filled = dict[tuple[str, str], list[str]]
"""For whom a cost was not measured, by how it is filled in, and by the cost."""


def costs(
    setup: Setup, pairs: Sequence[Pair], of: Collection[str] = tuple(COSTS), said: Sequence[Pair] = ()
) -> Iterator[str]:
    """Which of these costs were not measured, and how `StepTimes.costs` fills them in. Costs that
    count as nothing come last. What holds for the pairs in `said`, too, is left out."""
    evaluated = _evaluated(setup)
    charged = [cost for cost in _charged(setup, evaluated) if cost in of]
    spreads = [cost for cost in charged if cost in SPREADS]
    for filled in (_estimated, _left_out):
        found, before = (filled(setup, those, charged, evaluated) for those in (pairs, said))
        for (how, who), alike in _alike(_without(found, before)).items():
            yield f"{', '.join(_together(alike, spreads))}: {how} {who}"


def counted_by_bounds(setup: Setup) -> tuple[str, ...]:
    """The costs that bounds count. With checkpoints in memory, those of storage count for a model of
    which nobody measured them in memory."""
    always = ("evaluation_s_per_image", "start_up_s", "object_store_save_s")
    models = {experiment.model for experiment in setup.workload.experiments}
    in_memory = setup.scenario.checkpoints.place != "storage"
    if in_memory and all(setup.times.where_measured(model, "object_store_save_s") for model in models):
        return always
    return (*always, "checkpoint_s")


def _estimated(setup: Setup, pairs: Sequence[Pair], charged: Sequence[str], evaluated: Collection[TrialKind]) -> Filled:
    """The costs that are known from other measurements. A cost between measurements, or beyond
    them, is left out if the step time is known no better: `step_times` names it."""
    filled: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    lookups = Lookups(setup.times)
    for cost in charged:
        for kind, worker in _charging(pairs, cost, evaluated):
            on = f"{kind.model} on {worker.as_profiled}"
            if lookups.how(kind, worker, cost) is not None:
                if by := _from_others(lookups, kind, worker, cost):
                    filled[f"{by}, for", cost].append(f"{kind} on {worker.as_profiled}")
            elif cost == "evaluation_s_per_image":
                filled["a third of an iteration's time per image, for", cost].append(on)
            elif measured := setup.times.where_measured(kind.model, cost):
                by = f"{_median_of(measured, kind, worker)}{lookups.behind_median(kind.model, cost)}"
                filled[f"{by}, for", cost].append(on)
            elif cost in OF_STORAGE and setup.times.where_measured(kind.model, OF_STORAGE[cost]):
                filled["those of storage, for", cost].append(kind.model)
    return filled


def _from_others(lookups: Lookups, kind: TrialKind, worker: WorkerType, cost: str) -> str:
    """How the cost is known from rows of others. Empty: it is known as well as the step time is, and
    by rows that were measured, or by those of the step time."""
    how = lookups.how(kind, worker, cost) or Known.MEASURED
    if how is Known.MEASURED:
        return ""
    behind = lookups.behind(kind, worker, cost)
    as_well = how <= (lookups.how(kind, worker, OF_STEPS) or Known.MEASURED)
    return "" if as_well and behind in ("", lookups.behind(kind, worker, OF_STEPS)) else f"{FROM_OTHERS[how]}{behind}"


def _left_out(setup: Setup, pairs: Sequence[Pair], charged: Sequence[str], evaluated: Collection[TrialKind]) -> Filled:
    """The costs that the profile has nowhere for a model. They count as nothing."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for cost in charged:
        for kind, _ in _charging(pairs, cost, evaluated):
            known = cost == "evaluation_s_per_image" or cost in OF_STORAGE
            if not known and not setup.times.where_measured(kind.model, cost):
                found["nothing, as the profile has none for", cost].append(kind.model)
    return found


def _median_of(measured: Collection[tuple[str, WorkerType]], kind: TrialKind, worker: WorkerType) -> str:
    """Over what a cost is the median that was measured for these data sets and types of worker."""
    others = {
        "workers": any(there != worker.as_profiled for _, there in measured),
        "data sets": any(dataset != kind.dataset for dataset, _ in measured),
        "batch sizes": (kind.dataset, worker.as_profiled) in measured,
    }
    return f"the median of other {' or '.join(name for name, so in others.items() if so)}"


def _together(costs: Sequence[str], spreads: Sequence[str]) -> list[str]:
    """The costs, with the spreads among them as one noise. `spreads` are all that are charged."""
    of = [SPREADS[cost] for cost in costs if cost in SPREADS]
    noise = "noise" if len(of) == len(spreads) else f"noise of {listed(of)}"
    return list(dict.fromkeys(noise if cost in SPREADS else COSTS[cost] for cost in costs))


def memory(setup: Setup, pairs: Sequence[Pair], said: Sequence[Pair] = ()) -> Iterator[str]:
    """Which trials fit into the memory of GPUs because the profile does not say what they need, and
    whose need was not measured. What holds for the pairs in `said`, too, is left out."""
    for how, who in _without(_memory(setup, pairs), _memory(setup, said)).items():
        if who:
            yield f"gpu_memory_gib: {how}, for {some(who)}"


def _memory(setup: Setup, pairs: Sequence[Pair]) -> dict[str, list[str]]:
    """The pairs whose need of memory was not measured, by what is assumed."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    lookups = Lookups(setup.times)
    somewhere = {(row.model, row.dataset, row.device) for row in setup.times.rows if row.memory_gib is not None}
    for kind, worker in pairs:
        bare = known = worker.as_profiled
        if worker.memory_gib is None or setup.times.seconds_per_iteration(kind, bare) is None:
            continue
        how = lookups.how(kind, bare, "memory_gib")
        if how is None and bare.gpu_share < 1:
            known = bare._replace(gpu_share=1.0)
            how = lookups.how(kind, known, "memory_gib")
        if how is None:
            named = kind if (kind.model, kind.dataset, worker.device) in somewhere else kind.model
            found["enough, as the profile has no memory_gib"].append(f"{named} on {bare}")
        elif how is not Known.MEASURED:
            by = f"{FROM_OTHERS[how]}{lookups.behind(kind, known, 'memory_gib')}"
            found[f"memory_gib {by}"].append(f"{kind} on {bare}")
    return found


def growing(setup: Setup, pairs: Sequence[Pair]) -> Iterator[str]:
    """For which pairs the profile says that the state grows, and where nobody measured by how much.
    A calibration has seen the growth of checkpoints alone."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    lookups = Lookups(setup.times)
    for kind, worker in pairs:
        if _growth(setup, kind, worker):
            by = _from_others(lookups, kind, worker, "state_growth")
            found[f" {by}" if by else ""].append(f"{kind if by else kind.model} on {worker.as_profiled}")
    for by, who in found.items():
        yield f"evaluation, restore and checkpoint: in proportion to iterations, by state_growth{by}, for {some(who)}"


def _growth(setup: Setup, kind: TrialKind, worker: WorkerType) -> float:
    return setup.times.costs(kind, worker).state_growth


def _charged(setup: Setup, evaluated: Collection[TrialKind]) -> list[str]:
    """The costs that the scenario charges, in which these kinds of trial are evaluated."""
    left_out = set(setup.scenario.overheads.left_out)
    if setup.scenario.checkpoints.place != "object-store" or len(setup.cluster.nodes) == 1:
        left_out.add("checkpoint_bytes")
    if setup.scenario.checkpoints.place == "storage":
        left_out.update(OF_STORAGE)
    if not evaluated:
        left_out.update(OF_EVALUATION)
    return [cost for cost in COSTS if cost not in left_out]


def _charging(pairs: Sequence[Pair], cost: str, evaluated: Collection[TrialKind]) -> Iterator[Pair]:
    """The pairs that have the cost. `evaluated` are the kinds of trial that are evaluated."""
    for kind, worker in pairs:
        if cost in OF_EVALUATION and kind not in evaluated:
            continue
        if cost == "sharing" and (worker.device != CPU or worker.pace is not None):
            continue
        yield kind, worker


def _evaluated(setup: Setup) -> set[TrialKind]:
    """The kinds of trial that are evaluated."""
    return {kind for e in setup.workload.experiments if e.evaluation_images for kind in e.kinds}


def _without(found: Mapping[Key, Collection[str]], before: Mapping[Key, Iterable[str]]) -> dict[Key, list[str]]:
    """Those of whom nothing was said before, by the same key."""
    known = {key: set(who) for key, who in before.items()}
    return {key: [on for on in who if on not in known.get(key, ())] for key, who in found.items()}


def _alike(found: Filled) -> Filled:
    """The costs by how they are filled in, and for whom. Those for nobody are left out."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (how, cost), who in found.items():
        if who:
            alike[how, some(who)].append(cost)
    return alike
