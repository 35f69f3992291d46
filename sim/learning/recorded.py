"""Replays recordings: a simulated trial follows the most similar recorded trial."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from hetsched.domain.metric import DEFAULT, Metric, Mode
from hetsched.domain.rounding import is_same
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError, counted, first_of
from sim.learning.nearness import Nearness
from sim.learning.recordings import SHIPPED, Recording, mixed_columns, read_once
from sim.learning.spread import assumed_spread, spread_of


class RecordedWeights(Struct, frozen=True):
    """The recording that a trial follows, and its `iteration` there, which may be between two
    evaluations. Without a recording the trial is fresh."""

    score: float
    recording: int | None = None
    iteration: float = 0.0


class Replay:
    """Recorded trials, replayed. It has no formula, and no scores beyond what was recorded.

    A trial follows the recording of its model and data set whose hyperparameters are nearest
    (`Nearness`). Between evaluations the score is linear in the iterations. After the last
    evaluation it stays.

    A trial changes to another recording when its hyperparameters change, or when it copies another
    trial. It then follows the nearest recording from the first point at which that one was as good
    as the trial is. If it never was, the trial follows it from its end, and keeps its own score.
    Recordings whose hyperparameters change on the way are left out.
    """

    def __init__(self, recordings: Iterable[Recording], metric: Metric, noise: float = 0.0, source: str = "") -> None:
        """`source` says in errors where the recordings come from. Accuracies stay in 0..1. Other
        scores stay between the least and the greatest recorded one. Raises InputError if no
        recording has a score, or if the hyperparameters of all that have one change."""
        self.metric, self.mode = metric.name, metric.mode
        self._direction = metric
        self._source = source
        found = list(recordings)
        scored = [recording for recording in found if recording.evaluations]
        if not scored:
            raise InputError(f"{source}: no recording has a score: record again")
        self._unscored = [recording.name for recording in found if not recording.evaluations]
        self._recordings = [recording for recording in scored if not recording.has_schedule]
        if not self._recordings:
            raise InputError(
                f"{source}: of every recording the hyperparameters change on the way: record some of others"
            )
        self._steps = [[line.iteration for line in r.evaluations] for r in self._recordings]
        self._scores = [[line.score for line in r.evaluations] for r in self._recordings]
        recorded = [score for scores in self._scores for score in scores]
        is_accuracy = metric.name == DEFAULT.name
        self._least, self._most = (0.0, 1.0) if is_accuracy else (min(recorded), max(recorded))
        self._spread = noise
        self._nearness = Nearness(self._recordings)
        self.known_hyperparameters = self._nearness.known
        self._nearest: dict[tuple[TrialKind, tuple[Any, ...]], int] = {}

    def assumed(self, kinds: Collection[TrialKind]) -> Iterator[str]:
        """That another batch size learns alike, if no trial of a batch size was recorded. That other
        hyperparameters do, if recordings have no score. That numbers are compared as texts, if some
        recordings have texts."""
        recorded = {recording.kind for recording in self._recordings}
        if missing := [str(kind) for kind in kinds if kind not in recorded]:
            yield f"recordings of other batch sizes for {'; '.join(missing)}"
        if self._unscored:
            without = f"{counted(len(self._unscored), 'recording')} without a score ({first_of(self._unscored)})"
            yield f"the nearest other recordings in place of {without}"
        for line in mixed_columns(self._recordings):
            yield f"{self._source}: {line}"

    def beyond(self, kind: TrialKind, iterations: int) -> str | None:
        """What happens to a trial that outlasts some recording of its model and data set. None: no
        recording ends before `iterations`."""
        network = kind.model, kind.dataset
        ends = [r.evaluations[-1].iteration for r in self._recordings if (r.kind.model, r.kind.dataset) == network]
        if iterations <= min(ends, default=iterations):
            return None
        last = f"{min(ends)} to {max(ends)}" if max(ends) > min(ends) else str(max(ends))
        return f"a trial keeps its {self.metric} beyond the end of its recording, after {last} iterations"

    def recorded_values(self, kind: TrialKind) -> Mapping[str, Collection[Any]]:
        """The values of the hyperparameters in the recordings of the model and the data set."""
        alike = [number for number, r in enumerate(self._recordings) if r.kind[:2] == kind[:2]]
        return self._nearness.values(alike)

    def fresh(self, kind: TrialKind) -> RecordedWeights:
        """The weights of a fresh trial. Raises InputError if there is no recording of the model on
        the data set."""
        known = [r for r in self._recordings if (r.kind.model, r.kind.dataset) == (kind.model, kind.dataset)]
        if not known:
            have = sorted({f"{r.kind.model} on {r.kind.dataset}" for r in self._recordings})
            raise InputError(
                f"learning.model 'tabular': {self._source} have no recording of {kind.model} on "
                f"{kind.dataset} whose hyperparameters stay the same; they have {', '.join(have)}. "
                "Record some with 'hetsched record' and name the file in learning.options.file"
            )
        return RecordedWeights(min((r.evaluations[0].score for r in known), key=self._direction.rank))

    def score_noise(self) -> float:
        """The standard deviation of a score about its mean."""
        return self._spread

    def check_hyperparameters(self, kind: TrialKind, hyperparameters: Mapping[str, Any]) -> None:
        """Raise InputError if the hyperparameters lack a recorded one, and as `fresh` does."""
        self.fresh(kind)
        self._find(kind, hyperparameters)

    def train(
        self, weights: RecordedWeights, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int
    ) -> RecordedWeights:
        key = (kind, self._nearness.asked(hyperparameters))
        chosen = self._nearest.get(key)
        if chosen is None:
            chosen = self._nearest[key] = self._find(kind, hyperparameters)
        start = weights.iteration if weights.recording == chosen else self._join(chosen, weights)
        before = self._at(chosen, start)
        on_it = weights.recording is None or is_same(weights.score, before)
        ahead = 0.0 if on_it else weights.score - before
        return RecordedWeights(self._within(self._at(chosen, start + iterations) + ahead), chosen, start + iterations)

    def score(self, weights: RecordedWeights, normal: float) -> float:
        return self._within(weights.score + self._spread * normal)

    def _within(self, score: float) -> float:
        return min(self._most, max(self._least, score))

    def _find(self, kind: TrialKind, hyperparameters: Mapping[str, Any]) -> int:
        """The nearest recording. Raises InputError if the hyperparameters lack a recorded one."""
        alike = [
            number
            for number, r in enumerate(self._recordings)
            if (r.kind.model, r.kind.dataset) == (kind.model, kind.dataset)
        ]
        try:
            return self._nearness.nearest(alike, kind, hyperparameters)
        except KeyError as error:
            raise InputError(
                f"learning.model 'tabular': {self._source}: was recorded over {error.args[0]!r}, which "
                "workload.experiments.search_space lacks: add it, or record that search space"
            ) from error
        except TypeError as error:
            raise InputError(
                f"learning.model 'tabular': {self._source}: was recorded over numbers, found {dict(hyperparameters)}: "
                "give lr and momentum numbers in workload.experiments.search_space"
            ) from error

    def _join(self, chosen: int, weights: RecordedWeights) -> float:
        """The iterations after which the recording was first as good as the trial is now, apart from
        rounding."""
        if weights.recording is None:
            return 0.0
        steps, scores = self._steps[chosen], self._scores[chosen]
        for place, score in enumerate(scores):
            if is_same(score, weights.score):
                return float(steps[place])
            if self._direction.reached(score, weights.score):
                if place == 0:
                    return float(steps[0])
                before, change = scores[place - 1], score - scores[place - 1]
                return steps[place - 1] + (steps[place] - steps[place - 1]) * (weights.score - before) / change
        return float(steps[-1])

    def _at(self, chosen: int, iteration: float) -> float:
        """The recorded score after `iteration` iterations."""
        steps, scores = self._steps[chosen], self._scores[chosen]
        place = bisect_left(steps, iteration)
        if place == len(steps):
            return scores[-1]
        if place == 0 or steps[place] == iteration:
            return scores[place]
        part = (iteration - steps[place - 1]) / (steps[place] - steps[place - 1])
        return scores[place - 1] + part * (scores[place] - scores[place - 1])


class Tabular(Replay):
    """The recordings of a file, replayed."""

    def __init__(
        self,
        file: Path | str = "",
        noise: float | None = None,
        chance: float | None = None,
        metric: str = DEFAULT.name,
        mode: Mode = DEFAULT.mode,
    ) -> None:
        """`file` is a CSV file of recordings (`sim.learning.recordings`). Without it the shipped
        ones are used. Recordings that begin after iteration 0 start from `chance`, the score of an
        untrained network. `metric` and `mode` are those of the scores. `noise` is in their unit. By
        default it is 0.02 of an accuracy, and 0 of another metric.

        Raises InputError for a file without recordings, and without `chance` if it is needed.
        """
        if mode not in (modes := get_args(Mode)):
            raise ValueError(f"mode is {mode!r}: expected {' or '.join(map(repr, modes))}")
        if metric == DEFAULT.name and chance is not None and not 0 <= chance <= 1:
            raise ValueError(f"chance is {chance}: expected an accuracy, from 0 to 1")
        if metric != DEFAULT.name and not file:
            raise ValueError(f"the shipped recordings are of accuracies: name a file with {metric!r} in options.file")
        paths = [Path(file)] if file else sorted(SHIPPED.glob("*.csv"))
        recordings = [recording for path in paths for recording in read_once(path, chance, metric)]
        self._noise = noise
        super().__init__(recordings, Metric(metric, mode), spread_of(noise, metric), str(file) or "the shipped files")

    def assumed(self, kinds: Collection[TrialKind]) -> Iterator[str]:
        """As of all replays, and what is assumed of the noise."""
        yield from super().assumed(kinds)
        yield from assumed_spread(self._noise, self.metric, self._least if self.mode == "min" else None)
