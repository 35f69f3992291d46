"""What is kept from call to call is what computing it anew would give, whatever happens between the
calls."""

from collections.abc import Iterable
from math import ceil, floor, inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import ExperimentId
from hetsched.scheduling.packages.hrfs import HRFS
from hetsched.scheduling.queueing.least_progress import LeastProgress
from hetsched.scheduling.stopping.hypersched import Milestone
from hetsched.testing.course import drive
from hetsched.testing.generation import situations
from hetsched.testing.situations import Situation


def experiment(_: StateView, trial: Trial) -> ExperimentId:
    return trial.experiment


def worst_first(state: StateView, trial: Trial) -> tuple[float, int]:
    return state.rank(trial), trial.index


def rarely_asked(state: StateView, trial: Trial) -> tuple[float, int]:
    return worst_first(state, trial)


class Watching(LeastProgress):
    """At every call or at every third, compares what is kept with what is computed anew."""

    def __init__(self) -> None:
        self.calls = 0
        self.hrfs = HRFS()

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        self.calls += 1
        expected: dict[ExperimentId, list[Trial]] = {}
        for trial in sorted(state.ready_trials, key=lambda trial: worst_first(state, trial)):
            expected.setdefault(trial.experiment, []).append(trial)
        for place in [worst_first, rarely_asked] if self.calls % 3 == 0 else [worst_first]:
            assert {name: list(trials) for name, trials in state.grouped(experiment, place).items()} == expected
            by_place = sorted(state.ready_trials, key=lambda trial: worst_first(state, trial))
            assert list(state.ordered(place)) == by_place
        behind = [state.lead[trial.experiment] - trial.iterations for trial in state.ready_trials]
        intervals = [state.experiment(trial).interval for trial in state.ready_trials]
        assert self.hrfs._lag(state) == sum(map(ceil, np.divide(behind, intervals)))
        assert list(self.hrfs.slowness(state).items()) == naive_slowness(state)
        return super().dispatch(state)


def naive_slowness(state: StateView) -> list[tuple[str, int]]:
    fastest = inf
    found: list[int] = []
    for first in state.first_segments.values():
        seconds = first.seconds / first.iterations
        fastest = min(fastest, seconds)
        a = ceil(seconds / fastest - ROUNDING)
        found.append(a + sum(floor(a / a_v) for a_v in found))
    return list(zip(state.first_segments, found, strict=True))


@given(situations())
def test_what_is_kept_is_what_sorting_anew_would_give(situation: Situation) -> None:
    watching = Watching()
    course = drive(lambda: watching, "watching", situation)
    assert course.raised is None, course.raised
    assert course.refused is None
    assert watching.calls > 0


@given(st.lists(st.sampled_from([-inf, 0.0, 0.25, 0.5, 0.75]), max_size=12), st.floats(0.1, 0.9))
def test_a_milestone_pauses_those_below_the_percentile(ranks: list[float], share: float) -> None:
    milestone = Milestone(share)
    for number, rank in enumerate(ranks):
        milestone.record(f"t{number}", rank)  # type: ignore[arg-type]
        milestone.record(f"t{number}", 1.0)  # type: ignore[arg-type]  # only the first one counts
    known = [rank for rank in ranks if rank > -inf]
    paused = {number for number in range(len(ranks)) if milestone.pauses(f"t{number}")}  # type: ignore[arg-type]
    if len(ranks) < 2 or not known:
        assert not paused
        return
    lower = sorted(ranks)[floor(share * (len(ranks) - 1))]
    cutoff = -inf if lower == -inf else float(np.percentile(sorted(ranks), 100 * share))
    assert paused == {number for number, rank in enumerate(ranks) if rank < cutoff or rank == -inf}
    assert not milestone.pauses("unknown")  # type: ignore[arg-type]
