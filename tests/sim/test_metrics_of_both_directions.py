"""A metric to minimise, and none that is known: whole simulations, whichever way the same news is
put."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

import hetsched
from hetsched.core.events import Event, SegmentEnded, SegmentStarted, TrialCompleted, TrialExploited
from hetsched.core.log import read_log
from hetsched.domain import learning
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.simulate import simulate
from sim.learning.sgd import SGDCurve
from tests.conftest import make_setup

STRATEGIES = ["least-progress", "hrfs", "asha", "hypersched"]
LOSS = {"name": "loss", "mode": "min"}


class OneLess(SGDCurve, frozen=True):
    """The loss is 1 less the accuracy of `sgd`; of every seventh score nothing is known."""

    metric: ClassVar[str] = "loss"

    def score(self, weights: Any, normal: float) -> float:
        score = SGDCurve.score(self, weights, normal)
        return float("nan") if int(1e6 * score) % 7 == 0 else 1 - score


class WithGaps(OneLess, frozen=True):
    """The accuracies, with the same gaps."""

    metric: ClassVar[str] = "accuracy"

    def score(self, weights: Any, normal: float) -> float:
        return 1 - OneLess.score(self, weights, normal)


@pytest.fixture(autouse=True)
def models() -> Any:
    before = dict(learning.models._factories)
    learning.register("one-less")(OneLess)
    learning.register("with-gaps")(WithGaps)
    yield
    learning.models._factories.clear()
    learning.models._factories.update(before)


def with_model(model: str, **changes: Any) -> Setup:
    setup = make_setup(population=9, stop_iterations=200, **changes)
    return setup.replace(learning={"model": model})


def course(setup: Setup, policy: str) -> tuple[list[Event], Any]:
    result = simulate(setup, f"fusion+{policy}", seeds=[3])
    [run] = result.runs
    return list(read_log(run.log)), run.metrics


def decisions(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, SegmentStarted | TrialExploited)]


def reasons(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, TrialCompleted)]


@pytest.mark.parametrize("pbt", [True, False])
@pytest.mark.parametrize("policy", STRATEGIES)
def test_losses_lead_to_the_same_decisions_as_the_accuracies_that_they_mirror(policy: str, pbt: bool) -> None:
    own: dict[str, Any] = {} if pbt else {"pbt": {"enabled": False}, "checkpoint_interval": 10}
    up, of_accuracies = course(with_model("with-gaps", stop_score=0.25, **own), policy)
    down, of_losses = course(with_model("one-less", stop_score=0.75, metric=LOSS, **own), policy)
    assert any(event.score is None for event in down if isinstance(event, SegmentEnded))
    assert decisions(down) == decisions(up)
    assert not pbt or any(isinstance(event, TrialExploited) for event in down)
    mirrored = [reason.replace("accuracy >= 0.25", "loss <= 0.75") for reason in reasons(up)]
    assert reasons(down) == mirrored
    assert "loss <= 0.75" in mirrored or policy == "asha", "no trial reached the target"
    assert of_losses.best_score == pytest.approx(1 - of_accuracies.best_score)
    assert of_losses.time_to_target_s == of_accuracies.time_to_target_s


@pytest.mark.parametrize("policy", STRATEGIES)
def test_where_nothing_is_known_trials_train_to_the_end_and_no_score_is_told(policy: str) -> None:
    setup = with_model("unknown", metric=LOSS, stop_score=0.5)
    events, metrics = course(setup, policy)
    ended = [event for event in events if isinstance(event, SegmentEnded)]
    assert ended and all(event.score is None for event in ended)
    assert (metrics.best_score, metrics.time_to_target_s) == (None, None)
    assert not any("loss" in reason for reason in reasons(events))
    assert any(isinstance(event, TrialExploited) for event in events)


@pytest.mark.parametrize("iterations", ["own", "lineage"])
def test_where_no_score_is_known_lots_decide_so_that_no_trial_is_always_the_worst(iterations: str) -> None:
    """By the order in which trials were added, the first one copied one source again and again:
    under lineage, for ever."""
    pbt = {"perturbation_interval": 10, "iterations": iterations}
    events, metrics = course(with_model("unknown", metric=LOSS, pbt=pbt), "least-progress")
    exploits = [event for event in events if isinstance(event, TrialExploited)]
    assert len({event.trial for event in exploits}) > 4 and len({event.source for event in exploits}) > 2
    assert metrics.completed == metrics.trials


def test_what_is_not_known_is_said_beside_the_figures() -> None:
    result = simulate(with_model("unknown", metric=LOSS), "fusion+fifo", seeds=[0])
    [said] = [line for line in result.assumptions if "nothing is known" in line]
    assert said == (
        "loss: nothing is known of how resnet18 learns: trials are ranked by lot; best scores are not predicted; "
        "exploits go by it"
    )


def test_a_model_of_another_metric_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    setup, place = make_setup(metric=LOSS), tmp_path / "out"
    for study in (
        lambda: hetsched.compare(setup, seeds=1, folder=place),
        lambda: hetsched.ablate(setup, "fusion+fifo", folder=place),
    ):
        with pytest.raises(InputError, match="learning.model 'sgd': predicts 'accuracy'"):
            study()
        assert not place.exists()
    with pytest.raises(
        InputError, match=r"learning.model 'sgd': predicts 'accuracy', and .* 'e' is 'loss': .*'unknown'"
    ):
        simulate(setup, "fusion+fifo", seeds=[0])
    simulate(setup.replace(learning={"model": "one-less"}), "fusion+fifo", seeds=[0])


def test_who_is_not_evaluated_needs_no_model_and_has_no_score() -> None:
    setup = make_setup(metric=LOSS, evaluation_images=0)
    assert hetsched.compare(setup, seeds=1).comparisons["fusion+fifo"].best_score is None
    events, metrics = course(setup, "fifo")
    assert {event.score for event in events if isinstance(event, SegmentEnded)} == {None}
    assert metrics.best_score is None


class Wrong:
    def fresh(self, kind: TrialKind) -> None: ...

    def train(self, weights: None, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int) -> None: ...

    def score(self, weights: None, normal: float) -> str:
        return "good"


def test_a_score_that_is_no_number_is_an_error_that_names_model_and_trial() -> None:
    learning.register("wrong")(Wrong)
    with pytest.raises(Exception, match=r"learning model 'wrong' raised TypeError for trial e-\d.*'good'"):
        simulate(with_model("wrong"), "fusion+fifo", seeds=[0])


def test_data_frames_have_metrics_under_their_names() -> None:
    pytest.importorskip("pandas")
    experiments: list[dict[str, Any]] = [{"name": "a", "metric": LOSS}, {"name": "b"}]
    result = hetsched.compare(make_setup(experiments=experiments).replace(learning={"model": "unknown"}), seeds=1)
    assert result.strategies_frame()["metric"].tolist() == [None], "they are not the same"
    segments = result.segments_frame()
    assert {"score", "loss", "accuracy"} <= set(segments.columns)
    one = hetsched.simulate(with_model("one-less", metric=LOSS), "fusion+fifo", seeds=[0])
    [row] = one.to_frame().to_dict("records")
    assert (row["metric"], row["mode"]) == ("loss", "min")
    segments = one.segments_frame()
    assert segments["loss"].equals(segments["score"]) and segments["loss"].min() == row["best_score"]
