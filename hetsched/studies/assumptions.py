"""The assumptions of a simulation about what nobody has measured. They are printed beside its
figures, one per line.

Only assumptions that a scenario leaves open are listed. Whatever the scenario sets, itself or by
the default of a key, is in its `scenario.toml`.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from hetsched.analysis.bounds import cluster_devices
from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.learning import NamesHyperparameters, SaysAssumptions, SaysLimits
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import StepTimes
from hetsched.domain.provenance import not_measured
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, TrialKind
from hetsched.errors import RAISED, HetschedError, InputError, listed, where
from hetsched.scenario.scenario import Setup
from hetsched.studies.no_effect import no_effect
from hetsched.studies.no_exploits import exploits_by_order, no_exploits

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

NAMED = 3
"""The most things of a kind that are named. If there are more, the line says how many."""

INTERPOLATED = "step times interpolated between measured batch sizes or cores"
EXTRAPOLATED = "step times extrapolated beyond all that was measured"
OWN_WORD = "step times not measured, by the profile's own word"

Pair = tuple[TrialKind, WorkerType]


def assumptions(setup: Setup, strategies: Iterable[Strategy]) -> list[str]:
    """What simulations of these strategies assume: of step times, costs, the jobs of a trace and
    scores."""
    types = {worker.type: None for strategy in strategies for worker in setup.workers(strategy)}
    pairs = pairs_of(setup, types)
    said = [
        *step_times(setup.times, pairs),
        *bound_of_any(setup, pairs),
        *costs(setup, pairs),
        *_growing(setup, pairs),
        *_memory(setup, pairs),
        *not_there(setup, types),
        *gangs_of_parts(setup, types),
        *dealt_jobs(setup),
        *no_effect(setup),
        *_hyperparameters(setup),
    ]
    return list(dict.fromkeys([*said, *_scores(setup), *_ignored(setup), *no_exploits(setup)]))


def step_times(times: StepTimes, pairs: Sequence[Pair]) -> Iterator[str]:
    """Which step times were not measured."""
    for how, found in _not_measured(times, pairs).items():
        yield f"{how}: {_some(f'{kind} on {worker.as_profiled}' for kind, worker in found)}"


def bound_of_any(setup: Setup, pairs: Sequence[Pair]) -> Iterator[str]:
    """Which step times were not measured that only the bound of any allocation takes. It takes all
    workers that the cluster could have. `pairs` are of the workers of a study."""
    possible = dict.fromkeys(mode.worker for mode in cluster_devices(setup.cluster, setup.times).modes)
    known = set(pairs)
    others = [pair for pair in pairs_of(setup, possible) if pair not in known]
    for how, found in _not_measured(setup.times, others).items():
        yield f"bound of any allocation: {how}: {_some(f'{kind} on {worker.device}' for kind, worker in found)}"


def _not_measured(times: StepTimes, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """The pairs whose step times were not measured, by how the step times came about."""
    between, beyond = _unmeasured(times, pairs)
    found = {INTERPOLATED: between, EXTRAPOLATED: beyond, **_by_own_word(times, pairs)}
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


def _unmeasured(times: StepTimes, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """The pairs whose step times are interpolated, and the pairs whose step times are
    extrapolated."""
    within = StepTimes(times.rows)
    measured = {(row.kind, row.worker_type) for row in times.rows}
    between: list[Pair] = []
    beyond: list[Pair] = []
    for kind, worker in pairs:
        bare = worker.as_profiled
        if (kind, bare) not in measured:
            (beyond if within.seconds_per_iteration(kind, bare) is None else between).append((kind, worker))
    return between, beyond


def pairs_of(setup: Setup, workers: Iterable[WorkerType]) -> list[Pair]:
    """The kinds of trial and the types of worker, or of a gang of workers, on which they train."""
    return [pair for pair in may_run(setup, workers) if setup.times.seconds_per_iteration(*pair) is not None]


def may_run(setup: Setup, workers: Iterable[WorkerType]) -> list[Pair]:
    """The kinds of trial and the types of worker, or of a gang, whose devices they may use."""
    found: dict[Pair, None] = {}
    for worker in workers:
        for experiment in setup.workload.experiments:
            if experiment.may_use(worker.device):
                found.update(dict.fromkeys((kind, worker.gang(experiment.gang)) for kind in experiment.kinds))
    return list(found)


def not_there(setup: Setup, workers: Iterable[WorkerType]) -> Iterator[str]:
    """Which kinds of trial do not run on some of the workers, because the profile has no step time
    of them there."""
    some = [
        f"{kind} on {there._replace(pace=None)}"
        for pairs, unknown in _without_times(setup, workers)
        if len(unknown) < len(pairs)
        for kind, there in unknown
    ]
    if some:
        yield f"no step time, so does not run there: {_some(some)}"


def nothing_there(setup: Setup, workers: Iterable[WorkerType]) -> dict[str, None]:
    """On which workers nothing runs, because the profile has no step time there. Such a device may
    be misspelt."""
    return {
        f"no step times, so nothing runs there: {unknown[0][1]._replace(pace=None)}: "
        f"{why_missing(setup.times, *unknown[0])}": None
        for pairs, unknown in _without_times(setup, workers)
        if unknown and len(unknown) == len(pairs)
    }


def idle_workers(setup: Setup, strategies: Iterable[Strategy]) -> dict[str, str]:
    """A warning for each strategy with workers that a simulation leaves idle, because the profile
    lacks them."""
    idle = {
        str(strategy): nothing_there(setup, dict.fromkeys(worker.type for worker in setup.workers(strategy)))
        for strategy in strategies
    }
    return {strategy: "; ".join(lines) for strategy, lines in idle.items() if lines}


def _without_times(setup: Setup, workers: Iterable[WorkerType]) -> Iterator[tuple[list[Pair], list[Pair]]]:
    """For each type of worker, the pairs that may run there, and those of them without a step
    time."""
    for worker in workers:
        pairs = may_run(setup, [worker])
        yield pairs, [pair for pair in pairs if setup.times.seconds_per_iteration(*pair) is None]


def costs(setup: Setup, pairs: Sequence[Pair], of: Collection[str] = tuple(COSTS)) -> Iterator[str]:
    """Which of these costs were not measured, and how `StepTimes.costs` fills them in. Costs that
    count as nothing come last."""
    filled: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    left_out: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    evaluated = _evaluated(setup)
    charged = [cost for cost in _charged(setup, evaluated) if cost in of]
    for cost in charged:
        for kind, worker in _in_question(setup, pairs, cost, evaluated):
            on = f"{kind.model} on {worker.as_profiled}"
            if cost == "evaluation_s_per_image":
                filled["a third of an iteration's time per image, for", cost].append(on)
            elif measured := setup.times.where_measured(kind.model, cost):
                filled[f"{_median_of(measured, kind, worker)}, for", cost].append(on)
            elif cost in OF_STORAGE:
                if setup.times.where_measured(kind.model, OF_STORAGE[cost]):
                    filled["those of storage, for", cost].append(kind.model)
            else:
                left_out["nothing, as the profile has none for", cost].append(kind.model)
    spreads = [cost for cost in charged if cost in SPREADS]
    for (how, who), costs in [*_alike(filled).items(), *_alike(left_out).items()]:
        yield f"{', '.join(_together(costs, spreads))}: {how} {who}"


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


def _memory(setup: Setup, pairs: Sequence[Pair]) -> Iterator[str]:
    """Which trials fit into the memory of GPUs because the profile does not say what they need."""
    known = {(row.model, row.dataset, row.device) for row in setup.times.rows if row.memory_gib is not None}
    fits = [
        f"{kind.model} on {worker.as_profiled}"
        for kind, worker in pairs
        if worker.memory_gib is not None and (kind.model, kind.dataset, worker.device) not in known
    ]
    if fits:
        yield f"gpu_memory_gib: enough, as the profile has no memory_gib, for {_some(fits)}"


def _growing(setup: Setup, pairs: Sequence[Pair]) -> Iterator[str]:
    """For which pairs the profile says that the state grows. A calibration has seen this of
    checkpoints alone."""
    if growing := [f"{kind.model} on {worker.as_profiled}" for kind, worker in pairs if _growth(setup, kind, worker)]:
        yield f"evaluation, restore and checkpoint: in proportion to iterations, by state_growth, for {_some(growing)}"


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


def _in_question(setup: Setup, pairs: Sequence[Pair], cost: str, evaluated: Collection[TrialKind]) -> Iterator[Pair]:
    """The pairs for which the cost is needed and was not measured. `evaluated` are the kinds of
    trial that are evaluated."""
    for kind, worker in pairs:
        if cost in OF_EVALUATION and kind not in evaluated:
            continue
        if cost == "sharing" and (worker.device != CPU or worker.pace is not None):
            continue
        if not setup.times.knows_cost(kind, worker, cost):
            yield kind, worker


def _evaluated(setup: Setup) -> set[TrialKind]:
    """The kinds of trial that are evaluated."""
    return {kind for e in setup.workload.experiments if e.evaluation_images for kind in e.kinds}


def _alike(found: dict[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
    """The costs by how they are filled in, and for whom."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (how, cost), who in found.items():
        alike[how, _some(who)].append(cost)
    return alike


