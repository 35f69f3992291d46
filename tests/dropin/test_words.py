"""What a Tune script that uses the drop-in says of itself: what it left behind, and why PBT does
nothing."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

pytest.importorskip("ray")

from ray import tune

import hetsched
from hetsched.cli.main import main
from hetsched.core.events import AnyEvent, SegmentEnded
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.cluster import WorkerType
from hetsched.domain.metric import Metric, Mode
from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from real.dropin import going_on, population
from real.dropin import scheduler as dropin
from real.dropin.run import Run
from real.tune.clock import Clock
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with
from tests.dropin.test_failures import controller_of, fail, to_the_end


def carried_out(folder: Path) -> None:
    with ray_with(ray_node("a", 2)):
        to_the_end(controller_of(folder))


def test_it_names_the_commands_that_read_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run ended without a word of the log, of the report and of the scenario that it had
    written."""
    carried_out(tmp_path)
    said = capsys.readouterr().err
    assert f"hetsched: report: hetsched report {tmp_path}\n" in said
    assert f"simulated: hetsched compare {tmp_path / 'measured/scenario.toml'}\n" in said
    assert main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").is_file()


def test_the_count_of_a_measured_node_may_be_changed(tmp_path: Path) -> None:
    """docs/ray-tune-dropin.md says so, and the node's address refused it."""
    carried_out(tmp_path)
    file = tmp_path / "measured/scenario.toml"
    text = file.read_text()
    assert text.count("count = 1, pace") == 1
    file.write_text(text.replace("count = 1, pace", "count = 3, pace"))
    assert len(load_setup(file).cluster.nodes) == 3
    assert len(hetsched.load_scenario(tmp_path / "scenario.toml").cluster.nodes) == 1


def test_a_score_that_is_no_number_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All trials ranked last, and the run ended well."""
    with ray_with(ray_node("a", 2)):
        controller = controller_of(tmp_path)
        score: Any = "good"
        for _ in range(2):
            for trial in controller.get_trials():
                controller.report(trial, score)
    [warning] = [record.getMessage() for record in caplog.records if "no number" in record.getMessage()]
    assert "reports score = 'good', and ranks last: report a number" in warning


def test_a_score_that_is_not_finite_is_not_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ray_with(ray_node("a", 2)):
        controller = controller_of(tmp_path)
        for _ in range(2):
            controller.report(controller.get_trials()[0], float("nan"))
    assert not caplog.records


class Function(FakeTrial):
    """A trial of a function that reports no checkpoints."""

    def get_trainable_cls(self) -> type:
        return tune.trainable.function_trainable.FunctionTrainable


def test_a_function_without_checkpoints_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It trained to its end without PBT, and the run ended well."""
    with ray_with(ray_node("a", 2)):
        scheduler = dropin.HeterogeneousPBT(
            metric="score",
            mode="max",
            perturbation_interval=2,
            hyperparam_mutations={"lr": tune.uniform(0.0, 1.0)},
            folder=tmp_path,
            strategy="fusion+fifo",
        )
        trials: list[FakeTrial] = [
            Function(f"t{number}", {"lr": 0.1}, {"training_iteration": 9}, tmp_path) for number in range(2)
        ]
        controller = FakeController(scheduler, trials)
        controller.step()
        for _ in range(5):
            for trial in trials:
                controller.report(trial, 0.5)
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith("a trial has no checkpoint: trial ")
    assert "report a checkpoint at least every 2 iterations" in warning


def test_its_folder_is_shown_as_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It was taken for a validation, as it has a folder `measured`, and there was nothing to
    compare."""
    carried_out(tmp_path)
    assert main(["show", str(tmp_path)]) == 0
    assert "run on Ray Tune" in capsys.readouterr().out


def test_a_policy_that_stops_no_trial_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Only `hetsched show` said it, when all had been trained."""
    with ray_with(ray_node("a", 2)):
        controller_of(tmp_path, strategy="fusion+asha", options={"asha": {"reduction_factor": 3}})
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith("fusion+asha: 'asha' stops no trial of ")
    assert "its population of 2 is below reduction_factor = 3" in warning


def test_what_it_leaves_can_be_compared_whatever_its_strategy_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that it printed ended with status 2: `fusion` made workers of two cores, which nobody
    had measured."""
    with ray_with(ray_node("a", 2)):
        to_the_end(controller_of(tmp_path, strategy="uniform+fifo"))
    assert main(["compare", str(tmp_path / "measured/scenario.toml"), "--seeds", "1", "--jobs", "1"]) == 0
    assert "trials ended after" not in capsys.readouterr().err


def test_trials_that_were_given_up_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They were completed ones, and their segments were called trained again."""
    with ray_with(ray_node("a", 2)):
        controller = controller_of(tmp_path)
        fail(controller, controller.get_trials()[1], tried_again=False)
        to_the_end(controller)
    assert "trials ended after 0 to " in capsys.readouterr().err
    assert main(["show", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 segment lost: " in shown and "trained again" not in shown
    assert "1 trial given up after failures (t1): every figure counts them as completed" in shown


@pytest.mark.parametrize(
    ("metric", "mode", "stop", "expected"),
    [
        ("acc", "max", {"acc": 0.3}, 0.3),
        ("acc", "max", {"training_iteration": 9}, None),
        ("acc", "min", {"acc": 0.3}, None),
        ("accuracy", "max", {"accuracy": 90}, None),
    ],
)
def test_a_stop_rule_on_the_metric_is_the_scores_one(
    metric: str, mode: Mode, stop: dict[str, Any], expected: float | None, tmp_path: Path
) -> None:
    """The scenario that a run left had no rule, and nothing said so: makespans were 52% too long."""
    trials: Any = [FakeTrial(name, {}, stop, tmp_path) for name in "ab"]
    assert population.stop_score(trials, Metric(metric, mode)) == expected


def test_what_a_restored_run_measured_before_counts(tmp_path: Path) -> None:
    """Its profile had no start-up, as each trial restores in the second part."""
    with ray_with(ray_node("a", 2)):
        to_the_end(controller_of(tmp_path))
        events = list(read_log(tmp_path / "events.jsonl"))
        (tmp_path / "restored").mkdir()
        strategy = Strategy("fusion", "fifo")
        run = Run(load_setup(tmp_path / "scenario.toml"), strategy, 0, tmp_path / "restored", Clock())
    for number, event in enumerate(events):
        if isinstance(event, SegmentEnded):
            events[number] = replace(event, parts=replace(event.parts, start_up_s=4.0, restore_s=0.0))
    going_on._measure(run, events)
    [(kind, worker)] = {(trial.kind, WorkerType("cpu", 1, 0.0)) for trial in run_trials(events)}
    assert run.measured.of(kind, worker).start_ups[:2] == [4.0, 4.0]


def run_trials(events: list[AnyEvent]) -> list[Trial]:
    state = State()
    for event in events:
        state.apply(event)
    return list(state.trials.values())
