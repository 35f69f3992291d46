"""Replays of real runs: a policy decides again what it decided on Ray.

That this can be told from a real log depends on how a policy decides, so one of each kind is
enough; all others are `exhaustive`. tests/on_ray/test_packages_real.py has packages.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hetsched import scheduling
from hetsched.core.decisions import Decision, Dispatch, WakeAt
from hetsched.core.events import PolicyWoken, TrialCompleted
from hetsched.core.log import read_log
from hetsched.core.view import StateView
from hetsched.domain.registry import Strategy
from real.tune.run import run
from sim.replay import replay
from tests.on_ray.conftest import NODES, of, small_scenario

ROUND_S = 0.2


class InRounds:
    """Starts trials at the beginning of a round only, for which it is woken; the first begins after
    some time."""

    def __init__(self) -> None:
        self._next_s = ROUND_S

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        if state.now < self._next_s:
            return [WakeAt(self._next_s)]
        self._next_s = state.now + ROUND_S
        pairs = zip(state.idle_workers, list(state.ready_trials), strict=False)
        return [Dispatch(trial.id, worker.id, state.interval(trial)) for worker, trial in pairs]


KINDS: dict[str, dict[str, Any]] = {
    "fifo": {},  # a queue
    "test-in-rounds": {},
    "hypersched": {"deadline_s": 4.0},  # long before trials are done: it stops them
    "lookahead": {},  # a plan that is kept from decision to decision
}
OTHERS = [pytest.param(name, {}, marks=pytest.mark.exhaustive) for name in scheduling.policies.names()]


@pytest.fixture(autouse=True)
def rounds(no_policy_stays: None) -> None:
    scheduling.register("test-in-rounds")(InRounds)


@pytest.mark.parametrize(("policy", "options"), [*KINDS.items(), *OTHERS])
def test_a_policy_takes_the_decisions_of_its_real_run_again(
    policy: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """Two workers, one half as fast, and three trials of four intervals."""
    a, b = NODES
    stop = 200 if "deadline_s" in options else 12
    setup = small_scenario([a, b | {"pace": 2.0}], stop_iterations=stop, real={"time_scale": 0.5})
    setup = setup.replace(scheduling={policy: options} if options else {})
    run(setup, Strategy("test-core-per-node", policy), 0, tmp_path)
    events = list(read_log(tmp_path / "events.jsonl"))
    found = replay(setup, events)
    assert found.difference is None
    assert found.alike == found.decisions >= 3
    assert found.replayed_makespan_s == pytest.approx(found.makespan_s, rel=0.01)
    assert policy != "test-in-rounds" or of(events, PolicyWoken)
    if "deadline_s" in options:
        assert any(event.reason.startswith("stopped by hypersched") for event in of(events, TrialCompleted))
