"""The cluster on this machine: what each Ray node is, and what is refused."""

import os
from typing import Any

import pytest

pytest.importorskip("torch")
import ray

from hetsched.domain.cluster import CPU, ClusterSpec, Node, NodeId, Worker, WorkerId
from hetsched.errors import HetschedError, InputError
from real.cluster import ray_cluster
from real.cluster.matching import RayNodeId, alive, match_all
from real.training import training
from real.tune import actor
from tests.on_ray.conftest import small_scenario

PAIR = small_scenario().cluster


@pytest.fixture(scope="module")
def ray_nodes() -> dict[NodeId, RayNodeId]:
    return ray_cluster.connect(PAIR)


def test_nodes_are_as_the_scenario_has_them(ray_nodes: dict[NodeId, RayNodeId]) -> None:
    by_id = {node["NodeID"]: node for node in ray.nodes()}
    resources = {name: by_id[ray_node]["Resources"] for name, ray_node in ray_nodes.items()}
    assert {name: (found["CPU"], found.get("GPU", 0)) for name, found in resources.items()} == {
        "a": (2, 1),
        "b": (1, 0),
    }
    assert {node["NodeManagerAddress"] for node in by_id.values()} == {"127.0.0.1"}
    assert ray.cluster_resources()["CPU"] == 3


def test_nobody_else_can_reach_it(ray_nodes: dict[NodeId, RayNodeId]) -> None:
    """Whoever reaches a port of Ray's can run code, so the cluster listens to this machine only."""
    psutil = pytest.importorskip("psutil")

    class Listener:
        """A process of a worker."""

        def process(self) -> int:
            return os.getpid()

    actor: Any = ray.remote(num_cpus=1)(Listener).remote()
    assert ray_cluster._session is not None and ray_cluster._session.cluster is not None
    started = {
        info.process.pid
        for node in ray_cluster._session.cluster.list_all_nodes()
        for infos in node.all_processes.values()
        for info in infos
        if info.process.poll() is None
    } | {ray.get(actor.process.remote()), os.getpid()}
    processes = {pid: psutil.Process(pid) for pid in started}
    processes |= {
        child.pid: child for process in list(processes.values()) for child in process.children(recursive=True)
    }
    listening = [
        (process.name(), connection.laddr.ip.removeprefix("::ffff:"))
        for process in processes.values()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {"gcs_server", "raylet", "ray::Listener"} <= {name for name, _ in listening}
    assert {address for _, address in listening} <= {"127.0.0.1", "::1"}, listening
    servers = [process for process in processes.values() if process.name() in ("gcs_server", "raylet")]
    assert {process.environ()["RAY_AUTH_MODE"] for process in servers} == {"disabled"}


def test_cluster_is_kept_for_the_next_run(ray_nodes: dict[NodeId, RayNodeId]) -> None:
    assert ray_cluster.connect(PAIR) == ray_nodes


def test_node_that_is_not_there_is_named(ray_nodes: dict[NodeId, RayNodeId]) -> None:
    with pytest.raises(
        InputError, match="'tall'.* no Ray node has the label hetsched-node=tall or the address 192.0.2.77"
    ):
        match_all(ClusterSpec((Node(NodeId("tall"), 1, address="192.0.2.77"),)), alive(ray.nodes()))


def test_run_that_goes_on_does_without_nodes_that_are_gone(
    ray_nodes: dict[NodeId, RayNodeId], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ray_cluster, "join", lambda address: None)
    gone = Node(NodeId("gone"), 1, address="192.0.2.77")
    found = ray_cluster.connect(ClusterSpec((*PAIR, gone)), "a:6379", some_may_lack=True)
    assert found == ray_nodes
    assert "going on without gone" in caplog.text
    with pytest.raises(InputError, match="'gone'"):
        ray_cluster.connect(ClusterSpec((*PAIR, gone)), "a:6379")
    with pytest.raises(InputError, match="'gone'"):
        ray_cluster.connect(ClusterSpec((gone,)), "a:6379", some_may_lack=True)


def test_node_that_is_too_small_is_named(ray_nodes: dict[NodeId, RayNodeId]) -> None:
    with pytest.raises(InputError, match=r"'b' needs 8 CPUs, its Ray node 127.0.0.1 \(1 CPU, "):
        match_all(ClusterSpec((Node(NodeId("b"), 8),)), alive(ray.nodes()))


def test_gpus_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    one = Node(NodeId("one"), 1, 1, "v100")
    assert ray_cluster._check_gpus(ClusterSpec((one,))) == 1
    with pytest.raises(InputError, match="'two' needs 1 v100 GPU and this machine has 0 to give: set pace = true"):
        ray_cluster._check_gpus(ClusterSpec((one, Node(NodeId("two"), 1, 1, "v100"))))
    assert ray_cluster._check_gpus(ClusterSpec((one, Node(NodeId("two"), 1, 8, "v100", pace=1.0)))) == 1


def test_ray_nodes_share_out_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with ray_cluster._visible_gpus(Node(NodeId("n"), 1, 3, "v100"), first=1, machine_gpus=2):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,0,1"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_ray_in_use_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_session", None)
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    with pytest.raises(HetschedError, match=r"call ray.shutdown\(\)"):
        ray_cluster.connect(PAIR)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin processes")
def test_workers_take_cores_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8})
    monkeypatch.setattr(os, "sched_setaffinity", lambda process, cores: None)
    assert actor.pin((0, 1)) == {3, 5}
    assert actor.pin((2, 3)) == {8, 3}
    assert actor.pin((0, 2)) == {3, 8}
    assert actor.pin((0, 3)) == {3, 5}  # both are the first core: the worker still gets two
    assert actor.pin(tuple(range(1, 8))) == {3, 5, 8}
    assert actor.pin((4,)) == {5}


def test_device_is_the_workers_own(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Worker(WorkerId("n/gpu0"), NodeId("n"), "v100", 1, 1.0)
    paced = Worker(WorkerId("n/gpu0"), NodeId("n"), "v100", 1, 1.0, pace=2.0)
    cpu = Worker(WorkerId("n/cpu0"), NodeId("n"), CPU, 2)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert [training.device(worker) for worker in (gpu, paced, cpu)] == ["cuda", "cuda", "cpu"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert [training.device(worker) for worker in (paced, cpu)] == ["cpu", "cpu"]
    with pytest.raises(HetschedError, match="'n/gpu0' should have a v100"):
        training.device(gpu)
