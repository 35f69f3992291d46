"""The most advanced trial of an experiment is found again after the most advanced one fell back."""

from hypothesis import given
from hypothesis import strategies as st

from hetsched.core.leads import Leads
from hetsched.core.trial import Trial
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind
from tests.counting import calls_of

KIND = TrialKind("resnet18", "cifar10", 32)
EXPERIMENTS = [ExperimentId("e"), ExperimentId("f")]


def trial(number: int, iterations: int) -> Trial:
    home = EXPERIMENTS[number % 2]
    return Trial(TrialId(f"{home}-{number}"), number, home, KIND, {}, 0.0, iterations=iterations)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50), st.booleans()), max_size=60))
def test_it_is_the_most_of_all_counts(changes: list[tuple[int, int, bool]]) -> None:
    trials: dict[TrialId, Trial] = {}
    leads = Leads(trials)
    for number, iterations, asks in changes:
        changed = trial(number, iterations)
        trials[changed.id] = changed
        leads.note(changed)
        if asks:
            members = [one.iterations for one in trials.values() if one.experiment == changed.experiment]
            assert leads.of(changed.experiment) == max(members)


def test_a_search_looks_at_few_trials() -> None:
    def calls(number: int) -> int:
        trials = {(one := trial(2 * place, place)).id: one for place in range(number)}
        leads = Leads(trials)
        leads.of(EXPERIMENTS[0])

        def fall() -> None:
            for place in range(number - 1, number - 11, -1):
                fallen = trial(2 * place, 0)
                trials[fallen.id] = fallen
                leads.note(fallen)
                assert leads.of(EXPERIMENTS[0]) == place - 1

        return calls_of(fall)

    assert calls(800) == calls(100)
