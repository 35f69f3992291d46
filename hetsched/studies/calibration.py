"""Calibration: step times and costs of a machine, from the log of a real run, as rows of a
profile."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from math import sqrt
from statistics import fmean
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from hetsched.analysis.intervals import variation
from hetsched.analysis.starts_at_once import StartsAtOnce
from hetsched.analysis.step_times import is_late
from hetsched.core.events import Event, SegmentEnded
from hetsched.core.state import State
from hetsched.domain.cluster import Worker, WorkerType
from hetsched.domain.missing_times import MEASURE, why_missing
from hetsched.domain.profiles import ProfileRow, StepTimes, grown
from hetsched.domain.provenance import scaled
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.state_growth import state_growth


class Calibration(Struct, frozen=True):
    """What a run showed of the machine: a profile, and the mean seconds of a segment that its
    worker did not account for.

    `host_cores` is the number of cores of the host that all workers shared. Then `start_up_s` is
    the time of a worker that starts alone. None: workers had several hosts, and start-ups are as
    they were measured.
    """

    rows: list[ProfileRow]
    latency_s: float
    host_cores: int | None = None


class Seen(NamedTuple):
    """A segment that ended.

    - `pace`: the pace of its worker
    - `restored`: whether a restore came first
    - `images`: how many images were evaluated
    - `slowdown`: the factor by which its start-up took longer because other workers started as well
    - `before`: the trial's iterations before it
    """

    ended: SegmentEnded
    pace: float | None
    restored: bool
    images: int
    slowdown: float = 1.0
    before: int = 0

    @property
    def after(self) -> int:
        """The trial's iterations at its end."""
        return self.before + self.ended.iterations


Pair = tuple[TrialKind, WorkerType]

COLD = "estimated from first segments only"
"""How the provenance of a row begins if no warm segment was seen: its step time includes first calls
and empty caches."""


def calibrate(
    events: Iterable[Event], provenance: str, host_cores: int | None = None, *, held: bool = False
) -> Calibration:
    """The step times and costs that a log shows, by kind of trial and type of worker.

    Step times of paced workers are given without their pace, as in any profile. In a simulation no
    start-up slows another one down, whatever `host_cores` is. `held`: a run is to ask these step
    times as its pace, so they are such that workers of every pace can hold it.
    """
    seen, on_one_host = seen_segments(events, host_cores)
    rows = [row_of(*pair, one, provenance, growth_of(one), held=held) for pair, one in seen.items()]
    latencies = [segment.ended.parts.dispatch_s for of_pair in seen.values() for segment in of_pair]
    return Calibration(rows, fmean(latencies) if latencies else 0.0, on_one_host)


def seen_segments(events: Iterable[Event], host_cores: int | None) -> tuple[dict[Pair, list[Seen]], int | None]:
    """The segments of a log by kind of trial and type of worker, and the cores of the host that
    they shared."""
    state = State()
    seen: defaultdict[Pair, list[Seen]] = defaultdict(list)
    starts = StartsAtOnce(host_cores)
    for event in events:
        starts.see(event, state)
        if isinstance(event, SegmentEnded):
            trial = state.trials[event.trial]
            worker, others = state.workers[event.worker], state.running[event.trial].others
            restored = state.must_restore(trial, event.worker, others)
            images = state.experiments[trial.experiment].evaluation_images
            pair = (trial.kind, worker.type.as_profiled)
            slowdown = starts.slowdown(event, state)
            seen[pair].append(Seen(event, worker.pace, restored, images, slowdown, trial.iterations))
        state.apply(event)
    return dict(seen), starts.host_cores


def growth_of(seen: Iterable[Seen]) -> float:
    """The growth of the trials' state that the checkpoints of the segments show."""
    return state_growth([(one.after, one.ended.parts.checkpoint_s) for one in seen])


