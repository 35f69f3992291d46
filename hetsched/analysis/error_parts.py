"""The sources of the error of a predicted makespan: the seconds of two runs are compared part by
part."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from hetsched.core.events import Event, SegmentEnded, TrialCompleted, WorkerJoined
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId


class RunSeconds(Struct, frozen=True):
    """How the workers of a run spent their seconds.

    `start_up_s` to `messages_s` are sums over all workers. `segment_s` is the mean time of a
    segment.
    """

    makespan_s: float
    workers: frozenset[WorkerId]
    completed_s: dict[TrialId, float]
    iterations: dict[WorkerId, int]
    train_s: dict[WorkerId, float]
    start_up_s: float
    evaluate_s: float
    restore_s: float
    checkpoint_s: float
    messages_s: float
    segment_s: float

    @classmethod
    def of(cls, events: Iterable[Event]) -> "RunSeconds | None":
        """The seconds of a run with these events. None: it has finished no segment."""
        iterations: Counter[WorkerId] = Counter()
        train_s: defaultdict[WorkerId, float] = defaultdict(float)
        workers: set[WorkerId] = set()
        ended: list[SegmentEnded] = []
        completed: dict[TrialId, float] = {}
        for event in events:
            if isinstance(event, WorkerJoined):
                workers.add(event.worker.id)
            elif isinstance(event, TrialCompleted):
                completed[event.trial] = event.time
            elif isinstance(event, SegmentEnded):
                ended.append(event)
                iterations[event.worker] += event.iterations
                train_s[event.worker] += event.parts.train_s
        if not ended:
            return None
        return cls(
            makespan_s=max(segment.time for segment in ended),
            workers=frozenset(workers),
            completed_s=completed,
            iterations=dict(iterations),
            train_s=dict(train_s),
            start_up_s=sum(segment.parts.start_up_s for segment in ended),
            evaluate_s=sum(segment.parts.evaluate_s for segment in ended),
            restore_s=sum(segment.parts.restore_s for segment in ended),
            checkpoint_s=sum(segment.parts.checkpoint_s for segment in ended),
            messages_s=sum(segment.parts.dispatch_s for segment in ended),
            segment_s=sum(segment.parts.total_s for segment in ended) / len(ended),
        )


class ErrorParts(Struct, frozen=True):
    """The parts of the error of a makespan, signed, in percent of the measured makespan. Their sum
    is the error.

    A part says how many more seconds per worker the prediction has. `steps`: iterations take
    longer. `start_up`: start-ups take longer, or there are more of them. A worker that starts again
    after a loss counts on both sides, and the simulator starts workers again where a loss is
    planned. `decisions`: there are more iterations on a worker. `waiting`: workers have no segment,
    or segments were lost.
    """

    steps: float
    start_up: float
    evaluation: float
    restore: float
    checkpoint: float
    messages: float
    decisions: float
    waiting: float


def error_parts(predicted: RunSeconds, measured: RunSeconds) -> ErrorParts:
    """The parts for two runs on the same workers.

    Steps are compared for the iterations that each worker did when measured. Iterations that the
    prediction moved to other workers count with the predicted step times.
    """
    steps_s = decisions_s = 0.0
    for worker in measured.workers | predicted.workers:
        did, foretold = measured.iterations.get(worker, 0), predicted.iterations.get(worker, 0)
        took_s, taken_s = measured.train_s.get(worker, 0.0), predicted.train_s.get(worker, 0.0)
        step_s = taken_s / foretold if foretold else took_s / max(did, 1)
        steps_s += did * step_s - took_s
        decisions_s += (foretold - did) * step_s
    workers = len(measured.workers)
    whole_s = workers * (predicted.makespan_s - measured.makespan_s)
    named = {
        "steps": steps_s,
        "start_up": predicted.start_up_s - measured.start_up_s,
        "evaluation": predicted.evaluate_s - measured.evaluate_s,
        "restore": predicted.restore_s - measured.restore_s,
        "checkpoint": predicted.checkpoint_s - measured.checkpoint_s,
        "messages": predicted.messages_s - measured.messages_s,
        "decisions": decisions_s,
    }
    named["waiting"] = whole_s - sum(named.values())
    return ErrorParts(**{part: 100 * seconds / (workers * measured.makespan_s) for part, seconds in named.items()})


def weighted(parts: Sequence[tuple[ErrorParts, float]]) -> ErrorParts:
    """The parts of the error of a mean makespan, from the parts and the measured makespan of every
    run."""
    whole_s = sum(measured_s for _, measured_s in parts)
    names = ErrorParts.__struct_fields__
    return ErrorParts(*(sum(getattr(of_run, name) * at_s for of_run, at_s in parts) / whole_s for name in names))
