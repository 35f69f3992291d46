"""The ready trials are in both orders whatever is added, taken and replaced, and whenever somebody
asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hetsched.core.ready_trials import ReadyTrials
from hetsched.core.trial import Trial
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind

KIND = TrialKind("m", "d", 1)


def trial_of(index: int, iterations: int = 0) -> Trial:
    return Trial(TrialId(f"t-{index}"), index, ExperimentId("e"), KIND, {}, arrived=0.0, iterations=iterations)


@pytest.mark.parametrize("there", [[], [(0, 0)], [(2, 0)], [(1, 5)], [(0, 0), (1, 5), (2, 9)]])
def test_a_trial_that_is_not_ready_is_not_taken_for_another(there: list[tuple[int, int]]) -> None:
    ready, stranger = ReadyTrials(), trial_of(1)
    for index, iterations in there:
        ready.add(trial_of(index, iterations))
    before = list(ready)
    for change in (ready.take, ready.replace):
        with pytest.raises(LookupError, match="trial 't-1' is not ready with 0 iterations"):
            change(stranger)
    assert list(ready) == before


def test_a_trial_is_not_taken_twice() -> None:
    ready, trials = ReadyTrials(), [trial_of(index) for index in range(3)]
    for trial in trials:
        ready.add(trial)
    ready.take(trials[0])
    with pytest.raises(LookupError, match="'t-0' is not ready"):
        ready.take(trials[0])
    assert list(ready) == trials[1:]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.sampled_from(["move", "change", "ask"]))))
def test_both_orders_hold(steps: list[tuple[int, int, str]]) -> None:
    """A step takes a trial that is ready, or adds one that is not, with so much more progress."""
    ready, expected, progress = ReadyTrials(), dict[int, Trial](), dict.fromkeys(range(10), 0)
    for index, more, step in steps:
        if step == "ask":
            assert list(ready.by_arrival) == [expected[index] for index in sorted(expected)]
        elif index not in expected:
            progress[index] += more
            name, experiment = TrialId(f"t-{index}"), ExperimentId("e")
            trial = Trial(name, index, experiment, KIND, {}, arrived=0.0, iterations=progress[index])
            expected[index] = trial
            ready.add(trial)
        elif step == "move":
            ready.take(expected.pop(index))
        else:
            expected[index] = replace(expected[index], score=0.5)
            ready.replace(expected[index])
        assert list(ready) == sorted(expected.values(), key=lambda trial: (trial.iterations, trial.index))
        assert len(ready) == len(expected)