def dealt_jobs(setup: Setup) -> Iterator[str]:
    """A note that a trace does not say what its jobs train, and what was changed in it or left out
    of it."""
    dealt = setup.scenario.workload.trace_models
    if dealt is not None:
        yield (
            f"what the jobs of the trace train: dealt by lot (seed {dealt.seed}) from workload.trace_models, with "
            f"iterations by their durations on {dealt.device}"
        )
    if setup.reading is not None:
        yield from setup.reading.lines()


def _hyperparameters(setup: Setup) -> Iterator[str]:
    """A note that a trace does not say what its experiments search."""
    if any(job.evaluation_images for job in setup.jobs):
        yield "hyperparameters of the trace's experiments: the default search space and the default settings of PBT"


def _scores(setup: Setup) -> Iterator[str]:
    """What the learning model assumes, and which scores are unknown because nothing is
    evaluated."""
    if unseen := [e for e in setup.workload.experiments if not e.evaluation_images]:
        yield f"scores: not evaluated, and unknown, for {_some(e.id for e in unseen)}{exploits_by_order(unseen)}"
    model = setup.learning_model()
    evaluated = [e for e in setup.workload.experiments if e.evaluation_images]
    if isinstance(model, SaysLimits):
        for experiment in evaluated:
            yield from limits(setup, model, experiment, experiment.stop_iterations)
    if not isinstance(model, SaysAssumptions):
        return
    kinds = list(dict.fromkeys(kind for experiment in evaluated for kind in experiment.kinds))
    named = " and ".join(dict.fromkeys(experiment.metric.name for experiment in evaluated))
    rest = ["exploits"] if any(e.pbt is not None for e in evaluated) else []
    rest += ["stop_score"] if any(e.stop_score is not None for e in evaluated) else []
    for line in _answered(setup, "assumed", lambda: model.assumed(kinds)):
        yield f"{named}: {line}" + (f"; {' and '.join(rest)} go by it" if rest else "")


