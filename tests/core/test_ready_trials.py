"""The ready trials are in both orders whatever is added, taken and replaced, and whenever somebody asks."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hetsched.core.ready_trials import ReadyTrials
from hetsched.core.trial import Trial
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind

KIND = TrialKind("m", "d", 1)


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
