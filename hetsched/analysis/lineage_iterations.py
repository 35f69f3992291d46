"""How much training is behind the best weights of a run.

A trial that copies another goes on from weights that others have trained. A strategy that runs trials one after the
other lets late trials copy weights with thousands of iterations behind them, while each trial still counts its own.
`hetsched.analysis.lineage` tells the whole line of the best weights; here only its length is kept.
"""

from collections.abc import Iterator
from typing import NamedTuple, Optional

from hetsched.core.events import CheckpointLost, Event, ExperimentArrived, SegmentEnded, TrialAdded, TrialExploited
from hetsched.domain.metric import Metric, shared
from hetsched.domain.workload import Experiment, ExperimentId, TrialId


class _Weights(NamedTuple):
    """Weights that a trial had: its own count of iterations `done` and the score with them, and the iterations `behind`
    them, whoever trained them. They were made from the weights `before`. `instead_of` are those that PBT threw away."""

    done: int
    score: float | None
    behind: int
    before: Optional["_Weights"] = None
    instead_of: Optional["_Weights"] = None


_FRESH = _Weights(0, None, 0)


class LineageIterations:
    """Follows a run, event by event."""

    def __init__(self) -> None:
        self._experiments: dict[ExperimentId, Experiment] = {}
        self._home: dict[TrialId, Experiment] = {}
        self._now: dict[TrialId, _Weights] = {}
        self._best: dict[Metric, tuple[float, int]] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, SegmentEnded):
            self._end(event)
        elif isinstance(event, TrialExploited):
            self._exploit(event)
        elif isinstance(event, CheckpointLost):
            self._fall_back(event)
        elif isinstance(event, TrialAdded):
            self._home[event.trial] = self._experiments[event.experiment]
            self._now[event.trial] = _FRESH
        elif isinstance(event, ExperimentArrived):
            self._experiments[event.experiment.id] = event.experiment

    def of(self, trial: TrialId) -> int:
        """Iterations behind the weights that the trial has."""
        return self._now[trial].behind

    def of_best(self) -> int | None:
        """Iterations behind the weights that scored best so far. Of equal scores the first one counts. None where
        nothing was scored, and where experiments have different metrics, so that their scores cannot be compared."""
        metric = shared(experiment.metric for experiment in self._experiments.values())
        best = None if metric is None else self._best.get(metric)
        return None if best is None else best[1]

    def _end(self, event: SegmentEnded) -> None:
        before, score = self._now[event.trial], event.score
        behind = before.behind + event.iterations
        self._now[event.trial] = _Weights(before.done + event.iterations, score, behind, before)
        if score is not None:
            metric = self._home[event.trial].metric
            best = self._best.get(metric)
            if metric.better(score, None if best is None else best[0]):
                self._best[metric] = score, behind

    def _exploit(self, event: TrialExploited) -> None:
        own, source = self._now[event.trial], self._now[event.source]
        done = source.done if self._home[event.trial].counts_lineage else own.done
        self._now[event.trial] = _Weights(done, source.score, source.behind, source, own)

    def _fall_back(self, event: CheckpointLost) -> None:
        """The log tells the count and the score of the state that is left: that of the trial itself, or of what it
        copied. Where none is like that the newest counts, as in `hetsched.analysis.lineage`."""
        now, wanted = self._now[event.trial], (event.iterations, event.score)
        left = _FRESH
        if wanted != (0, None):
            left = next((had for had in _earlier(now) if (had.done, had.score) == wanted), now)
        self._now[event.trial] = _Weights(*wanted, left.behind, left)


def _earlier(weights: _Weights) -> Iterator[_Weights]:
    """These weights and those from which they were made, then those that the trial had before it copied any."""
    own: _Weights | None = None
    at: _Weights | None = weights
    while at is not None:
        yield at
        own = own or at.instead_of
        at = at.before
    if own is not None:
        yield from _earlier(own)
