"""Scripts of Ray Tune with one changed line, on a small Ray cluster of two nodes."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray")

from ray import tune  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

import hetsched  # noqa: E402
from hetsched.core.events import SegmentEnded, TrialCompleted, TrialExploited  # noqa: E402
from hetsched.core.log import LOG_NAME, read_log  # noqa: E402
from hetsched.core.log_check import check_log  # noqa: E402
from hetsched.core.state import State  # noqa: E402
from hetsched.tune import HeterogeneousPBT, Profiler  # noqa: E402
from tests.dropin.trainings import Forgetful, Parabola, every_second, parabola, seven_steps  # noqa: E402

pytestmark = pytest.mark.on_ray

INTERVAL, STOP = 3, 9
RATES = {"lr": tune.loguniform(0.01, 0.5)}
FIRST_RATES = [0.4, 0.3, 0.03, 0.01]
"""After two intervals the last of these is behind all others after one: it copies another, whoever
reports first."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """A cluster of two nodes of one core; the Ray node of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AIR_NEW_OUTPUT", "0")
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        for name in "ab":
            cluster.add_node(num_cpus=1, labels={"hetsched-node": name}, include_dashboard=False)
        ray.init(address=cluster.address, log_to_driver=False)
        yield {node["Labels"].get("hetsched-node"): node["NodeID"] for node in ray.nodes()}
        ray.shutdown()
        cluster.shutdown()


def fit(training: Any, folder: Path, scheduler: Any = None, stop: Any = None, **run: Any) -> Any:
    """What a user's script does."""
    scheduler = scheduler or HeterogeneousPBT(
        perturbation_interval=INTERVAL, hyperparam_mutations=RATES, quantile_fraction=0.5
    )
    tuner = tune.Tuner(
        training,
        param_space={"lr": tune.grid_search(FIRST_RATES)},
        tune_config=tune.TuneConfig(metric="loss", mode="min", scheduler=scheduler, reuse_actors=True),
        run_config=tune.RunConfig(
            name="experiment",
            storage_path=str(folder),
            stop={"training_iteration": STOP} if stop is None else stop,
            verbose=0,
            **run,
        ),
    )
    return tuner.fit()


def seen(folder: Path) -> tuple[list[Any], State]:
    events = list(read_log(folder / "experiment" / LOG_NAME))
    return events, check_log(events)


@pytest.mark.parametrize("training", [Parabola, parabola, every_second])
def test_trials_train_where_the_policy_puts_them_and_what_the_log_says(
    training: Any, tmp_path: Path, nodes: dict[str, str]
) -> None:
    results = fit(training, tmp_path, checkpoint_config=tune.CheckpointConfig(num_to_keep=1))
    assert not results.errors
    events, state = seen(tmp_path)
    assert state.ended == "completed"
    assert any(isinstance(event, TrialExploited) for event in events)
    last: dict[str, SegmentEnded] = {e.trial: e for e in events if isinstance(e, SegmentEnded)}
    for result in results:
        metrics = result.metrics
        trial = state.trials[metrics["trial_id"]]
        assert metrics["training_iteration"] == trial.iterations == STOP
        assert metrics["loss"] == pytest.approx(trial.score)
        assert metrics["rate"] == metrics["config"]["lr"] == trial.hyperparameters["lr"]  # restored, and perturbed
        assert metrics["where"] == nodes[state.workers[last[trial.id].worker].node]
        assert trial.metrics["rate"] == metrics["rate"]
    assert {worker.node for worker in state.workers.values()} == {"a", "b"}
    assert len({event.worker for event in events if isinstance(event, SegmentEnded)}) == 2


def test_the_log_is_replayed_measured_and_simulated(tmp_path: Path, nodes: dict[str, str]) -> None:
    fit(Parabola, tmp_path)
    home = tmp_path / "experiment"
    replayed = hetsched.replay(home)
    assert replayed.same
    assert replayed.error_percent == pytest.approx(0.0, abs=0.1)
    [run] = hetsched.load_results(home).runs
    assert run.metrics.makespan_s > 0
    assert (home / "scenario.toml").is_file()
    scenario = hetsched.load_scenario(home / "measured" / "scenario.toml")
    compared = hetsched.compare(scenario, seeds=2)
    assert {result.metrics.strategy for result in compared.runs} == {"uniform+fifo", "fusion+fifo", "fusion+lookahead"}
    [row] = scenario.resolve().times.rows
    assert 0.02 <= row.seconds_per_iteration < 0.2


