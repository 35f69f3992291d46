"""Predicted against measured scores: over time, at a deadline, and the time to a target."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from msgspec import Struct

from hetsched.analysis.best_over_time import mean_over_time
from hetsched.analysis.intervals import interval
from hetsched.analysis.scores_over_time import Scores, scores_at, scores_over_time
from hetsched.core.log import read_log
from hetsched.scenario.scenario import Setup
from hetsched.studies.draws import Draws
from hetsched.studies.one_run import RunResult
from hetsched.studies.validation import Error, OrderAgreement, error, order_of

PARTS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""The times at which scores are compared, as shares of the deadline."""


class ScoreError(Struct, frozen=True):
    """A predicted and a measured score, and the signed error of the prediction, in the unit of the
    metric.

    They are means over the seeds under which both are known. `ci95` is the 95% interval of the
    error (Student's t), paired by seed. None: there is one seed, or the error is the same under all
    seeds.
    """

    predicted: float
    measured: float
    error: float
    ci95: tuple[float, float] | None
    measured_per_seed: list[float]


class ScoresAt(Struct, frozen=True):
    """The best score, and the mean of the trials' latest scores, at `at_s` seconds. `at_s` is None
    at the end of each run.

    A score is None if no seed has it both predicted and measured.
    """

    at_s: float | None
    best: ScoreError | None
    mean: ScoreError | None


class TargetAgreement(Struct, frozen=True):
    """The time to the target in seconds, and under how many of the `seeds` it was reached, as
    predicted and as measured.

    `time_s` is over the seeds under which both reached it. None: there is no such seed. `draws` are
    the simulations under all seeds. `draws_reached` of them reached the target. Only these
    simulations have a time, so the predicted time is too short where many others are left out.
    """

    time_s: Error | None
    predicted: int
    measured: int
    seeds: int
    draws_reached: int
    draws: int


class ScoreAgreement(Struct, frozen=True):
    """How far predicted and measured scores of one strategy agree. `target` is None without a
    target."""

    moments: list[ScoresAt]
    target: TargetAgreement | None


class Course(NamedTuple):
    """The scores of a run, or their mean over several draws of a run. For each draw there are the
    seconds until it reached the target. None: it never did."""

    scores: Sequence[Scores]
    times_to_target_s: Sequence[float | None]

    @classmethod
    def of(cls, run: RunResult) -> "Course":
        """The course of one run, from its log. Raises InputError, naming the log, if it is
        damaged."""
        return cls(scores_over_time(read_log(run.log)), [run.metrics.time_to_target_s])

    @classmethod
    def mean(cls, courses: Sequence["Course"]) -> "Course":
        """The mean of several courses, from the moment on from which all have a score."""
        bests = mean_over_time([[(each.time_s, each.best) for each in course.scores] for course in courses])
        means = mean_over_time([[(each.time_s, each.mean) for each in course.scores] for course in courses])
        scores = [Scores(time_s, best, mean) for (time_s, best), (_, mean) in zip(bests, means, strict=True)]
        return cls(scores, [time_s for course in courses for time_s in course.times_to_target_s])

    @property
    def reached_s(self) -> list[float]:
        """The times to the target of the draws that reached it."""
        return [time_s for time_s in self.times_to_target_s if time_s is not None]

    @property
    def time_to_target_s(self) -> float | None:
        """The mean over the draws that reached the target, if at least half of them did. None:
        fewer did."""
        reached_s = self.reached_s
        return fmean(reached_s) if reached_s and 2 * len(reached_s) >= len(self.times_to_target_s) else None


def score_agreement(
    predicted: Sequence[Course], measured: Sequence[Course], until_s: float, has_target: bool
) -> ScoreAgreement:
    """Compare predicted and measured runs under the same seeds, at parts of `until_s` seconds and
    at the end of each run."""
    moments = [_at(part * until_s, predicted, measured) for part in PARTS]
    return ScoreAgreement(
        moments=[*moments, _at(None, predicted, measured)],
        target=_target(predicted, measured) if has_target else None,
    )


def _at(moment_s: float | None, predicted: Sequence[Course], measured: Sequence[Course]) -> ScoresAt:
    def compare(figure: Callable[[Scores], float]) -> ScoreError | None:
        pairs = [(_scores(p, moment_s), _scores(m, moment_s)) for p, m in zip(predicted, measured, strict=True)]
        return _score_error([(figure(p), figure(m)) for p, m in pairs if p is not None and m is not None])

    return ScoresAt(moment_s, compare(lambda scores: scores.best), compare(lambda scores: scores.mean))


def _scores(course: Course, moment_s: float | None) -> Scores | None:
    if moment_s is None:
        return course.scores[-1] if course.scores else None
    return scores_at(course.scores, moment_s)


def _score_error(pairs: Sequence[tuple[float, float]]) -> ScoreError | None:
    if not pairs:
        return None
    errors = [predicted - measured for predicted, measured in pairs]
    p, m = fmean(predicted for predicted, _ in pairs), fmean(measured for _, measured in pairs)
    ci95 = interval(errors, size=max(abs(value) for pair in pairs for value in pair))
    return ScoreError(p, m, p - m, ci95, [measured for _, measured in pairs])


def _target(predicted: Sequence[Course], measured: Sequence[Course]) -> TargetAgreement:
    times = [(p.time_to_target_s, m.time_to_target_s) for p, m in zip(predicted, measured, strict=True)]
    both = [(p, m) for p, m in times if p is not None and m is not None]
    return TargetAgreement(
        time_s=error([p for p, _ in both], [m for _, m in both]) if both else None,
        predicted=sum(p is not None for p, _ in times),
        measured=sum(m is not None for _, m in times),
        seeds=len(times),
        draws_reached=sum(len(each.reached_s) for each in predicted),
        draws=sum(len(each.times_to_target_s) for each in predicted),
    )


def score_order(agreements: Iterable[ScoreAgreement]) -> OrderAgreement:
    """Whether prediction and measurement put the strategies into the same order by the best score
    at the deadline (the last of `PARTS`). Strategies without a score by then are left out."""
    bests = [agreement.moments[len(PARTS) - 1].best for agreement in agreements]
    return order_of([(best.predicted, best.measured_per_seed) for best in bests if best is not None])


def score_agreements(
    setup: Setup, by_strategy: Mapping[str, tuple[Sequence[Draws], Sequence[RunResult]]]
) -> dict[str, ScoreAgreement]:
    """The agreement of each strategy: its measured runs, and the simulations that predict each of
    them. Without a deadline, scores are compared at parts of the shortest mean measured
    makespan."""
    metrics = setup.scenario.metrics
    until_s = metrics.deadline_s
    if until_s is None:
        until_s = min(fmean(run.metrics.makespan_s for run in measured) for _, measured in by_strategy.values())
    stops = (experiment.stop_score for experiment in setup.workload.experiments)
    has_target = metrics.target_score is not None or any(stop is not None for stop in stops)
    return {
        strategy: score_agreement(
            [Course.mean([*map(Course.of, draws)]) for draws in predicted],
            [*map(Course.of, measured)],
            until_s,
            has_target,
        )
        for strategy, (predicted, measured) in by_strategy.items()
    }
