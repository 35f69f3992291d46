"""What the tests on Ray share: a cluster of two nodes, a small scenario on it, policies, and what
is seen of a run.

The cluster is started by the first test that needs it and stays up for the others: see
`real.cluster.ray_cluster.connect`.
"""

import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

ray = pytest.importorskip("ray")

from ray._private import ray_constants  # noqa: E402

from hetsched import allocation, scheduling  # noqa: E402
from hetsched.core.decisions import Dispatch, Stop  # noqa: E402
from hetsched.core.dispatcher import Listener  # noqa: E402
from hetsched.core.events import Event, SegmentEnded  # noqa: E402
from hetsched.core.log import LOG_NAME, read_log  # noqa: E402
from hetsched.core.state import State  # noqa: E402
from hetsched.core.trial import Trial  # noqa: E402
from hetsched.core.view import StateView  # noqa: E402
from hetsched.domain.cluster import ClusterSpec, Worker, cpu_worker  # noqa: E402
from hetsched.domain.registry import Strategy  # noqa: E402
from hetsched.domain.workload import Place  # noqa: E402
from hetsched.scenario.scenario import Setup  # noqa: E402
from hetsched.scenario.tables import CheckpointsTable  # noqa: E402
from hetsched.studies.backends import Outcome  # noqa: E402
from real.cluster import ray_cluster  # noqa: E402
from real.cluster.matching import NODE_LABEL, alive  # noqa: E402
from real.tune import scheduler  # noqa: E402
from real.tune.run import run  # noqa: E402
from tests.conftest import make_setup, profile_row  # noqa: E402

collect_ignore = ["stand_in.py", "foreign_training.py"]  # loaded as a scenario's model file, under a name of its own

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

LONG_S = 300.0
"""So long a test waits for what must follow. It says nothing of how soon that is: machines have
other things to do."""

STOP, INTERVAL = 9, 3
PACE_S = {"v100": 0.02, "cpu": 0.05}
NODES = (
    {"name": "a", "cores": 2, "gpus": 1, "gpu_type": "v100", "pace": 1.0},
    {"name": "b", "cores": 1, "pace": 1.0},
)
EXPERIMENT: dict[str, Any] = {
    "model": "stand-in",
    "dataset": "synthetic",
    "batch_size": 8,
    "population": 3,
    "stop_iterations": STOP,
    "evaluation_images": 20,
    "train_images": 40,
    "pbt": {"perturbation_interval": INTERVAL, "quantile_fraction": 0.5},
}


FOREIGN = f"{HERE / 'foreign_training.py'}:Downhill"
"""The class of a user's training."""

BOTH = pytest.mark.parametrize("foreign", [False, True], ids=["built-in", "foreign"])
"""Once with a trainer of ours, once with a training of a user's."""

