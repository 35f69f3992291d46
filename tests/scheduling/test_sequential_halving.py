"""Sequential halving, by hand-made runs: rounds, money as a clock, and the end of it."""

from collections import Counter
from math import ceil, log2
from pathlib import Path
from typing import Any

import pytest

from hetsched.analysis.metrics import measure
from hetsched.core.events import Event, SegmentEnded, SegmentStarted, TrialCompleted
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable, MetricsTable
from hetsched.scheduling.stopping.sequential_halving import SequentialHalving
from hetsched.studies.compare import compare
from hetsched.testing.scenarios import NO_OVERHEADS
from tests.conftest import Simulate, make_setup

BOXES = [{"name": name, "cores": 4, "price_per_h": 18.0} for name in "ab"]
"""Two workers that train an iteration a second; the two cost 0.01 a second together."""


STOPPED = "stopped by sequential-halving: the budget is spent"


def eight(nodes: list[dict[str, Any]] = BOXES, faults: dict[str, Any] | None = None, **metrics: float) -> Setup:
    """Eight independent trials of 1000 iterations, 10 a segment, that score without cost."""
    return some(8, nodes, faults, **metrics)


def some(
    trials: int, nodes: list[dict[str, Any]] = BOXES, faults: dict[str, Any] | None = None, **metrics: float
) -> Setup:
    """So many of them."""
    setup = make_setup(
        nodes,
        overheads=NO_OVERHEADS,
        population=trials,
        stop_iterations=1000,
        pbt={"enabled": False},
        checkpoint_interval=10,
    )
    changed = setup.replace(metrics=MetricsTable(**metrics))
    return changed.replace(faults=FaultsTable.model_validate(faults or {}))


def completions(events: list[Event]) -> list[TrialCompleted]:
    return [event for event in events if isinstance(event, TrialCompleted)]


def trained(events: list[Event], start: float, end: float) -> Counter[str]:
    """How many segments of each trial start from `start` on and before `end`."""
    return Counter(event.trial for event in events if isinstance(event, SegmentStarted) and start <= event.time < end)


def best(events: list[Event], before: float, many: int) -> set[str]:
    """The trials with the best last scores."""
    scores = {e.trial: e.score or 0.0 for e in events if isinstance(e, SegmentEnded) and e.time <= before}
    return set(sorted(scores, key=lambda trial: -scores[trial])[:many])


def test_each_round_has_a_third_of_the_money_and_the_better_half(simulate_log: Simulate) -> None:
    """8, 4 and 2 trials. 2.4 last for 240 s: rounds end at 80 and 160 s, and at 240 s all is
    spent."""
    events = simulate_log(eight(budget=2.4), "fusion+sequential-halving")
    assert trained(events, 0, 80) == {f"e-{number}": 2 for number in range(8)}
    assert trained(events, 80, 160) == dict.fromkeys(best(events, 80, 4), 4)
    assert trained(events, 160, 240) == dict.fromkeys(best(events, 160, 2), 8)
    assert [(end.time, end.reason) for end in completions(events)] == [(240, STOPPED)] * 8


def test_a_worker_that_no_trial_of_the_round_waits_for_is_not_left_idle(simulate_log: Simulate) -> None:
    boxes = [{"name": name, "cores": 4, "price_per_h": 12.0} for name in "abc"]
    events = simulate_log(eight(boxes, budget=2.4), "fusion+sequential-halving")
    last = trained(events, 160, 240)
    assert len(last) > 2
    assert {trial for trial, _ in last.most_common(2)} == best(events, 160, 2), "the round has two trials"
    assert measure(events, eight(boxes)).utilisation == pytest.approx(1.0)


def test_time_is_a_budget_too_and_the_tighter_one_counts(simulate_log: Simulate) -> None:
    tight, loose = {"deadline_s": 240.0}, {"deadline_s": 1e6}
    for limits in (tight, tight | {"budget": 100.0}, loose | {"budget": 2.4}):
        events = simulate_log(eight(BOXES, None, **limits), "fusion+sequential-halving")
        assert [len(trained(events, start, start + 80)) for start in (0, 80, 160)] == [8, 4, 2]
        assert completions(events)[-1].time == 240


def test_a_node_that_comes_late_makes_the_money_last_longer(simulate_log: Simulate) -> None:
    """Until 80 s one node spends 0.4; two of them spend what is left, 2.0, in 200 s."""
    events = simulate_log(eight(faults={"late": {"b": 80.0}}, budget=2.4), "fusion+sequential-halving")
    assert completions(events)[-1].time == 280
    assert measure(events, eight(budget=2.4)).cost == pytest.approx(2.4)


def test_the_last_segments_are_cut_to_end_before_the_money(simulate_log: Simulate) -> None:
    events = simulate_log(eight(budget=0.255), "fusion+sequential-halving")
    found = measure(events, eight(budget=0.255))
    assert found.makespan_s == 25, "two segments of 10 s and one of 5 s on each of the workers"
    assert found.score_at_budget == found.best_score


def test_without_a_limit_every_trial_is_trained_to_its_end(simulate_log: Simulate) -> None:
    found = measure(simulate_log(eight(), "fusion+sequential-halving"), eight())
    assert found.iterations == 8 * 1000


def test_the_best_trial_takes_the_fastest_worker(simulate_log: Simulate) -> None:
    nodes = [{"name": "slow", "cores": 1, "price_per_h": 1.0}, {"name": "fast", "cores": 4, "price_per_h": 1.0}]
    events = simulate_log(eight(nodes, deadline_s=1e6), "fusion+sequential-halving")
    first = next(event for event in events if isinstance(event, SegmentStarted))
    assert (first.trial, first.worker) == ("e-0", "fast/cpu0")


def test_its_own_option_goes_before_the_limit_of_the_metrics(simulate_log: Simulate) -> None:
    setup = eight(budget=100.0).replace(scheduling={"sequential-halving": {"budget": 2.4}})
    assert completions(simulate_log(setup, "fusion+sequential-halving"))[-1].time == 240


def test_a_decision_looks_at_what_has_changed_and_no_further(
    simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the trials that wait is kept: a trial's turn is asked for when it has changed,
    or a round begins."""
    asked: list[Trial] = []
    turn = SequentialHalving._turn

    def noting(policy: SequentialHalving, state: StateView, trial: Trial) -> tuple[bool, int, float, int]:
        asked.append(trial)
        return turn(policy, state, trial)

    monkeypatch.setattr(SequentialHalving, "_turn", noting)
    events = simulate_log(some(60, deadline_s=1200.0), "fusion+sequential-halving")
    ended = sum(isinstance(event, SegmentEnded) for event in events)
    assert ended >= 200
    assert len(asked) <= ended + 60 * (1 + ceil(log2(60)))


@pytest.mark.parametrize(("option", "value"), [("budget", 0.0), ("deadline_s", -1.0), ("eta", 1.0)])
def test_options_must_make_sense(option: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{option}: expected"):
        eight().replace(scheduling={"sequential-halving": {option: value}})


def test_a_comparison_has_the_score_at_the_budget_of_all_policies(tmp_path: Path) -> None:
    setup = eight(budget=1.2)
    found = compare(setup, ["fusion+fifo", "fusion+sequential-halving"], 2, tmp_path / "out").comparisons
    assert all(figures.score_at_budget is not None for figures in found.values())
    halving = found["fusion+sequential-halving"]
    assert halving.cost is not None and halving.cost == pytest.approx(1.2)
    assert ceil(halving.makespan_s.mean) == 120
