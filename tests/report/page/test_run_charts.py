"""What the page's document says for the charts of a run, compared with the log."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import hetsched
from hetsched.analysis.metrics import measure
from hetsched.core.events import Event, SegmentEnded, TrialExploited
from hetsched.core.state import State, state_of
from hetsched.domain.metric import Metric
from hetsched.report.page.document import Axis, Exploit, PageRun, PageTrial, Segments
from hetsched.report.page.page import page
from hetsched.report.page.run_charts import RunCharts
from hetsched.scenario.scenario import Setup
from tests.conftest import Simulate, make_setup
from tests.report.page.runs import faulty, simulated

SPACE = {
    "lr": {"low": 1e-4, "high": 1.0, "scale": "log"},
    "layers": {"low": 1, "high": 4, "integer": True},
    "optimizer": {"choices": ["adam", "sgd"]},
    "seed": {"value": 3},
}


@pytest.fixture
def setup() -> Setup:
    return make_setup(population=8, stop_iterations=100, stop_score=0.95, search_space=SPACE)


def bare(events: Sequence[Event]) -> PageRun:
    """A run of the page without what charts add."""
    state = state_of(events)
    none: list[int] = []
    place = {trial: number for number, trial in enumerate(state.trials)}
    trials = [
        PageTrial(trial.id, trial.experiment, 0.0, {}, "completed", trial.iterations, trial.score, trial.best_score)
        for trial in state.trials.values()
    ]
    return PageRun(
        title="test",
        strategy="fusion+fifo",
        seed=0,
        backend="sim",
        paced=False,
        end_s=state.now,
        ended="completed",
        bound_s=None,
        metric=Metric(),
        lanes=[],
        trials=trials,
        segments=Segments(none, none, none, [], [], [], [], none, none, [], none),
        exploits=[
            Exploit(event.time, place[event.trial], place[event.source], event.hyperparameters)
            for event in events
            if isinstance(event, TrialExploited)
        ],
        marks=[],
    )


def run_of(events: Sequence[Event]) -> PageRun:
    state, charts = State(), RunCharts()
    for event in events:
        state.apply(event)
        charts(state, event)
    return charts.on(bare(events), state)


def test_utilisation_is_that_of_the_figure(setup: Setup, simulate_log: Simulate) -> None:
    events = simulate_log(setup)
    run = run_of(events)
    [all_workers] = [series for series in run.utilisation if series.group == "all"]
    assert [(series.group, series.name) for series in run.utilisation] == [
        ("all", "all workers"),
        ("node", "a"),
        ("node", "b"),
        ("device", "cpu"),
    ]
    lengths = [b - a for a, b in zip(all_workers.time_s, [*all_workers.time_s[1:], run.end_s], strict=True)]
    mean = sum(length * (value or 0) for length, value in zip(lengths, all_workers.value, strict=True)) / run.end_s
    assert mean == pytest.approx(measure(events, setup).utilisation, abs=1e-3)


def test_the_line_ends_with_the_trial_that_scored_best(setup: Setup, simulate_log: Simulate) -> None:
    events = simulate_log(setup)
    run = run_of(events)
    trials = state_of(events).trials.values()
    best = max(trials, key=lambda trial: trial.best_score or 0.0)
    *before, last = run.ancestors
    assert (run.trials[last.trial].id, last.score) == (best.id, best.best_score)
    assert before, "PBT has copied"
    assert all(
        ancestor.trial == following.source for ancestor, following in zip(before, run.ancestors[1:], strict=True)
    )
    assert sum(ancestor.iterations for ancestor in run.ancestors) <= 100


def test_what_was_searched(setup: Setup, simulate_log: Simulate) -> None:
    events = simulate_log(setup)
    [experiment] = run_of(events).experiments
    assert (experiment.id, experiment.metric, experiment.stop_score) == ("e", Metric(), 0.95)
    assert experiment.hyperparameters == {
        "lr": Axis("log"),
        "layers": Axis("linear"),
        "optimizer": Axis("choice", ["adam", "sgd"]),
    }


@pytest.mark.parametrize("counting", ["own", "lineage"])
def test_after_an_exploit_a_trial_has_the_score_of_its_source(counting: str, simulate_log: Simulate) -> None:
    pbt = {"perturbation_interval": 10, "iterations": counting}
    events = simulate_log(make_setup(population=8, stop_iterations=60, pbt=pbt))
    run = run_of(events)
    counts, scores = dict.fromkeys(range(8), 0), dict.fromkeys(range(8), 0.0)
    place, exploits = {trial.id: number for number, trial in enumerate(run.trials)}, iter(run.exploits)
    for event in events:
        if isinstance(event, SegmentEnded):
            counts[place[event.trial]] += event.iterations
            scores[place[event.trial]] = event.score or 0.0
        elif isinstance(event, TrialExploited):
            exploit = next(exploits)
            scores[exploit.trial] = scores[exploit.source]
            if counting == "lineage":
                counts[exploit.trial] = counts[exploit.source]
            assert (exploit.iterations, exploit.score) == (counts[exploit.trial], scores[exploit.trial])
    assert run.exploits


def test_utilisation_is_the_figure_of_the_tables(tmp_path: Path) -> None:
    """With nodes that come and go the mean over time of what is there is another figure: 90% where
    this is 91%."""
    folder = simulated(faulty(), tmp_path)
    [run] = page(folder).runs
    [found] = hetsched.load_results(folder).runs
    assert run.utilisation[0].mean == pytest.approx(found.metrics.utilisation)
    ends = [*run.utilisation[0].time_s[1:], run.end_s]
    known = [
        (end - begin, value)
        for begin, end, value in zip(run.utilisation[0].time_s, ends, run.utilisation[0].value, strict=True)
        if value is not None
    ]
    over_time = sum(length * value for length, value in known) / sum(length for length, _ in known)
    assert abs(over_time - found.metrics.utilisation) > 0.002, "the run tells the two apart"