def row_of(
    kind: TrialKind, worker: WorkerType, seen: Sequence[Seen], provenance: str, growth: float, *, held: bool = False
) -> ProfileRow:
    """The row of a profile for a kind of trial on a type of worker, from the segments that were
    seen.

    Cold segments give the start-up. The start-up includes the seconds by which their iterations
    take longer than those of warm segments (first calls, empty caches). It also includes making a
    trial ready that is not restored. Warm segments give the step time. Without warm segments cold
    ones give it, and the provenance says so. `held` is as in `calibrate`.
    """
    cold = [segment for segment in seen if segment.ended.parts.start_up_s > 0]
    warm = warm_of(seen)
    trained = _slowest_pace(warm or cold) if held else warm or cold
    unpaced = _unpaced(trained)
    seconds = _step_s(unpaced)
    starts = [start_up_s(segment, seconds) for segment in cold]
    restores = [one.ended.parts.restore_s / grown(growth, one.before) for one in seen if one.restored]
    evaluations = [one.ended.parts.evaluate_s / grown(growth, one.after) / max(1, one.images) for one in seen]
    checkpoints = [one.ended.parts.checkpoint_s / grown(growth, one.after) for one in seen]
    return ProfileRow(
        model=kind.model,
        dataset=kind.dataset,
        batch_size=kind.batch_size,
        device=worker.device,
        cores=worker.cores,
        gpu_share=worker.gpu_share,
        seconds_per_iteration=seconds,
        noise_cv=_noise_cv(unpaced, seconds),
        evaluation_s_per_image=fmean(evaluations),
        evaluation_cv=variation(evaluations),
        start_up_s=fmean(starts) if starts else None,
        start_up_cv=variation(starts),
        restore_s=fmean(restores) if restores else None,
        restore_cv=variation(restores),
        checkpoint_s=fmean(checkpoints),
        checkpoint_cv=variation(checkpoints),
        state_growth=growth or None,
        provenance=provenance if warm else f"{COLD}; {provenance}",
    )


def warm_of(seen: Iterable[Seen]) -> list[Seen]:
    """The segments whose worker did not start up for them."""
    return [segment for segment in seen if segment.ended.parts.start_up_s <= 0]


def keeps_pace(trained: Collection[Seen]) -> bool:
    """Whether at most half of the segments were late.

    If few segments were late, the cause is the load of the moment, which a later run does not meet.
    If most were late, the machine cannot keep the pace.
    """
    return sum(is_late(segment.ended) for segment in trained) <= len(trained) / 2


def keep_their_paces(seen: Sequence[Seen]) -> bool:
    """Whether workers of every pace keep it, by their warm segments if there are any."""
    return all(map(keeps_pace, _by_pace(warm_of(seen) or seen)))


def _by_pace(seen: Iterable[Seen]) -> list[list[Seen]]:
    found: defaultdict[float | None, list[Seen]] = defaultdict(list)
    for segment in seen:
        found[segment.pace].append(segment)
    return list(found.values())


def _slowest_pace(trained: Sequence[Seen]) -> Sequence[Seen]:
    """The segments of the pace that shows the longest step time without pace. All segments, if workers
    of every pace keep it: then their step times differ by chance."""
    if keep_their_paces(trained):
        return trained
    return max(_by_pace(trained), key=lambda of_one: _step_s(_unpaced(of_one)))


def _step_s(segments: Sequence[tuple[float, int]]) -> float:
    """The mean seconds per iteration. `segments` are pairs of seconds and iterations."""
    return sum(seconds for seconds, _ in segments) / sum(iterations for _, iterations in segments)


def _unpaced(trained: Sequence[Seen]) -> list[tuple[float, int]]:
    """The seconds of each segment without the worker's pace, and its iterations. Whether workers keep
    their pace is judged by pace."""
    return [
        (_unpaced_s(one, keeps_pace(of_one)), one.ended.iterations) for of_one in _by_pace(trained) for one in of_one
    ]


