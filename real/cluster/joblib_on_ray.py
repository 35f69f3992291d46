"""Simulates the runs of a comparison on the cores of a Ray cluster, with joblib's Ray backend."""

from collections.abc import Iterator
from contextlib import contextmanager

import ray
from joblib import Parallel, effective_n_jobs, parallel_config
from ray.exceptions import RayError
from ray.util.joblib import register_ray

from hetsched.errors import HetschedError, InputError
from real.cluster.ray_cluster import reach


@contextmanager
def on_cluster(address: str, jobs: int | None = None) -> Iterator[Parallel]:
    """Processes on the running Ray cluster at the address (`auto`, or `host:port` of its head):
    `jobs` of them, by default one per core.

    Raises InputError, with the address, if there is no cluster, and HetschedError if the cluster
    fails or this process uses Ray already.
    """
    _connect(address)
    try:
        register_ray()
        with parallel_config("ray"), Parallel(jobs or effective_n_jobs(-1)) as parallel:
            yield parallel
    except RayError as error:
        failed = f"the Ray cluster at {address!r} failed: {type(error).__name__}: {error}"
        raise HetschedError(f"{failed}; start it again, or leave --ray out") from error
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    if ray.is_initialized():
        raise HetschedError("Ray is in use in this process already: call ray.shutdown() first")
    try:
        reach(address)
    except InputError as error:
        raise InputError(f"--ray {address}: {error}") from error
