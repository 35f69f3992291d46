"""Replays: a policy that sees again what it saw decides again what it decided."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hetsched import scheduling
from hetsched.core.decisions import Decision, Dispatch
from hetsched.core.events import AnyEvent, PolicyAsked, RunEnded, RunStarted, SegmentStarted, TrialAdded, TrialCompleted
from hetsched.core.log import read_log
from hetsched.core.view import StateView
from hetsched.domain.learning import models
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, PolicyError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable, LearningTable
from hetsched.studies.resume import failed, remember
from sim.replay import replay
from tests.conftest import Simulate, make_setup
from tests.rising import Rising

NODES = (
    {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"},
    {"name": "a", "cores": 2},
    {"name": "b", "cores": 1},
    {"name": "c", "cores": 1},
)
POLICIES = scheduling.policies.names()
FAULTS: dict[str, Any] = {
    "nodes": {"mean_between_s": 60.0, "mean_repair_s": 10.0},
    "trials": {"mean_between_s": 100.0},
    "stragglers": {"mean_between_s": 40.0, "mean_duration_s": 20.0, "factor": 3.0},
}


def faulty(setup: Setup) -> Setup:
    return setup.replace(faults=FaultsTable.model_validate(FAULTS))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_takes_the_decisions_of_its_simulated_log_again(policy: str, simulate_log: Simulate) -> None:
    setup = make_setup(NODES, population=7, stop_iterations=60)
    found = replay(setup, simulate_log(setup, f"fusion+{policy}"))
    assert found.difference is None
    assert found.alike == found.decisions > 0
    assert found.replayed_makespan_s == found.makespan_s


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("policy", ["least-progress", "hrfs", "asha", "gavel-las", "srtf"])
def test_so_it_does_when_workers_come_and_go(policy: str, seed: int, simulate_log: Simulate) -> None:
    setup = faulty(make_setup(NODES, population=7, stop_iterations=60))
    log = simulate_log(setup, f"fusion+{policy}", seed)
    found = replay(setup, log)
    assert found.difference is None
    assert (found.alike, found.replayed_makespan_s) == (found.decisions, found.makespan_s)


def test_a_decision_that_is_not_the_policys_is_found(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, population=7, stop_iterations=60)
    log: list[AnyEvent] = list(simulate_log(setup, "fusion+least-progress"))
    started = [number for number, event in enumerate(log) if isinstance(event, SegmentStarted)]
    place = started[3]
    told = log[place]
    assert isinstance(told, SegmentStarted)
    log[place] = SegmentStarted(told.time, told.trial, told.worker, told.iterations - 1)
    found = replay(setup, log)
    assert found.difference is not None
    assert f"{told.iterations - 1} iterations of {told.trial}" in found.difference
    assert found.alike < found.decisions
    assert found.replayed_makespan_s is None


def test_another_policy_decides_otherwise(simulate_log: Simulate) -> None:
    setup = make_setup(NODES, population=7, stop_iterations=60)
    log: list[AnyEvent] = list(simulate_log(setup, "fusion+fifo"))
    begun = log[0]
    assert isinstance(begun, RunStarted)
    log[0] = replace(begun, strategy="fusion+lpt")
    assert replay(setup, log).difference is not None


class RoundRobin:
    """Begins each call one trial further on: what it decides depends on how often it was asked."""

    def __init__(self) -> None:
        self.turn = 0

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self.turn += 1
        ready, idle = list(state.ready_trials), list(state.idle_workers)
        for place in range(len(ready)):
            trial = ready[(self.turn + place) % len(ready)]
            fitting = [worker for worker in idle if state.usable(trial, worker)]
            if fitting:
                idle.remove(fitting[0])
                yield Dispatch(trial.id, fitting[0].id, state.interval(trial))


@pytest.mark.parametrize("late", [["b", "c", "g"], ["b", "c"]])
@pytest.mark.parametrize("faults", [{}, FAULTS])
def test_a_policy_that_counts_how_often_it_is_asked_is_not_accused(
    late: list[str], faults: dict[str, Any], simulate_log: Simulate
) -> None:
    """Nodes join at one time, and nothing may run on most: the log says after which of them the
    policy was asked."""
    scheduling.register("test-round-robin")(RoundRobin)
    setup = make_setup(NODES, devices=["v100"], population=5, stop_iterations=60)
    setup = setup.replace(faults=FaultsTable.model_validate({**faults, "late": dict.fromkeys(late, 15.0)}))
    log = simulate_log(setup, "fusion+test-round-robin")
    found = replay(setup, log)
    assert (found.difference, found.alike) == (None, found.decisions)
    assert any(isinstance(event, PolicyAsked) for event in log)
    for cut in range(len(log) // 4, len(log), 5):
        assert remember(setup, Strategy("fusion", "test-round-robin"), 0, log[:cut]).forgot is None
    without = [event for event in log if not isinstance(event, PolicyAsked)]
    assert replay(setup, without).difference is not None, "this course says nothing of when the policy was asked"


def test_a_log_that_does_not_say_when_the_policy_was_asked_is_refused(simulate_log: Simulate) -> None:
    setup = make_setup()
    log: list[AnyEvent] = list(simulate_log(setup))
    begun = log[0]
    assert isinstance(begun, RunStarted)
    with pytest.raises(InputError, match="format 1, which does not say when the policy was asked: run it again"):
        replay(setup, [replace(begun, log_version=1), *log[1:]])


def test_a_log_that_stops_early_is_replayed_and_says_so(simulate_log: Simulate) -> None:
    setup = make_setup()
    log: list[AnyEvent] = list(simulate_log(setup))
    assert replay(setup, log).cut_short is None
    ended = log[-1].time
    assert replay(setup, log[:-1]).cut_short == f"this log stops at {ended:,.3f} s, before the run ended"
    stopped = replay(setup, [*log[:-5], RunEnded(ended, "interrupted")]).cut_short
    assert stopped is not None and stopped.endswith("before all trials were completed: interrupted")


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ([], "this log stops before the policy's first decision"),
        (
            [RunEnded(0.0, failed(PolicyError("policy 'x' raised KeyError")))],
            "this run failed before its first decision: PolicyError: policy 'x' raised KeyError",
        ),
        ([RunEnded(0.0, "interrupted")], "this run ended before its first decision: interrupted"),
    ],
)
def test_a_run_without_a_decision_is_refused(ends: list[AnyEvent], message: str, simulate_log: Simulate) -> None:
    setup = make_setup()
    log: list[AnyEvent] = list(simulate_log(setup))
    first = next(number for number, event in enumerate(log) if isinstance(event, SegmentStarted))
    with pytest.raises(InputError, match=message):
        replay(setup, [*log[:first], *ends])


def test_a_log_without_a_beginning_is_refused(simulate_log: Simulate) -> None:
    setup = make_setup()
    log: list[AnyEvent] = list(simulate_log(setup))
    with pytest.raises(InputError, match="does not begin"):
        replay(setup, log[1:])
    assert any(isinstance(event, TrialAdded) for event in log)


def test_a_run_is_replayed_as_far_as_it_went(tmp_path: Path, simulate_log: Simulate) -> None:
    setup = make_setup(NODES, population=7, stop_iterations=60)
    whole: list[AnyEvent] = list(simulate_log(setup, "fusion+hrfs"))
    for cut in range(len(whole) // 3, len(whole), 7):
        found = replay(setup, whole[:cut])
        assert found.difference is None
        assert found.alike == found.decisions
    assert list(read_log(tmp_path / "run-1" / "events.jsonl")) == whole


def test_a_trial_that_ends_by_its_stop_rule_is_no_decision_whatever_the_name_of_its_metric(
    simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "_factories", {**models._factories, "rising": Rising})
    metric = {"name": "stopped by loss", "mode": "max"}
    setup = make_setup(metric=metric, stop_score=0.12, population=4, stop_iterations=60)
    setup = setup.replace(learning=LearningTable(model="rising"))
    events = simulate_log(setup, "fusion+fifo")
    assert {event.reason for event in events if isinstance(event, TrialCompleted)} == {"stopped by loss >= 0.12"}
    assert replay(setup, events).difference is None
