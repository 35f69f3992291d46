"""What goes wrong while a run ends for an error: the first error is what the run ends with, and it
does end."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")  # what keeps snapshots imports it
pytest.importorskip("ray")

import ray
from ray.tune import TuneError

from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Place, TrialId
from hetsched.errors import HetschedError
from hetsched.scenario.tables import CheckpointsTable
from real.cluster.nodes import Nodes
from real.tune import tune_actors
from real.tune.clock import Clock
from real.tune.course import begin_or_go_on
from real.tune.driver import Driver, driver_of
from real.tune.run import _fit
from real.tune.scheduler import DispatchingScheduler
from real.tune.trial_states import SETTLE_S
from tests.conftest import make_setup
from tests.real.fake_tune import FakeTune, FullableLog, Node, World
from tests.real.test_driver import SimulatedPBT


class Faulty(FakeTune):
    """Whose calls raise what they are told to, and that counts how long the driver may have
    waited."""

    def __init__(self, *arguments: Any, faults: dict[str, Exception]) -> None:
        super().__init__(*arguments)
        self.faults = faults
        self.waits: list[tuple[int, float]] = []

    @property
    def completed(self) -> int:
        return len(self._stopped)

    def _may_raise(self, call: str) -> None:
        if call in self.faults:
            raise self.faults[call]

    def flush(self, worker: Any) -> Any:
        self._may_raise("flush")
        return super().flush(worker)

    def end(self) -> None:
        self._may_raise("end")
        super().end()

    def park(self, trial: Any) -> None:
        self._may_raise("park")

    def attach(self, controller: Any) -> None:
        self._may_raise("attach")

    def is_fresh(self, trial: Any) -> bool:
        raise self.faults["is_fresh"]

    def add(self, identifier: TrialId, trial: Any) -> None:
        pass

    def outcomes(self, answers: Sequence[Any], timeout_s: float) -> list[Exception | None]:
        self.waits.append((len(answers), timeout_s))
        return super().outcomes(answers, timeout_s)


@contextmanager
def driver(
    folder: Path, place: Place = "both", workers: int = 5, policy: str = "fifo", /, **faults: Exception
) -> Iterator[tuple[Driver, Faulty]]:
    """A driver that has begun and that signals stop, and its fake. Each of so many workers is alone
    on its node."""
    setup = make_setup(
        [{"name": f"n{number}", "cores": 1} for number in range(workers)],
        population=5,
        stop_iterations=30,
        search_space={"lr": {"low": 0.001, "high": 1.0, "scale": "log"}},
        pbt={"perturbation_interval": 3},
    ).replace(checkpoints=CheckpointsTable(place=place))
    strategy = Strategy("fusion", policy)
    [experiment] = setup.workload.experiments
    world = World(random.Random(0), {}, faults=False)
    for node in setup.cluster:
        world.nodes[node.id] = Node(node.id, world.ray_node(node.id))
    joining = setup.workers(strategy)
    fake = Faulty(world, joining, place, experiment.trial_ids(), faults=faults)
    there = {node.id: node.ray_node for node in world.nodes.values()}
    with FullableLog(folder / LOG_NAME, world) as log:
        course = begin_or_go_on(setup, strategy, 0, experiment, [], joining, there, log)
        course = course._replace(clock=Clock(0.0, world.time, fake.sleep))
        nodes = Nodes(setup.cluster, there, fake, world.time)
        made = driver_of(course, place, 0, joining, nodes, fake, SimulatedPBT(experiment, 0), fake, [])
        with course.stopping.on_interrupt():
            yield made, fake


def break_near_the_end(under_test: Driver, fake: Faulty, error: Exception) -> None:
    """Let it run until two trials are completed and their workers have nothing to do, then have an
    act go wrong."""

    def watch(_: FakeTune) -> None:
        if fake.completed >= 2 and under_test.error is None:
            under_test.guarded(lambda: _raise(error), None)

    fake.run(under_test, watch)


def _raise(error: Exception) -> None:
    raise error


def test_what_goes_wrong_with_checkpoints_does_not_hide_the_first_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = KeyError("plan")
    with driver(tmp_path, flush=RuntimeError("no actor")) as (under_test, fake):
        break_near_the_end(under_test, fake, first)
        assert fake.ended
        assert under_test.error is first
        assert under_test.guarded(lambda: "done", "not done") == "not done"
    assert "checkpoints could not be completed: RuntimeError: no actor; a resumed run goes on from" in caplog.text


def test_a_run_that_cannot_be_ended_raises_its_first_error_now_and_later(tmp_path: Path) -> None:
    """Tune would ask for ever otherwise, or get the second error."""
    first, second = KeyError("plan"), RuntimeError("no controller")
    with driver(tmp_path, end=second) as (under_test, fake):
        with pytest.raises(KeyError) as raised:
            break_near_the_end(under_test, fake, first)
        assert raised.value is first and raised.value.__cause__ is second
        for act in (under_test.step, under_test.begin):
            with pytest.raises(KeyError) as raised:
                act()
            assert raised.value is first
        fake.faults.clear()
        under_test.step()
        assert fake.ended and under_test.error is first


@pytest.mark.parametrize("place", ["both", "object-store"])
def test_what_is_in_memory_is_written_though_tune_itself_fails(place: Place, tmp_path: Path) -> None:
    """Only what went wrong in the driver had its states written: what Tune raised cost all that was
    in memory."""

    def break_down(_: FakeTune) -> None:
        if fake.completed >= 2:
            raise RuntimeError("a bug of Tune")

    with driver(tmp_path, place) as (under_test, fake):
        tuner: Any = SimpleNamespace(fit=lambda: fake.run(under_test, break_down))
        course: Any = None
        with pytest.raises(RuntimeError, match="a bug of Tune"):
            _fit(tuner, under_test, course, nullcontext())
        checkpoints = under_test._states.checkpoints
        assert checkpoints.missing() == {}
        assert under_test.guarded(lambda: "done", "not done") == "not done"


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (TuneError("Traceback\nno room"), "Ray Tune failed: no room; resume the run"),
        (None, "Ray Tune ended before every trial was completed: 5 trials not done; resume the run"),
    ],
)
def test_what_goes_wrong_in_tune_names_the_log_and_what_to_do(
    fails: Exception | None, message: str, tmp_path: Path
) -> None:
    def fit() -> None:
        if fails is not None:
            raise fails

    with driver(tmp_path) as (under_test, _):
        tuner: Any = SimpleNamespace(fit=fit)
        course: Any = SimpleNamespace(
            dispatcher=under_test._dispatcher,
            log=SimpleNamespace(path=tmp_path / LOG_NAME),
            stopping=under_test._stopping,
        )
        with pytest.raises(HetschedError, match=f"{tmp_path / LOG_NAME}: {message}"):
            _fit(tuner, under_test, course, nullcontext())


def test_the_driver_waits_for_all_actors_together(tmp_path: Path) -> None:
    """And not for one after the other, half a minute each: for what is being written, for what
    actors write then, and for what other processes write in the end."""
    with driver(tmp_path) as (under_test, fake):
        break_near_the_end(under_test, fake, KeyError("plan"))
    assert fake.ended
    assert [timeout for _, timeout in fake.waits] == [SETTLE_S] * 3
    assert fake.waits[0][0] >= 2


def test_ray_is_asked_once_for_the_answers_of_all_actors(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[tuple[int, float]] = []

    def wait(answers: list[Any], num_returns: int, timeout: float, fetch_local: bool) -> None:
        waits.append((num_returns, timeout))

    monkeypatch.setattr(ray, "wait", wait)
    monkeypatch.setattr(ray, "get", lambda answer, timeout: None)
    assert tune_actors.TuneActors({}, str).outcomes(list(range(5)), 30.0) == [None] * 5
    assert waits == [(5, 30.0)]


class Tuned:
    """A trial as Tune has it."""

    def __init__(self, trial: str) -> None:
        self.config = {"trial": trial}

    def init_local_path(self) -> None:
        pass

    def set_status(self, status: str) -> None:
        pass


def test_every_hook_of_tune_keeps_its_error_for_the_run(tmp_path: Path) -> None:
    """`on_trial_add` gave Tune the error itself, as did the callback that an actor is ready."""
    for call in ("attach", "park", "is_fresh"):
        folder, error = tmp_path / call, RuntimeError(f"no {call}")
        folder.mkdir()
        with driver(folder, **{call: error}) as (under_test, fake):
            actors: Any = fake
            trial: Any = Tuned("e-0")
            hooks = DispatchingScheduler(under_test, actors)
            hooks.on_trial_add(None, trial)
            if call == "park":
                hooks.on_trial_add(None, trial)
            elif call == "is_fresh":
                hooks.on_started(trial)
            assert under_test.error is error
            assert fake.ended
