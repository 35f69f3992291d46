"""The cluster of a scenario as Ray nodes: started on this machine, or found in a Ray cluster that
runs already."""

import atexit
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import Any, NamedTuple

import ray
from ray.cluster_utils import Cluster
from ray.exceptions import RayError

from hetsched.cores import available_cores
from hetsched.domain.cluster import ClusterSpec, Node, NodeId
from hetsched.domain.entry_points import needed_for
from hetsched.errors import HetschedError, InputError, counted
from real.cluster.greeting import check_greeting
from real.cluster.matching import NODE_LABEL, RayNodeId, alive, match_all
from real.ray_internals import ray_itself

logger = logging.getLogger(__name__)

LEAST_OBJECT_STORE_BYTES = 100 * 2**20
OBJECT_STORES_SHARE = 0.5
"""The share of the free shared memory that the object stores of all nodes may use together when Ray
starts. Beyond it, Ray moves snapshots to the disk."""

SHARED_MEMORY = Path("/dev/shm")
READY_S = 60.0
HEALTH_CHECKS = {"initial_delay_ms": 1000, "period_ms": 1000, "timeout_ms": 3000, "failure_threshold": 3}
"""When Ray gives up a node that does not answer: after 3 s if its process is gone, after 12 s if it
hangs (Ray's own settings: 15 s, 65 s). A busy machine must not count as a dead one."""

HOST_HEALTH_CHECKS = HEALTH_CHECKS | {"timeout_ms": 1500}
"""The health checks for separate hosts, as in docs/clusters.md. A link that is cut looks like a
node that hangs, and should be noticed within 10 s."""


class _Session(NamedTuple):
    """What this process is connected to. `cluster` is None for a cluster that this process has not
    started."""

    address: str | None
    shape: tuple[tuple[NodeId, int, int], ...]
    cluster: Cluster | None


_session: _Session | None = None


def connect(
    cluster: ClusterSpec, address: str | None = None, *, some_may_lack: bool = False
) -> dict[NodeId, RayNodeId]:
    """The Ray node of each node of the scenario.

    Without an address, Ray is started on this machine. It gets one Ray node per node of the
    scenario, whatever the machine really has. It stays up for the next call with the same nodes,
    until `close` or the end of the process.

    With an address, this process joins that running cluster. `real.cluster.matching` says which of
    its nodes is which. With `some_may_lack`, for a run that goes on, nodes may be missing, if at
    least one is there.

    Raises InputError, naming the node, if the cluster cannot provide it. Raises HetschedError if
    Ray does not start.
    """
    global _session
    _check_types(cluster)
    if address is not None:
        join(address)
        return match_all(cluster, alive(ray.nodes()), some_may_lack)
    shape = tuple((node.id, node.cores, node.gpus) for node in cluster)
    if _session is not None and _session[:2] == (None, shape) and ray.is_initialized():
        try:
            return match_all(cluster, alive(ray.nodes()))
        except HetschedError:  # a node has died since: start Ray again
            close()
    _leave()
    machine_gpus = _check_gpus(cluster)
    if (shared := shared_cores(cluster, len(available_cores()))) is not None:
        logger.warning(shared)
    local = _start(cluster, machine_gpus)
    _session = _Session(None, shape, local)
    _init(local.address)
    return match_all(cluster, alive(ray.nodes()))


def join(address: str) -> None:
    """Connect to the Ray cluster at that address, if this process is not connected yet. Raises
    InputError if it cannot."""
    global _session
    if _session is not None and _session.address == address and ray.is_initialized():
        return
    _leave()
    try:
        reach(address)
    except InputError as error:
        raise InputError(f"--address (real.address) {address}: {error}") from error
    _session = _Session(address, (), None)


def _end(cluster: Cluster) -> None:
    """Kill the cluster's nodes. SIGTERM does not reach them. Asking first would take a second per
    process."""
    for node in [*cluster.worker_nodes, *([cluster.head_node] if cluster.head_node is not None else [])]:
        cluster.remove_node(node, allow_graceful=False)
    cluster.shutdown()


