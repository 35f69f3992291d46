"""Turns the events of a run into the points that a tracker receives."""

from collections.abc import Iterator, Mapping

from hetsched.core.events import (
    Event,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
)
from hetsched.core.state import State
from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.report.tracking.tracker import WHOLE_RUN, Point, Value
from hetsched.scenario.scenario import Setup

COUNTED = {TrialExploited: "exploits", SegmentLost: "lost segments", TrialCompleted: "completed trials"}
"""Events that are counted for the run as a whole."""


class Points:
    """Follows a run. Call it with the state and every event, after the event was applied to the
    state."""

    def __init__(self) -> None:
        self._best: dict[str, float] = {}
        self._counts = dict.fromkeys(COUNTED.values(), 0)

    def __call__(self, state: State, event: Event) -> Iterator[Point]:
        match event:
            case TrialAdded():
                yield Point(event.trial, 0, event.time, settings(event.hyperparameters))
            case TrialExploited():
                yield Point(event.trial, state.trials[event.trial].iterations, event.time, self._exploited(event))
            case SegmentEnded():
                yield from self._ended(state, event)
        if (count := COUNTED.get(type(event))) is not None:
            self._counts[count] += 1
            yield whole(event.time, {count: self._counts[count]})

    def _exploited(self, event: TrialExploited) -> dict[str, Value]:
        return {**settings(event.hyperparameters), "copied from": event.source}

    def _ended(self, state: State, event: SegmentEnded) -> Iterator[Point]:
        trial = state.trials[event.trial]
        metric = state.experiments[trial.experiment].metric
        reported = {**event.metrics, metric.name: event.score}
        values: dict[str, Value] = {name: value for name, value in reported.items() if value is not None}
        yield Point(trial.id, trial.iterations, event.time, values)
        if event.score is not None and metric.better(event.score, self._best.get(trial.experiment)):
            self._best[trial.experiment] = event.score
            of = f" of {trial.experiment}" if len(state.experiments) > 1 else ""
            yield whole(event.time, {f"best {metric.name}{of}": event.score})


def whole(time_s: float, values: Mapping[str, Value]) -> Point:
    """A point of the run as a whole. Its step is the whole seconds of `time_s`."""
    return Point(WHOLE_RUN, round(time_s), time_s, values)


def settings(hyperparameters: Hyperparameters) -> dict[str, Value]:
    """The hyperparameters as values for a tracker. Numbers stay numbers, all other values become
    text."""
    return {
        name: value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
        for name, value in hyperparameters.items()
    }


def parameters(setup: Setup, strategy: str, seed: int, started: RunStarted) -> dict[str, Value]:
    """The parameters of a run that are known at its start."""
    found: dict[str, Value] = {
        "scenario": started.scenario,
        "strategy": strategy,
        "seed": seed,
        "backend": started.backend,
        "paced": str(started.paced).lower(),
        "synthetic": str(started.synthetic).lower(),
    }
    for experiment in setup.workload.experiments:
        found |= {
            f"{experiment.id}/model": experiment.model,
            f"{experiment.id}/dataset": experiment.dataset,
            f"{experiment.id}/population": experiment.population,
            f"{experiment.id}/stop_iterations": experiment.stop_iterations,
        }
    return found
