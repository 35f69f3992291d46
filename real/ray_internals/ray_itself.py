"""What hetsched needs of Ray itself beyond its public interface: signals, addresses, folders."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray._private import ray_constants, services, utils, worker


def keep_stdout_clean() -> None:
    """Keep Ray's messages about dead processes out of stdout. Call it after `ray.init`."""
    worker._worker_logs_enabled = False


@contextmanager
def sigterm_kept() -> Iterator[None]:
    """Within the context, in which Ray starts, the present handler of SIGTERM stays.

    Ray's own handlers, in Python and in C++, end this process at once. They stay if nobody else
    handles SIGTERM. In a thread other than the main one Python can set no handlers, so Ray sets
    none.
    """
    before, replaced = signal.getsignal(signal.SIGTERM), utils.set_sigterm_handler
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and not callable(before):
        yield
        return
    utils.set_sigterm_handler = lambda handler: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = replaced
        if in_main:
            signal.signal(signal.SIGTERM, before)


def running_cluster() -> str:
    """The address, as host:port, of the cluster that `ray.init(address="auto")` would join. Raises
    ConnectionError if there is none."""
    address = services.canonicalize_bootstrap_address("auto")
    if address is None:
        raise ConnectionError("RAY_ADDRESS names no running cluster")
    return str(address)


def accelerator_type(gpu_name: str) -> str | None:
    """Ray's name for the type of a GPU, from the driver's name for the GPU. None: Ray does not know
    the type."""
    from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager

    found: str | None = NvidiaGPUAcceleratorManager._gpu_name_to_accelerator_type(gpu_name)
    return found


def bind_to_loopback(only: bool) -> None:
    """Set whether a Ray that starts from now on binds to 127.0.0.1 only, as Ray does on macOS."""
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = str(int(not only))  # for its other processes
    ray_constants.ENABLE_RAY_CLUSTER = not only


def session_folder() -> str | None:
    """The folder for the files of the Ray cluster that this process belongs to. None: the process
    belongs to none."""
    node: Any = worker._global_node
    return str(node.get_session_dir_path()) if ray.is_initialized() else None