def limits(setup: Setup, model: SaysLimits, experiment: Experiment, iterations: int) -> list[str]:
    """What of so many iterations of the experiment's trials lies beyond everything that the
    learning model was made from, a line each."""
    told = _answered(
        setup,
        "beyond",
        lambda: [line for kind in experiment.kinds if (line := model.beyond(kind, iterations)) is not None],
    )
    return [f"{experiment.metric.name}: {line}" for line in dict.fromkeys(told)]


def gangs_of_parts(setup: Setup, workers: Iterable[WorkerType]) -> Iterator[str]:
    """Which gangs train on shares of GPUs, or on cores. Profiles name a gang by the sum of its
    shares or cores, whatever GPUs or nodes they are of."""
    gangs = {e.gang: None for e in setup.workload.experiments if e.gang > 1}
    for worker in workers:
        for gang in gangs:
            if worker.device == CPU:
                whole = f"{worker.gang(gang)} of one node"
                yield f"a gang of {gang} workers of {worker} takes the profile's times of {whole}, whatever their nodes"
            elif worker.gpu_share < 1:
                whole = f"gpu_share {worker.gang(gang).gpu_share:g}"
                yield f"a gang of {gang} workers of {worker} takes the profile's times of {whole}, whatever GPUs share"


def _ignored(setup: Setup) -> Iterator[str]:
    """The searched hyperparameters that have no effect, because the learning model does not use
    them."""
    model = setup.learning_model()
    if not isinstance(model, NamesHyperparameters):
        return
    evaluated = [experiment for experiment in setup.workload.experiments if experiment.evaluation_images]
    searched = [name for experiment in evaluated for name in experiment.searched]
    known = _answered(setup, "known_hyperparameters", lambda: model.known_hyperparameters)
    if ignored := [name for name in searched if name not in known]:
        yield f"learning: the curve knows nothing of {_some(ignored)}: no value is better than another"


def _answered(setup: Setup, what: str, ask: Callable[[], Iterable[Any]]) -> list[str]:
    """What the learning model says of itself. Raises HetschedError, naming the model, if its answer
    is no list of texts."""
    name = f"learning model {setup.scenario.learning.model!r}: {what}"
    try:
        found = ask()
        answer = list(found)
    except InputError:
        raise
    except RAISED as error:
        raise HetschedError(f"{name} raised {type(error).__name__}{where(error)}: {error}") from error
    if isinstance(found, str) or not all(isinstance(line, str) for line in answer):
        raise HetschedError(f"{name}: expected a list of texts, found {found!r}")
    return answer


def check_learning(setup: Setup) -> None:
    """Ask the learning model everything that a study will ask it, before anything is simulated or
    measured. Raises InputError if it does not suit the scenario, and HetschedError if it fails."""
    _ = [*_scores(setup), *_ignored(setup)]


def _some(names: Iterable[str]) -> str:
    """The names, each once; of many, the first ones and how many more there are."""
    different = list(dict.fromkeys(names))
    more = len(different) - NAMED
    return "; ".join(different[:NAMED]) + (f"; and {more} more" if more > 0 else "")