def test_a_function_that_ends_by_itself_completes_its_trial(tmp_path: Path, nodes: dict[str, str]) -> None:
    results = fit(seven_steps, tmp_path, stop={"training_iteration": 100})
    assert not results.errors
    events, state = seen(tmp_path)
    assert {trial.iterations for trial in state.trials.values()} == {7}
    assert {e.reason for e in events if isinstance(e, TrialCompleted)} == {"ended by Ray Tune"}


def test_a_training_whose_checkpoints_bring_old_values_back_is_named(
    tmp_path: Path, nodes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    fit(Forgetful, tmp_path)
    exploited = {trial.id for trial in seen(tmp_path)[1].trials.values() if trial.exploits}
    warned = [record.getMessage() for record in caplog.records if "set it again" in record.getMessage()]
    assert warned and all("trains with lr = " in line for line in warned)
    assert any(trial in line for trial in exploited for line in warned)


def test_a_profiler_writes_what_another_strategy_is_simulated_with(tmp_path: Path, nodes: dict[str, str]) -> None:
    pbt = tune.schedulers.PopulationBasedTraining(
        time_attr="training_iteration", perturbation_interval=INTERVAL, hyperparam_mutations=RATES
    )
    profiler = Profiler(metric="loss", mode="min", perturbation_interval=INTERVAL)
    results = fit(Parabola, tmp_path, scheduler=pbt, callbacks=[profiler])
    assert not results.errors
    scenario = hetsched.load_scenario(tmp_path / "experiment" / "measured" / "scenario.toml")
    [row] = scenario.resolve().times.rows
    assert 0.02 <= row.seconds_per_iteration < 0.2
    assert row.start_up_s
    [experiment] = scenario.resolve().workload.experiments
    assert experiment.population == len(FIRST_RATES)
    assert (experiment.stop_iterations, experiment.interval) == (STOP, INTERVAL)
    assert experiment.counts_lineage and experiment.pbt is not None and experiment.pbt.bounds == "ray"
    assert hetsched.simulate(scenario, "fusion+lookahead", seeds=1).runs[0].metrics.makespan_s > 0


class Power(tune.Callback):
    """Fails once, when so many results have come and a trial has copied another, as if the driver
    had been lost."""

    def __init__(self, flag: Path) -> None:
        self._flag = flag
        self._results = 0

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
        self._results += 1
        has_copied = any("@perturbed" in str(one.experiment_tag) for one in trials)
        if self._results >= 16 and has_copied and not self._flag.exists():
            self._flag.touch()
            raise RuntimeError("the power went")


def wait_for_tunes_state(experiment: Path) -> None:
    """Until Tune's thread has copied its last state there: in the middle of that the file is
    empty."""
    until = time.monotonic() + 300
    while True:
        newest = max(experiment.glob("experiment_state-*.json"))
        try:
            json.loads(newest.read_text())
            return
        except ValueError:
            assert time.monotonic() < until, f"{newest} stays incomplete"
            time.sleep(0.05)


def test_a_restored_experiment_goes_on_with_its_log_and_perturbed_values(
    tmp_path: Path, nodes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "0")
    with pytest.raises(Exception, match="the power went"):
        fit(Parabola, tmp_path, callbacks=[Power(tmp_path / "flag")])
    events, before = seen(tmp_path)
    perturbed = {trial.id: trial.hyperparameters["lr"] for trial in before.trials.values() if trial.exploits}
    assert before.ended is not None and perturbed and not before.finished
    wait_for_tunes_state(tmp_path / "experiment")
    results: Any = tune.Tuner.restore(str(tmp_path / "experiment"), trainable=Parabola).fit()
    assert not results.errors
    after, state = seen(tmp_path)
    assert after[: len(events)] == events
    assert state.ended == "completed"
    exploits = {event.trial for event in after[len(events) :] if isinstance(event, TrialExploited)}
    for result in results:
        trial = state.trials[result.metrics["trial_id"]]
        assert result.metrics["training_iteration"] == trial.iterations == STOP
        assert result.metrics["rate"] == trial.hyperparameters["lr"]
        if trial.id in perturbed and trial.id not in exploits:
            assert result.metrics["rate"] == perturbed[trial.id]
    assert hetsched.replay(tmp_path / "experiment").same
