"""Several nodes of a scenario on one Ray node, and several Ray nodes on one host."""

import pickle
from collections.abc import Mapping
from typing import Any

import pytest

pytest.importorskip("ray")

from hetsched.domain.cluster import ClusterSpec, Node, NodeId, Worker, WorkerId, cpu_worker
from hetsched.domain.workload import TrialId
from real.cluster.host_cores import HostCores
from real.cluster.matching import RayNodeId
from real.cluster.nodes import Nodes
from real.cluster.ray_cluster import shared_cores
from real.training.trainer import Settings
from real.tune import tune_actors
from real.tune.actor import Plan

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
SHARED, OWN = RayNodeId("shared"), RayNodeId("own")


class Quiet:
    """Ray nodes that are all there and have not answered."""

    def present(self, kept: Mapping[NodeId, RayNodeId]) -> dict[NodeId, RayNodeId]:
        return dict(kept)

    def ask(self, ray_node: RayNodeId) -> None:
        pass

    def answered(self, ray_node: RayNodeId) -> bool:
        return False


def nodes() -> Nodes:
    cluster = ClusterSpec(tuple(Node(name, 1, address=f"10.0.0.{name == C}") for name in (A, B, C)))
    return Nodes(cluster, {A: SHARED, B: SHARED, C: OWN}, Quiet())


def test_nodes_on_one_ray_node_leave_together_for_the_reason_of_one() -> None:
    """It said "node b died" of a node whose Ray node was set aside for what happened on another
    one."""
    there = nodes()
    there.set_aside(A, "3 segments in a row failed there")
    assert there.there == {C: OWN}
    there.look(at_once=True)
    assert there.there == {C: OWN}
    assert there.absences == {
        A: "node a was set aside: 3 segments in a row failed there",
        B: "node b is on one Ray node with a; node a was set aside: 3 segments in a row failed there",
    }


def test_nodes_on_one_ray_node_are_in_doubt_together() -> None:
    there = nodes()
    there.doubt(B)
    there.look(at_once=True)
    assert there.there == {C: OWN}
    assert there.absences == {
        B: "node b does not answer",
        A: "node a is on one Ray node with b; node b does not answer",
    }


def test_workers_take_the_cores_of_a_host_in_turn_and_give_them_back() -> None:
    cores = HostCores()
    x, y, z = (WorkerId(name) for name in "xyz")
    assert [cores.take(x, "h", 2), cores.take(y, "h", 3), cores.take(z, "elsewhere", 2)] == [0, 2, 0]
    cores.release(x)
    assert cores.take(z, "h", 3) == 5  # two are free before y's: not enough
    assert cores.take(x, "h", 1) == 0
    assert cores.take(y, "h", 1) == 1  # a worker that is there again takes what it had, or what is free


class Trial:
    """Tune's, with the configuration that its actor gets."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {}

    def set_config(self, config: dict[str, Any]) -> None:
        self.config = config


class Warm:
    """Of Tune, what starts and keeps actors."""

    def start(self, trial: Any, placement: Any) -> None:
        pass

    def keep_warm(self, placement: Any) -> None:
        pass

    def dismiss(self, placement: Any) -> None:
        pass


def test_workers_of_nodes_that_are_told_by_label_share_the_cores_of_their_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such nodes have no address; their workers were all pinned to the first cores."""
    monkeypatch.setattr(tune_actors, "TuneInternals", lambda controller: Warm())
    workers = [cpu_worker(Node(name, 2), 0, 2) for name in (A, B, C)]
    settings = Settings("resnet18", "synthetic", 8)
    plans = {worker.id: Plan(worker, settings, None, "storage") for worker in workers}
    hosts = {RayNodeId("ra"): "10.0.0.2", RayNodeId("rb"): "10.0.0.2", RayNodeId("rc"): "10.0.0.3"}
    actors = tune_actors.TuneActors(plans, hosts.__getitem__)
    actors.attach(None)
    trial: Any = Trial()
    actors.add(TrialId("e-0"), trial)

    def first_core(worker: Worker) -> int:
        actors.start(TrialId("e-0"), worker.id)
        plan: Plan = pickle.loads(trial.config["plan"])
        return plan.first_core

    for worker, ray_node in zip(workers, hosts, strict=True):
        actors.open(worker.id, ray_node)
    assert [first_core(worker) for worker in workers] == [0, 2, 0]
    actors.close(workers[0].id)
    actors.open(workers[0].id, RayNodeId("rc"))
    assert first_core(workers[0]) == 2


def test_a_plan_is_pickled_once_however_many_trials_it_goes_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray pickled it for every trial that came to a worker, which took the driver 2 ms."""
    monkeypatch.setattr(tune_actors, "TuneInternals", lambda controller: Warm())
    worker = cpu_worker(Node(A, 2), 0, 2)
    plan = Plan(worker, Settings("resnet18", "synthetic", 8), None, "storage")
    actors = tune_actors.TuneActors({worker.id: plan}, lambda ray_node: "10.0.0.2")
    actors.attach(None)
    actors.open(worker.id, OWN)
    sent = []
    for name in ("e-0", "e-1"):
        trial: Any = Trial()
        actors.add(TrialId(name), trial)
        actors.start(TrialId(name), worker.id)
        sent.append(trial.config["plan"])
    assert isinstance(sent[0], bytes)
    assert sent[0] is sent[1]
    assert pickle.loads(sent[0]) == plan


def test_nodes_that_have_more_cores_than_the_machine_are_told_of() -> None:
    """Their workers shared cores without a word, and steps took a multiple of what the profile
    says."""
    large = Node(A, 4)
    assert shared_cores(ClusterSpec((large,)), 4) is None
    assert shared_cores(ClusterSpec((Node(A, 4, pace=1.0), Node(B, 4, pace=2.0))), 2) is None
    told = shared_cores(ClusterSpec((large, Node(B, 4, pace=2.0))), 6)
    assert told is not None
    assert told.startswith("cluster.nodes: the nodes have 8 cores, and this machine offers 6: workers may share cores")
    assert "those of a then train slower" in told
