"""The origin of a run's best weights: which trials trained them, for how long, and what PBT changed
on the way.

A trial that copies another one goes on from weights that other trials have trained. Some strategies
run trials one after another. Then late trials copy weights with thousands of iterations behind
them, although each trial counts only its own iterations.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple, Optional

from msgspec import Struct
from msgspec.structs import replace

from hetsched.core.events import CheckpointLost, Event, ExperimentArrived, SegmentEnded, TrialAdded, TrialExploited
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.metric import Metric, shared
from hetsched.domain.workload import Experiment, ExperimentId, TrialId


class Forebear(NamedTuple):
    """A trial's part in the best weights: it trained them for `iterations` iterations from `from_s`
    to `to_s` seconds.

    It copied them from `source` (None: it began with fresh weights). `changed` says which
    hyperparameters differed from then on: (before, after). At `to_s` the weights scored `score`.
    Later training of the trial is no part of them. A trial that fell back to a state from before it
    copied another trial is its own source.
    """

    trial: TrialId
    source: TrialId | None
    from_s: float
    to_s: float
    iterations: int
    score: float | None
    changed: dict[str, tuple[Any, Any]]


class _Weights(Struct, frozen=True):
    """Weights that a trial had, with its `count` and `score` at that time.

    It came there by iterations of its own from the weights `before`. `behind` are all iterations
    behind the weights, whichever trial trained them. The hyperparameters are those with which it
    went on.
    """

    trial: TrialId
    time: float
    count: int
    score: float | None
    trained: int
    behind: int
    hyperparameters: Hyperparameters
    before: Optional["_Weights"] = None


def _forebear(last: _Weights) -> tuple[Forebear, _Weights | None]:
    """The part of the last trial that had these weights, and the weights with which this part
    began."""
    first, trained = last, last.trained
    while (before := first.before) is not None and _same_part(before, first):
        first, trained = before, trained + before.trained
    changed = {} if before is None else _changed(before.hyperparameters, last.hyperparameters)
    source = None if before is None else before.trial
    return Forebear(last.trial, source, first.time, last.time, trained, last.score, changed), before


def _same_part(before: _Weights, after: _Weights) -> bool:
    return before.trial == after.trial and before.hyperparameters == after.hyperparameters


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Which values differ: (before, after). None in place of a value that does not exist."""
    names = dict.fromkeys([*before, *after])
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _back_from(weights: _Weights | None) -> Iterator[_Weights]:
    while weights is not None:
        yield weights
        weights = weights.before


class Family:
    """Follows a run, event by event: the weights that its trials had, and the best for each
    metric."""

    def __init__(self) -> None:
        self._experiments: dict[ExperimentId, Experiment] = {}
        self._best: dict[Metric, _Weights] = {}
        self._home: dict[TrialId, Experiment] = {}
        self._had: defaultdict[TrialId, list[_Weights]] = defaultdict(list)

    def __call__(self, event: Event) -> None:
        match event:
            case ExperimentArrived(experiment=experiment):
                self._experiments[experiment.id] = experiment
            case TrialAdded():
                self._home[event.trial] = self._experiments[event.experiment]
                self._keep(_Weights(event.trial, event.time, 0, None, 0, 0, event.hyperparameters))
            case SegmentEnded():
                self._end(event)
            case TrialExploited():
                self._exploit(event)
            case CheckpointLost():
                self._fall_back(event)

    def winners_line(self) -> list[Forebear]:
        """The line of the weights with the best score so far, the oldest first. The last one is the
        trial that won.

        Of equal scores the first one counts. The line is empty if no trial has a score, and if
        experiments have different metrics: then scores cannot be compared.
        """
        best, line = self._best_of_all(), []
        while best is not None:
            forebear, best = _forebear(best)
            line.append(forebear)
        return line[::-1]

    def behind(self, trial: TrialId) -> int:
        """Iterations behind the weights that the trial has, whichever trials trained them."""
        return self._had[trial][-1].behind

    def behind_best(self) -> int | None:
        """Iterations behind the weights with the best score so far: those of the whole
        `winners_line`. None: the line is empty."""
        best = self._best_of_all()
        return None if best is None else best.behind

    def _best_of_all(self) -> _Weights | None:
        metric = shared(experiment.metric for experiment in self._experiments.values())
        return None if metric is None else self._best.get(metric)

    def _keep(self, weights: _Weights) -> None:
        self._had[weights.trial].append(weights)

    def _end(self, event: SegmentEnded) -> None:
        trial, iterations = event.trial, event.iterations
        before = self._had[trial][-1]
        count, hyperparameters = before.count + iterations, before.hyperparameters
        behind = before.behind + iterations
        weights = _Weights(trial, event.time, count, event.score, iterations, behind, hyperparameters, before)
        self._keep(weights)
        metric = self._home[trial].metric
        best = self._best.get(metric)
        if metric.better(event.score, None if best is None else best.score):
            self._best[metric] = weights

    def _exploit(self, event: TrialExploited) -> None:
        source, own = self._had[event.source][-1], self._had[event.trial][-1]
        count = source.count if self._home[event.trial].counts_lineage else own.count
        weights = event.trial, event.time, count, source.score, 0, source.behind, event.hyperparameters, source
        self._keep(_Weights(*weights))

    def _fall_back(self, event: CheckpointLost) -> None:
        """Let the trial fall back to the state with the count and the score in the log. It is a
        state of the trial itself, or one that it copied. The hyperparameters stay."""
        now = self._had[event.trial][-1]
        left = self._left(now, event)
        behind = 0 if left is None else left.behind
        kept = {"time": event.time, "count": event.iterations, "score": event.score, "trained": 0}
        self._keep(replace(now, **kept, behind=behind, before=left))

    def _left(self, now: _Weights, event: CheckpointLost) -> _Weights | None:
        """The weights of the remaining state. If none matches, the newest ones. None: the trial
        starts from the beginning."""
        if not event.iterations and event.score is None:
            return None
        candidates = chain(_back_from(now), reversed(self._had[event.trial]))
        return next((had for had in candidates if (had.count, had.score) == (event.iterations, event.score)), now)
