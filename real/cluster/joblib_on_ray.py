"""The cores of a Ray cluster for the simulations of a comparison, by joblib's Ray backend."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import ray
from joblib import Parallel, effective_n_jobs, parallel_config
from ray.exceptions import RayError
from ray.util.joblib import register_ray

from hetsched.errors import HetschedError, InputError
from real.ray_internals import keep_stdout_clean

ANSWER_S = 5.0
"""A cluster that does not answer within so many seconds is not there; Ray itself would wait for a minute."""


@contextmanager
def on_cluster(address: str, jobs: int | None = None) -> Iterator[Parallel]:
    """Processes on the running Ray cluster at the address (`auto`, or `host:port` of its head), one for each of its
    cores or `jobs` of them.

    Raises InputError, naming the address, if there is no cluster, and HetschedError if it fails.
    """
    _connect(address)
    try:
        register_ray()
        with parallel_config("ray"), Parallel(jobs or effective_n_jobs(-1)) as parallel:
            yield parallel
    except RayError as error:
        raise HetschedError(f"the Ray cluster at {address!r} failed: {type(error).__name__}: {error}") from error
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    if ray.is_initialized():
        raise HetschedError("Ray is in use in this process already: call ray.shutdown() first")
    try:
        if address != "auto":
            _check_greeting(address)
        ray.init(address=address, namespace="hetsched", log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--ray {address}: no Ray cluster there: {reason}; give auto, or host:port of its head (10.0.0.1:6379)"
        ) from error
    keep_stdout_clean()


def _check_greeting(address: str) -> None:
    """Raise OSError or ValueError unless a server there speaks HTTP/2, as the head of a cluster does: its first frame
    is SETTINGS (RFC 9113, section 3.4). Under TLS it says nothing before the client does."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("that is no address")
    with socket.create_connection((host, int(port)), ANSWER_S) as connection:
        if os.environ.get("RAY_USE_TLS", "0") == "0" and connection.recv(4)[3:] != b"\x04":
            raise ConnectionError("what answers there is something else")