def reach(address: str) -> None:
    """Connect to the Ray cluster at that address. Raises InputError if it refuses, or does not
    answer within seconds. The message is one line, without the address."""
    try:
        check_greeting(address)
    except (OSError, ValueError) as error:
        where = "give auto, or host:port of its head (10.0.0.1:6379)"
        raise InputError(f"no Ray cluster there: {_first_line(error)}; {where}") from error
    try:
        _init(address)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        same = "expected the cluster's own token and version of Ray: give this process both"
        raise InputError(f"cannot join the Ray cluster: {_first_line(error)}; {same}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _leave() -> None:
    close()
    if ray.is_initialized():
        raise HetschedError("Ray is in use in this process already: call ray.shutdown() before a real run")


@atexit.register
def close() -> None:
    """Leave the cluster. End it if this process has started it. Does nothing if there is none."""
    global _session
    if _session is None:
        return
    session, _session = _session, None
    ray.shutdown()
    if session.cluster is not None:
        _end(session.cluster)
        ray_itself.bind_to_loopback(False)


def _init(address: str) -> None:
    with ray_itself.sigterm_kept():
        ray.init(address=address, namespace="hetsched", log_to_driver=False, logging_level=logging.ERROR)
    ray_itself.keep_stdout_clean()


def _start(cluster: ClusterSpec, machine_gpus: int) -> Cluster:
    """Start a head without resources, and a Ray node for each node of the scenario."""
    ray_itself.bind_to_loopback(True)
    os.environ["RAY_AUTH_MODE"] = "disabled"  # else the token of any other Ray on this machine would be asked for
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    for key, value in HEALTH_CHECKS.items():
        os.environ.setdefault(f"RAY_health_check_{key}", str(value))
    if sum(node.cores for node in cluster) > (os.cpu_count() or 1):
        # A thread that spins while it waits for a thread that is not running slows a step down thirtyfold.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("ray").setLevel(logging.ERROR)
    local = Cluster()
    common: dict[str, Any] = {
        "object_store_memory": _object_store_bytes(sum(1 for _ in cluster)),
        "include_dashboard": False,
    }
    try:
        with ray_itself.sigterm_kept(), _out_of_reach_of_sigterm():
            _add_nodes(local, cluster, machine_gpus, common)
    except Exception as error:
        _end(local)
        failed = f"Ray does not start on this machine: {type(error).__name__}: {error}"
        raise HetschedError(f"{failed}; its logs say why (/tmp/ray/session_latest/logs)") from error
    except KeyboardInterrupt:
        _end(local)
        raise
    return local


@contextmanager
def _out_of_reach_of_sigterm() -> Iterator[None]:
    """Processes that start within this context get no SIGTERM. Slurm, systemd and others send it to
    all processes at once, but the driver needs Ray to finish running segments. This process gets
    the signal at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _add_nodes(local: Cluster, cluster: ClusterSpec, machine_gpus: int, common: dict[str, Any]) -> None:
    local.add_node(num_cpus=0, num_gpus=0, **common)
    first_gpu = 0
    for node in cluster:
        with _visible_gpus(node, first_gpu, machine_gpus):
            local.add_node(wait=False, num_cpus=node.cores, num_gpus=node.gpus, labels={NODE_LABEL: node.id}, **common)
        first_gpu += node.gpus
    local.wait_for_nodes(READY_S)


def kill_node(identifier: NodeId) -> None:
    """Kill the Ray node of a node of the scenario, on this machine, if it is there."""
    assert _session is not None and _session.cluster is not None
    ids = {found["NodeID"] for found in ray.nodes() if found["Labels"].get(NODE_LABEL) == identifier and found["Alive"]}
    for node in [node for node in _session.cluster.worker_nodes if node.node_id in ids]:
        _session.cluster.remove_node(node, allow_graceful=False)


def start_again(node: Node) -> None:
    """Start a Ray node on this machine for a node of the scenario, whose last one was killed."""
    assert _session is not None and _session.cluster is not None
    with ray_itself.sigterm_kept(), _out_of_reach_of_sigterm(), _visible_gpus(node, 0, 0):
        _session.cluster.add_node(
            wait=False,
            num_cpus=node.cores,
            num_gpus=node.gpus,
            labels={NODE_LABEL: node.id},
            object_store_memory=LEAST_OBJECT_STORE_BYTES,
            include_dashboard=False,
        )


def _object_store_bytes(nodes: int) -> int:
    """The bytes of the object store of one node, if this machine has so many nodes."""
    free = disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.is_dir() else 0
    return max(LEAST_OBJECT_STORE_BYTES, int(OBJECT_STORES_SHARE * free / max(nodes, 1)))


@contextmanager
def _visible_gpus(node: Node, first: int, machine_gpus: int) -> Iterator[None]:
    """Within this context a Ray node starts. Each of its GPUs is one of this machine's, in turn."""
    key = "CUDA_VISIBLE_DEVICES"
    before = os.environ.get(key)
    if node.gpus and machine_gpus:
        names = before.split(",") if before else [str(number) for number in range(machine_gpus)]
        os.environ[key] = ",".join(names[(first + number) % machine_gpus] for number in range(node.gpus))
    elif node.gpus:
        os.environ.pop(key, None)  # Ray refuses to declare more GPUs than are visible
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(key, None)
        else:
            os.environ[key] = before


def shared_cores(cluster: ClusterSpec, offered: int) -> str | None:
    """A warning that workers will share cores, because the nodes need more cores than this machine
    offers. A node needs a core for each of its GPUs, also if it has fewer cores.

    None: they do not share, or all nodes have a pace. Nodes with a pace may share cores: their
    workers wait anyway.
    """
    cores = sum(max(node.cores, node.gpus) for node in cluster)
    unpaced = [node.id for node in cluster if node.pace is None]
    if cores <= offered or not unpaced:
        return None
    return (
        f"cluster.nodes: the nodes need {counted(cores, 'core')}, and this machine offers {offered}: workers may share "
        f"cores, and those of {', '.join(unpaced)} then train slower than the profile says; set pace = true on these "
        "nodes, or run on a cluster that has the cores (--address)"
    )


def _check_types(cluster: ClusterSpec) -> None:
    """Raise InputError for a node with GPUs of several types that is not paced: Ray gives a worker
    any of them."""
    for node in cluster:
        if node.mixed and node.pace is None:
            raise InputError(
                f"cluster.nodes: {node.id!r} has GPUs of several types ({node.gpus_in_words}), and Ray would give a "
                "worker any of them: start a Ray node for each type there, with its GPUs in CUDA_VISIBLE_DEVICES "
                f"and '--labels {NODE_LABEL}=NAME', and list each as a node of one type"
            )


def _check_gpus(cluster: ClusterSpec) -> int:
    """How many GPUs this machine has. Raises InputError if nodes without a pace need more."""
    if not any(node.gpus for node in cluster):
        return 0
    with needed_for("a node with GPUs on this machine"):
        from torch.cuda import device_count  # seconds to import, so only where it matters

    available = free = int(device_count())
    for node in cluster:
        if node.gpus and node.pace is None:
            if node.gpus > free:
                needed = counted(node.gpus, f"{node.gpu_type} GPU")
                raise InputError(
                    f"cluster.nodes: {node.id!r} needs {needed} and this machine has {free} to give: set "
                    "pace = true on it to imitate its speed, or run on a cluster that has them (--address)"
                )
            free -= node.gpus
    return available
