"""The seconds for which a segment waits to save its trial's state, and to restore one. The state is
in storage (the baseline), in the object stores of two Ray nodes on this machine, or in both
(write-behind).

The models are ResNet-18 and ResNet-50 with momentum. "Storage" is a folder of this machine, in the
page cache. A network file system is slower. The other figures do not depend on it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ray = pytest.importorskip("ray")

from hetsched.domain.cluster import ClusterSpec, Node, NodeId  # noqa: E402
from real.checkpoints.snapshot import take  # noqa: E402
from real.checkpoints.write_behind import WriteBehind  # noqa: E402
from real.cluster import ray_cluster  # noqa: E402
from real.training.trainer import Settings, Snapshot  # noqa: E402
from real.training.training import Training  # noqa: E402

SGD = {"lr": 0.01, "momentum": 0.9}
TIMES = 7


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[str]]:
    """Two Ray nodes."""
    cluster = ClusterSpec(tuple(Node(NodeId(name), 1) for name in ("a", "b")))
    yield list(ray_cluster.connect(cluster).values())
    ray_cluster.close()


class Saving:
    """An actor that trains, saves and goes on. Every method returns the seconds for which a segment
    would wait."""

    def __init__(self, model: str) -> None:
        settings = Settings(model, "synthetic", batch_size=8, train_images=16, evaluation_images=10)
        self._training = Training(settings)
        self._training.reset(SGD, seed=0)
        self._training.train(1)
        self._behind = WriteBehind(Training.write)
        self._snapshot: Snapshot | None = None

    def save(self, path: Path) -> float:
        self._behind.flush()
        return seconds(lambda: self._training.save(path))

    def load(self, path: Path) -> float:
        return seconds(lambda: self._training.load(path, SGD, seed=0))

    def take(self, path: Path | None) -> float:
        self._behind.flush()

        def keep() -> None:
            self._snapshot = take(self._training.state())
            if path is not None:
                self._behind.write(self._snapshot, path)

        return seconds(keep)

    def snapshot(self) -> Snapshot | None:
        return self._snapshot

    def take_up(self, copies: list[Any]) -> float:
        return seconds(lambda: self._training.take_up(ray.get(copies[0]), SGD, seed=0))


def seconds(action: Callable[[], object]) -> float:
    start = perf_counter()
    action()
    return perf_counter() - start


@pytest.mark.benchmark(group="checkpoints")
@pytest.mark.parametrize("model", ["resnet18", "resnet50"])
def test_checkpoints(benchmark: BenchmarkFixture, nodes: list[str], model: str, tmp_path: Path) -> None:
    here, there = (
        ray.remote(Saving).options(num_cpus=1, label_selector={"ray.io/node-id": node}).remote(model) for node in nodes
    )
    file = tmp_path / "checkpoint"

    def handed_over(path: Path | None) -> tuple[float, Any]:
        """The actor's own seconds for a snapshot, and the seconds until the object store has the
        snapshot."""
        own = ray.get(here.take.remote(path))
        start = perf_counter()
        reference = here.snapshot.remote()
        ray.wait([reference], fetch_local=False)
        return own + perf_counter() - start, reference

    def one_of_each() -> dict[str, float]:
        figures = {"storage save": ray.get(here.save.remote(file))}
        figures["storage load, same node"] = ray.get(here.load.remote(file))
        figures["storage load, other node"] = ray.get(there.load.remote(file))
        figures["memory save"], reference = handed_over(None)
        figures["memory load, same node"] = ray.get(here.take_up.remote([reference]))
        figures["memory load, other node"] = ray.get(there.take_up.remote([reference]))
        figures["both save"], _ = handed_over(file)
        return figures

    one_of_each()  # warm
    rounds: list[dict[str, float]] = []
    benchmark.pedantic(lambda: rounds.append(one_of_each()), rounds=TIMES)
    figures = {name: median(each[name] for each in rounds) for name in rounds[0]}
    benchmark.extra_info["megabytes"] = file.stat().st_size / 1e6
    for name, figure in figures.items():
        benchmark.extra_info[f"{name} [ms]"] = 1000 * figure
    benchmark.extra_info["memory save : storage save"] = figures["memory save"] / figures["storage save"]
    benchmark.extra_info["both save : storage save"] = figures["both save"] / figures["storage save"]
