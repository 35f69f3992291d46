"""The example of a backend of one's own keeps to the rules of docs/python.md, whatever the policy."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched import scheduling
from hetsched.analysis.bounds import full_jobs, makespan_bound, worker_devices
from hetsched.core.events import Event, PolicyWoken, SegmentEnded, SegmentStarted, TrialCompleted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.registry import Strategy
from hetsched.studies.backends import Backend, Outcome
from hetsched.testing import check_log
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup, profile_row

EXAMPLES = Path(__file__).parents[2] / "examples"
BASE = {"stop_iterations": 40, "evaluation_images": 0}
SETUP = make_setup(
    [{"name": "a", "cores": 1}, {"name": "b", "cores": 2}, {"name": "c", "cores": 1, "gpus": 1, "gpu_type": "k80"}],
    [profile_row(cores=1, seconds=4.0137), profile_row(cores=2, seconds=1.791), profile_row("k80", seconds=0.5123)],
    overheads=NO_OVERHEADS,
    experiments=[BASE | {"name": "e", "population": 6}, BASE | {"name": "late", "population": 3, "arrival_s": 33.3}],
)
"""No two segments end at one time. So a simulation, which asks after each end, is asked as often."""


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Backend:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    backend: Backend = importlib.import_module("own_backend").ClockBackend()
    return backend


def course(run: Callable[..., Outcome], scheduling: str, folder: Path) -> list[Event]:
    """What happened in the run. Its log keeps to the rules of every log."""
    folder.mkdir()
    run(SETUP, Strategy("fusion", scheduling), 0, folder)
    events = list(read_log(folder / LOG_NAME))
    check_log(events)
    return [event for event in events if isinstance(event, (SegmentStarted, SegmentEnded, TrialCompleted, PolicyWoken))]


def timed(happened: list[Event]) -> list[tuple[str, str, Any]]:
    return [(type(one).__name__, getattr(one, "trial", ""), pytest.approx(one.time)) for one in happened]


@pytest.mark.parametrize("name", scheduling.policies.names())
def test_it_runs_every_policy_as_the_simulator_does(own: Backend, name: str, tmp_path: Path) -> None:
    mine, simulated = course(own.run, name, tmp_path / "own"), course(simulate, name, tmp_path / "sim")
    assert timed(mine) == timed(simulated)
    trained = sum(event.iterations for event in mine if isinstance(event, SegmentEnded))
    devices = worker_devices(SETUP.workers(Strategy("fusion", name)))
    bound_s = makespan_bound(full_jobs(SETUP.workload), devices, SETUP.times, SETUP.costs)
    assert mine[-1].time >= bound_s or trained < 9 * 40  # asha stops trials


def test_it_wakes_a_policy_that_waits(own: Backend, tmp_path: Path) -> None:
    """It took the end of nothing from an empty list."""

    @hetsched.register_scheduling("waits")
    class Waits:
        def dispatch(self, state: hetsched.StateView) -> list[hetsched.WakeAt] | list[hetsched.Dispatch]:
            if state.now < 10:
                return [hetsched.WakeAt(10.0)]
            pairs = zip(state.ready_trials, state.idle_workers, strict=False)
            return [hetsched.Dispatch(trial.id, worker.id, state.interval(trial)) for trial, worker in pairs]

    mine = course(own.run, "waits", tmp_path / "own")
    assert [(type(event), event.time) for event in mine[:2]] == [(PolicyWoken, 10.0), (SegmentStarted, 10.0)]
    assert timed(mine) == timed(course(simulate, "waits", tmp_path / "sim"))