BOTH_IN_ALL = pytest.mark.parametrize(
    "foreign", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["built-in", "foreign"]
)
"""The same, the latter only where all tests run."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.on_ray)


def small_scenario(
    nodes: Iterable[dict[str, Any]] = NODES,
    place: Place = "storage",
    real: Mapping[str, Any] | None = None,
    foreign: bool = False,
    **changes: Any,
) -> Setup:
    """One experiment, which trains the stand-in on the shared cluster; `changes` are of the
    experiment. With `foreign` it trains the same as a training of a user's own. Batch sizes take
    equally long, unless they are searched: then an iteration takes as much longer as its batch is
    larger.

    Checkpoints are in storage unless `place` says otherwise: segments here take hardly longer than
    a hand-over.
    """
    experiment = EXPERIMENT | changes
    searched = experiment.get("search_space", {}).get("batch_size")
    sizes = experiment["batch_size"] if searched is None else searched["choices"]
    rows = [
        profile_row(
            device,
            seconds=seconds if searched is None else seconds * size / sizes[0],
            model=experiment["model"],
            dataset=experiment["dataset"],
            batch_size=size,
        )
        for device, seconds in PACE_S.items()
        for size in (sizes if isinstance(sizes, list) else [sizes])
    ]
    made = make_setup(nodes, rows, **experiment)
    own: dict[str, Any] = {"training": {"class": FOREIGN}} if foreign else {}
    file = {} if foreign else {"model_file": str(HERE / "stand_in.py")}
    table = made.scenario.real.model_copy(update={**file, **(real or {})})
    return made.replace(real=table, checkpoints=CheckpointsTable(place=place), **own).replace_times(made.times)


class InTurn:
    """Gives the worker that is idle longest the least advanced trial that fits it, until a test has
    seen enough.

    It cannot be pickled: policies stay with the driver.
    """

    enough = False

    def dispatch(self, state: StateView) -> Iterable[Dispatch | Stop]:
        ready = list(state.ready_trials)
        if InTurn.enough:
            yield from (Stop(trial.id, "seen enough") for trial in ready)
            return
        for worker in state.idle_workers:
            if fitting := [trial for trial in ready if self.fits(trial, worker, state)]:
                ready.remove(fitting[0])
                yield Dispatch(fitting[0].id, worker.id, state.interval(fitting[0]))

    def fits(self, trial: Trial, worker: Worker, state: StateView) -> bool:
        return True

    def __reduce__(self) -> str:
        raise AssertionError("the policy was pickled")


class Staying(InTurn):
    """A trial stays on its worker while that is there."""

    def fits(self, trial: Trial, worker: Worker, state: StateView) -> bool:
        return trial.at in (None, worker.id) or trial.at not in state.workers


class Moving(InTurn):
    """A trial never stays on its worker."""

    def fits(self, trial: Trial, worker: Worker, state: StateView) -> bool:
        return trial.at != worker.id


class OneCorePerNode:
    """A worker of one core on every node: few actors start faster."""

    def workers(self, cluster: ClusterSpec, workload: Any, times: Any) -> list[Worker]:
        return [cpu_worker(node, 0, 1) for node in cluster]


def strategy(policy: str) -> Strategy:
    return Strategy("test-core-per-node", policy)


IN_TURN, STAYING, MOVING = strategy("test-in-turn"), strategy("test-staying"), strategy("test-moving")
A, B = "a/cpu0", "b/cpu0"
"""The workers of these strategies."""


@pytest.fixture(scope="package", autouse=True)
def registered() -> Iterator[None]:
    """The policies of these tests by name, and at their end no Ray cluster any more."""
    policies = {"test-in-turn": InTurn, "test-staying": Staying, "test-moving": Moving}
    for name, policy in policies.items():
        scheduling.register(name)(policy)
    allocation.register("test-core-per-node")(OneCorePerNode)
    yield
    for name in policies:
        del scheduling.policies._factories[name]
    del allocation.policies._factories["test-core-per-node"]
    ray_cluster.close()


@pytest.fixture
def cluster() -> Iterator[None]:
    """The shared cluster, for tests that break it: afterwards it has whole nodes again."""
    spec = small_scenario().cluster
    ray_cluster.connect(spec)
    yield
    for node in spec:
        process = raylet(node.id)
        if process is not None and may_write(process) != resource.RLIM_INFINITY:
            os.kill(process, signal.SIGKILL)
            wait_until(lambda name=node.id: raylet(name) is None)  # type: ignore[misc]
        if raylet(node.id) is None:
            start_again(node.id)
    wait_until(lambda: sorted(found.label or "" for found in alive(ray.nodes())) == ["", "a", "b"])


def wait_until(condition: Callable[[], bool]) -> None:
    end = monotonic() + LONG_S
    while not condition():
        assert monotonic() < end, "waited in vain"
        sleep(0.05)


@dataclass
class Seen:
    """What is seen of a run from outside while it is carried out.

    Of each worker that has finished a segment, `pids` has its process. `saved` are the trials and
    their iterations at the ends of segments, `results` what the actors reported.
    """

    folder: Path
    state: State = field(default_factory=State)
    pids: dict[str, int] = field(default_factory=dict)
    saved: set[tuple[str, int]] = field(default_factory=set)
    results: list[dict[str, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)
    outcome: Outcome | None = None
    heard_at: float = 0.0

    @property
    def seconds(self) -> float:
        """The time of the run, from the last event on."""
        return self.events[-1].time + monotonic() - self.heard_at if self.events else 0.0

    def hear(self, state: State, event: Event) -> None:
        self.state, self.heard_at = state, monotonic()
        self.events.append(event)
        if isinstance(event, SegmentEnded):
            self.saved.add((event.trial, state.trials[event.trial].iterations))


Watch = Callable[[Seen], object]


def carry_out(
    setup: Setup, folder: Path, watch: Watch = id, strategy: Strategy = IN_TURN, listeners: Sequence[Listener] = ()
) -> Seen:
    """A run to its end. `watch` is called in every step of Tune, and when a segment's result has
    been dealt with."""
    seen, began = Seen(folder), monotonic()
    hooks = scheduler.DispatchingScheduler
    choose, hear_result = hooks.choose_trial_to_run, hooks.on_trial_result

    def spy_choose(self: Any, controller: Any) -> None:
        choose(self, controller)
        watch(seen)
        if monotonic() - began > LONG_S:
            see_no_more(seen)

    def spy_result(self: Any, controller: Any, trial: Any, result: dict[str, Any]) -> str:
        seen.pids[result["worker"]] = result["pid"]
        seen.results.append(result)
        action: str = hear_result(self, controller, trial, result)
        watch(seen)
        return action

    InTurn.enough = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hooks, "choose_trial_to_run", spy_choose)
        patch.setattr(hooks, "on_trial_result", spy_result)
        seen.outcome = run(setup, strategy, 1, folder, [seen.hear, *listeners])
    seen.events = list(read_log(folder / LOG_NAME))
    return seen


class Once:
    """Does something the first time that a condition holds, and notes when that was."""

    def __init__(self, when: Callable[[Seen], bool], what: Callable[[Seen], object]) -> None:
        self._when, self._what = when, what
        self.at: float | None = None

    def __call__(self, seen: Seen) -> None:
        if self.at is None and self._when(seen):
            self.at = seen.seconds
            self._what(seen)

    @property
    def done(self) -> bool:
        return self.at is not None


def in_order(*steps: Once) -> Watch:
    """Each is looked at when the one before has been done."""

    def watch(seen: Seen) -> None:
        for step in steps:
            step(seen)
            if not step.done:
                return

    return watch


def see_no_more(seen: Seen) -> None:
    InTurn.enough = True


def kill_actor(worker: str) -> Callable[[Seen], None]:
    return lambda seen: os.kill(seen.pids.pop(worker), signal.SIGKILL)


def trains_on(worker: str) -> Callable[[Seen], bool]:
    """A segment, not the first of its process, runs on the worker."""
    return lambda seen: worker in seen.pids and any(run.worker == worker for run in seen.state.running.values())


def on_node(state: State, node: str) -> list[str]:
    return [worker.id for worker in state.workers.values() if worker.node == node]


def of(events: Iterable[Any], kind: type, **fields: Any) -> list[Any]:
    chosen = (event for event in events if isinstance(event, kind))
    return [event for event in chosen if all(getattr(event, key) == value for key, value in fields.items())]


def trained(events: Iterable[Any]) -> dict[str, int]:
    """The iterations that each trial was trained, those that were lost later included."""
    done: Counter[str] = Counter()
    for event in of(events, SegmentEnded):
        done[event.trial] += event.iterations
    return dict(done)


def raylet(node: str) -> int | None:
    """The process that is the Ray node which stands for a node of the scenario, None if it is
    dead."""
    assert ray_cluster._session is not None and ray_cluster._session.cluster is not None
    sockets = {found["RayletSocketName"] for found in ray.nodes() if found["Labels"].get(NODE_LABEL) == node}
    for one in ray_cluster._session.cluster.worker_nodes:
        process = one.all_processes[ray_constants.PROCESS_TYPE_RAYLET][0].process
        if one.raylet_socket_name in sockets and process.poll() is None:
            return int(process.pid)
    return None


def kill_node(node: str) -> None:
    """SIGKILL to the Ray node. Its actors end by themselves."""
    process = raylet(node)
    assert process is not None
    os.kill(process, signal.SIGKILL)


def start_again(node: str) -> None:
    """Start a Ray node for a node of the scenario, whose last one has died."""
    assert ray_cluster._session is not None and ray_cluster._session.cluster is not None
    [spec] = [one for one in small_scenario().cluster if one.id == node]
    with ray_cluster._visible_gpus(spec, 0, 0):
        ray_cluster._session.cluster.add_node(
            wait=False,
            num_cpus=spec.cores,
            num_gpus=spec.gpus,
            labels={NODE_LABEL: node},
            object_store_memory=ray_cluster.LEAST_OBJECT_STORE_BYTES,
            include_dashboard=False,
        )


def may_write(process: int) -> int:
    """How large a file the process may write."""
    return resource.prlimit(process, resource.RLIMIT_FSIZE)[0]


def cannot_write(node: str) -> None:
    """What runs on the node can write no file as large as a checkpoint, as if its disk were full;
    nor can what is started there from now on."""
    process = raylet(node)
    assert process is not None
    for limited in (process, *descendants(process)):
        with suppress(ProcessLookupError):
            resource.prlimit(limited, resource.RLIMIT_FSIZE, (2**20, 2**20))


def descendants(process: int) -> set[int]:
    """The processes that it started, and that those started."""
    children = Path(f"/proc/{process}/task/{process}/children")
    found = {int(child) for child in children.read_text().split()} if children.exists() else set()
    return found.union(*map(descendants, found))