def _unpaced_s(segment: Seen, keeps_pace: bool) -> float:
    """The seconds that the segment's iterations would have taken without the worker's pace. If
    workers keep their pace, the seconds that the segment was late do not count."""
    if segment.pace is None:
        return segment.ended.parts.train_s
    return (segment.ended.parts.train_s - (segment.ended.late_s if keeps_pace else 0.0)) / segment.pace


def start_up_s(cold: Seen, seconds_per_iteration: float) -> float:
    """The seconds of a cold segment's start-up, if its worker started alone."""
    parts = cold.ended.parts
    expected_s = seconds_per_iteration * cold.ended.iterations * (cold.pace or 1.0)
    ready_s = 0.0 if cold.restored else parts.restore_s
    return max(0.0, parts.start_up_s + ready_s + parts.train_s - expected_s) / cold.slowdown


def _noise_cv(segments: Sequence[tuple[float, int]], mean: float) -> float | None:
    """The coefficient of variation of one iteration's seconds, if iterations are independent. None:
    there is one segment. `segments` are pairs of seconds and iterations.

    The mean over n iterations has a variance n times as small, so each segment's squared deviation
    counts n times.
    """
    if len(segments) < 2:
        return None
    squares = sum((seconds / iterations - mean) ** 2 * iterations for seconds, iterations in segments)
    return sqrt(squares / (len(segments) - 1)) / mean


def completed(calibration: Calibration, setup: Setup, workers: Iterable[Worker]) -> Calibration:
    """The calibration with a row for every kind of trial on every type of worker.

    A row that the probe lacks is taken from the scenario's profile. Its step time is multiplied by
    how much slower the worker was than that profile. Its costs are those of a batch size that the
    probe saw. Its provenance says both. Raises InputError for a pair that the profile
    lacks, too.
    """
    rows = {(row.kind, row.worker_type): row for row in calibration.rows}
    kinds = [kind for experiment in setup.workload.experiments for kind in experiment.kinds]
    for worker in dict.fromkeys(worker.type.as_profiled for worker in workers):
        seen = [row for (_, there), row in rows.items() if there == worker]
        for kind in kinds:
            if (kind, worker) in rows:
                continue
            wanted = setup.times.seconds_per_iteration(kind, worker)
            slower = [
                row.seconds_per_iteration / profiled
                for row in seen
                if (profiled := setup.times.seconds_per_iteration(row.kind, worker)) is not None
            ]
            if wanted is None or not slower:
                why = MEASURE if wanted else why_missing(setup.times, kind, worker)
                raise InputError(
                    f"the probe saw no trial of {kind} on {worker}, and the scenario's profile does not help: {why}; "
                    "a profile that was measured here is given as --profile"
                )
            seconds = wanted * fmean(slower)
            behind = [row.provenance for row in setup.times.rows_behind(kind, worker)]
            provenance = scaled(behind, f"by the probe with costs of batch {seen[0].batch_size}")
            update = {"batch_size": kind.batch_size, "seconds_per_iteration": seconds, "provenance": provenance}
            rows[kind, worker] = seen[0].model_copy(update=update)
    return replace(calibration, rows=list(rows.values()))


def calibrated(setup: Setup, calibration: Calibration) -> Setup:
    """The scenario with step times, costs and latency as measured. The latency includes waiting for
    the driver."""
    scenario = setup.scenario
    overheads = scenario.overheads.model_copy(
        update={"dispatch_s": 0.0, "latency_s": calibration.latency_s, "host_cores": calibration.host_cores}
    )
    rows = calibration.rows
    if scenario.checkpoints.place != "storage":  # what the probe took for checkpoints was that of memory
        rows = [
            row.model_copy(
                update={"object_store_save_s": row.checkpoint_s, "object_store_restore_s": row.restore_s},
            )
            for row in rows
        ]
    times = StepTimes(rows, extrapolate=scenario.profile.extrapolate)
    return setup.replace(overheads=overheads).replace_times(times)
