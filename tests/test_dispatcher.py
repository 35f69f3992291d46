"""What the dispatcher refuses, and what it does at a segment's end."""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

import msgspec
import pytest

from hetsched import allocation, scheduling
from hetsched.backend import LOG_NAME
from hetsched.cluster import Worker, cpu_worker
from hetsched.dispatcher import check_allocation
from hetsched.errors import InputError, PolicyError
from hetsched.events import RunEnded, read_log
from hetsched.registry import Strategy
from hetsched.scheduling import Dispatch
from hetsched.state import replay
from hetsched.view import StateView
from sim.engine import simulate
from tests.conftest import make_scenario

Decide = Callable[[StateView], Iterable[Dispatch]]


def simulate_deciding(decide: Decide, folder: Path, **experiment: object) -> None:
    """Simulate a policy made of one function."""

    class Policy:
        def dispatch(self, state: StateView) -> Iterable[Dispatch]:
            return decide(state)

    scheduling.register("under-test")(Policy)
    nodes = ({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"}, {"name": "a", "cores": 1})
    simulate(make_scenario(nodes, **experiment), Strategy("fusion", "under-test"), 0, folder)


def whole(state: StateView, trial: str = "e-0", worker: str = "a/cpu0", iterations: int = 10) -> Dispatch:
    return Dispatch(trial, worker, iterations)  # type: ignore[arg-type]


REFUSED: dict[str, tuple[Decide, str]] = {
    "unknown trial": (lambda s: [whole(s, trial="e-9")], "no such trial"),
    "unknown worker": (lambda s: [whole(s, worker="b/cpu0")], "no such worker"),
    "no iterations": (lambda s: [whole(s, iterations=0)], "from 1 to 10"),
    "a fraction of an iteration": (lambda s: [whole(s, iterations=2.5)], "whole number"),  # type: ignore[arg-type]
    "more than an interval": (lambda s: [whole(s, iterations=11)], "from 1 to 10"),
    "a trial twice": (lambda s: [whole(s), whole(s, worker="g/cpu0")], "running, not ready"),
    "a worker twice": (lambda s: [whole(s), whole(s, trial="e-1")], "the worker 'a/cpu0' is busy"),
    "a decision with objects for ids": (
        lambda s: [Dispatch(s.ready_trials[0], next(iter(s.idle_workers)), 10)],  # type: ignore[arg-type]
        "trial and worker are ids",
    ),
    "decisions without end": (lambda s: (whole(s) for _ in count()), "running, not ready"),
    "not a decision": (lambda s: ["e-0"], "returns Dispatch"),  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_decisions_are_refused_by_name(name: str, tmp_path: Path) -> None:
    decide, reason = REFUSED[name]
    with pytest.raises(PolicyError, match=f"under-test.*{reason}"):
        simulate_deciding(decide, tmp_path)


def test_a_device_that_the_trial_cannot_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="runs on v100 only"):
        simulate_deciding(lambda s: [whole(s)], tmp_path, devices=["v100"])


def test_past_the_stop_iteration_is_refused(tmp_path: Path) -> None:
    def last(state: StateView) -> Iterable[Dispatch]:
        trial = state.ready_trials[0]
        return [Dispatch(trial.id, next(iter(state.idle_workers)).id, 10)]

    with pytest.raises(PolicyError, match="5 iterations remain"):
        simulate_deciding(last, tmp_path, population=1, stop_iterations=15)


@pytest.mark.parametrize("error", [KeyError("gone"), SystemExit(0)])
def test_a_policy_that_ends_the_program_is_an_error_like_any_other(error: BaseException, tmp_path: Path) -> None:
    def ending(state: StateView) -> Iterable[Dispatch]:
        raise error

    with pytest.raises(PolicyError, match=f"'under-test' raised {type(error).__name__}"):
        simulate_deciding(ending, tmp_path)


def test_a_policy_that_needs_arguments_is_named(tmp_path: Path) -> None:
    class Needy:
        def __init__(self, rate: float) -> None:
            self.rate = rate

    scheduling.register("needy")(Needy)  # type: ignore[type-var]
    with pytest.raises(PolicyError, match="'needy' cannot be made without arguments"):
        simulate(make_scenario(), Strategy("fusion", "needy"), 0, tmp_path)
    with pytest.raises(TypeError, match="goes before a class"):
        scheduling.register("five")(5)  # type: ignore[type-var]


def test_leaving_everything_idle_is_reported_as_stalled(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="stalled.*all 3 workers idle while 4 trials wait"):
        simulate_deciding(lambda s: [], tmp_path)


def test_a_policy_that_raises_is_named_and_the_log_is_kept(tmp_path: Path) -> None:
    def broken(state: StateView) -> Iterable[Dispatch]:
        if state.now > 0:
            raise KeyError("gone")
        return [whole(state)]

    with pytest.raises(PolicyError, match="'under-test' raised KeyError at"):
        simulate_deciding(broken, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert isinstance(events[-1], RunEnded) and events[-1].reason.startswith("failed")
    assert replay(events).trials["e-0"].iterations == 10  # type: ignore[index]


def test_the_view_cannot_be_written_to(tmp_path: Path) -> None:
    def meddling(state: StateView) -> Iterable[Dispatch]:
        with pytest.raises((TypeError, AttributeError)):
            state.trials["e-0"] = None  # type: ignore[index]
        with pytest.raises(AttributeError):
            state.ready_trials[0].iterations = 100
        with pytest.raises(TypeError):
            state.ready_trials[0].hyperparameters["lr"] = 0.1  # type: ignore[index]
        with pytest.raises(TypeError):
            next(iter(state.experiments.values())).search_space["lr"] = None
        for name in ("now", "lead", "interval", "ready_trials", "anything"):
            with pytest.raises(AttributeError):
                setattr(state, name, None)
        return [whole(state)]

    with pytest.raises(PolicyError, match="e-0"):  # after the meddling: the same trial once more, when it is done
        simulate_deciding(meddling, tmp_path)


def test_workers_that_overlap_are_refused() -> None:
    scenario = make_scenario(({"name": "a", "cores": 3},))
    node = scenario.cluster_spec().nodes[0]

    with pytest.raises(PolicyError, match="'mine'.* need 4 cores"):
        check_allocation("mine", scenario.cluster_spec(), [cpu_worker(node, 0, 2), cpu_worker(node, 1, 2)])
    with pytest.raises(PolicyError, match="made no workers"):
        check_allocation("mine", scenario.cluster_spec(), [])
    cheats = {"has a pace": {"pace": 0.001}, "has -1 cores": {"cores": -1}, "GPU share": {"gpu_share": 0.5}}
    for reason, change in cheats.items():
        worker = msgspec.structs.replace(cpu_worker(node, 0, 1), **change)
        with pytest.raises(PolicyError, match=reason):
            check_allocation("mine", scenario.cluster_spec(), [worker])


def test_an_allocation_policy_that_raises_is_named() -> None:
    @allocation.register("broken")
    class Broken:
        def workers(self, *_: object) -> list[Worker]:
            raise KeyError("gone")

    with pytest.raises(PolicyError, match="allocation policy 'broken' raised KeyError"):
        make_scenario().workers(Strategy("broken", "fifo"))


def test_trials_that_no_worker_may_run_are_an_error_of_the_input(tmp_path: Path) -> None:
    nodes = ({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"},)
    both = make_scenario(nodes, experiments=[{"name": "c", "devices": ["cpu"]}, {"name": "g", "devices": ["v100"]}])
    with pytest.raises(InputError, match=r"c.devices: uniform\+fifo has no worker of \('cpu',\); it has v100"):
        simulate(both, Strategy("uniform", "fifo"), 0, tmp_path)
