"""What evaluations report: the score by the name of the metric, what is not finite, and what is no
metric."""

from math import inf, nan
from typing import Any

import pytest

pytest.importorskip("ray")

from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.workload import Experiment, TrialId
from hetsched.errors import InputError
from real.tune.reported import checked, divided
from real.tune.trial_states import best_trial
from tests.conftest import make_setup

LOSS = {"name": "loss", "mode": "min"}


def experiment(**changes: Any) -> Experiment:
    return make_setup(**changes).workload.experiments[0]


def test_the_score_is_what_goes_by_the_metrics_name() -> None:
    reported = {"accuracy": 0.9, "loss": 0.2, "top5": None}
    assert divided(experiment(), TrialId("e-0"), reported) == (0.9, {"loss": 0.2, "top5": None})
    assert divided(experiment(metric=LOSS), TrialId("e-0"), reported) == (0.2, {"accuracy": 0.9, "top5": None})


def test_a_metric_that_is_not_reported_is_named_with_what_was_reported() -> None:
    with pytest.raises(InputError, match=r"trial e-0: .* did not report 'loss', .* 'e': known: accuracy, top5; have"):
        divided(experiment(metric=LOSS), TrialId("e-0"), {"accuracy": 0.9, "top5": 1.0})


def test_an_accuracy_in_percent_ends_the_run() -> None:
    """It reached any target at the first evaluation."""
    with pytest.raises(InputError, match=r"trial e-0: its evaluation reported accuracy 80: expected 0 to 1: divide"):
        divided(experiment(), TrialId("e-0"), {"accuracy": 80.0})
    assert divided(experiment(), TrialId("e-0"), {"accuracy": None}) == (None, {})


def test_numbers_that_are_not_finite_are_not_known() -> None:
    assert checked({"a": nan, "b": inf, "c": 1, "d": 10**400}, "m") == {"a": None, "b": None, "c": 1.0, "d": None}


@pytest.mark.parametrize("reported", [None, 0.9, {}, {"accuracy": "high"}, {1: 0.9}, {"accuracy": None}, [0.9]])
def test_what_is_no_metric_is_refused(reported: object) -> None:
    with pytest.raises(InputError, match=r"trainer of 'm': evaluate returned .*: expected numbers by the names"):
        checked(reported, "m")


@pytest.mark.parametrize(("changes", "best"), [({}, "e-2"), ({"metric": LOSS}, "e-1")])
def test_the_weights_that_outlive_the_run_are_the_best_in_the_metrics_direction(
    changes: dict[str, Any], best: str
) -> None:
    state, one = State(), experiment(**changes)
    state.experiments[one.id] = one
    for index, (name, score) in enumerate(zip(one.trial_ids(), [None, 0.1, 0.9, None], strict=True)):
        state.trials[name] = Trial(name, index, one.id, one.kind(index), {}, 0.0, 10, score)
    assert best_trial(state).id == best
