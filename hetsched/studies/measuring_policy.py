"""The scheduling policy with which a training is measured for a moment on every worker."""

from collections import Counter
from collections.abc import Iterable, Sequence

from hetsched.core.decisions import Dispatch, Stop
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId
from hetsched.domain.workload import TrialId, TrialKind

MEASURE = "measure"
"""The name of the policy. It is registered when something is measured. No plan has it among its
strategies."""

SEGMENTS = 4
"""How many segments of each worker are measured: a cold one, and warm ones to find how much they
vary."""

LONG = 10
"""A worker may take this many times as long as its training should take, if its evaluation takes
long. Then two segments are enough."""


class Measure:
    """Every worker trains a few short segments, each of another trial, so that all parts of a
    segment are measured.

    A worker's first segment is a single iteration, unless the profile says how long one takes. Each
    later segment has as many iterations as fit into `segment_s` seconds of training, by the
    worker's earlier ones. A worker takes a kind of trial first that it has not trained warm yet.
    Then it takes a trial that it must restore before one in its memory. Only the devices that a
    trial may use matter, because what the profile lacks is to be measured. After `until_s` seconds
    nothing starts. When nothing runs any more, all trials are stopped.
    """

    def __init__(self, segment_s: float = 2.0, until_s: float | None = None) -> None:
        self._segment_s = segment_s
        self._until_s = until_s
        self._segments = Counter[WorkerId]()
        self._kinds: dict[WorkerId, Counter[TrialKind]] = {}  # of warm segments
        self._last: dict[WorkerId, TrialId] = {}
        self._warm_since: dict[WorkerId, float] = {}

    def dispatch(self, state: StateView) -> Iterable[Dispatch | Stop]:
        ready = list(state.ready_trials)
        starts = []
        for worker in list(state.idle_workers):
            usable = [trial for trial in ready if state.experiment(trial).may_use(worker.device)]
            if usable and not self._is_enough(worker, state):
                trial = self._next(worker, usable)
                ready.remove(trial)
                starts.append(Dispatch(trial.id, worker.id, self._iterations(trial, worker, state)))
        if starts or state.running:
            return starts
        return [Stop(trial.id, "enough was measured") for trial in ready]

    def _is_enough(self, worker: Worker, state: StateView) -> bool:
        kinds = self._kinds.setdefault(worker.id, Counter())
        if self._until_s is not None and state.now >= self._until_s:
            return True
        segments = self._segments[worker.id]
        if segments == 1:
            self._warm_since[worker.id] = state.now
        wanted = {t.kind for t in state.trials.values() if state.experiment(t).may_use(worker.device)}
        if segments < 2 or not wanted <= kinds.keys():
            return False
        return segments >= SEGMENTS or state.now - self._warm_since[worker.id] > LONG * self._segment_s

    def _next(self, worker: Worker, usable: Sequence[Trial]) -> Trial:
        kinds, cold = self._kinds[worker.id], worker.id not in self._last

        def order(trial: Trial) -> tuple[int, bool, int]:
            restored = trial.iterations > 0 and self._last.get(worker.id) != trial.id
            return kinds[trial.kind], restored is cold, trial.iterations

        chosen = min(usable, key=order)
        self._segments[worker.id] += 1
        if not cold:
            kinds[chosen.kind] += 1
        self._last[worker.id] = chosen.id
        return chosen

    def _iterations(self, trial: Trial, worker: Worker, state: StateView) -> int:
        seconds = state.seconds_per_iteration(trial, worker)
        wanted = 1 if not seconds else round(self._segment_s / seconds)
        return max(1, min(wanted, state.interval(trial)))
