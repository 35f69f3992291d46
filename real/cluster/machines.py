"""Which Ray nodes share the cores of one machine."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from hetsched.domain.cluster import NodeId
from real.cluster.matching import RayNodeId

ANSWER_S = 10.0
"""Seconds to wait for the machine of a Ray node."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""All containers of a machine read the same text here, because they share its kernel."""


def own_cores() -> str | None:
    """The name of the cores that this process may use: this machine's kernel since its start, and
    their numbers. None: the kernel has no name that can be read."""
    try:
        kernel = BOOT_ID.read_text().strip()
    except OSError:  # no Linux, or a container that hides it
        return None
    return f"{kernel} {sorted(os.sched_getaffinity(0))}"


class Machines:
    """Names the machine of each Ray node. Pods and containers of one machine have addresses of
    their own, and share its cores. Those that were given different cores count as different
    machines.

    A Ray node that names no machine, or does not answer within `ANSWER_S`, is on the machine that
    has its address. If no machine has, the address is a machine.
    """

    def __init__(self, address_of: Callable[[RayNodeId], str], there: Mapping[NodeId, RayNodeId]) -> None:
        """`there` are the nodes at the start. All of them are asked at once."""
        self._address_of = address_of
        self._asked = {ray_node: _ask(ray_node) for ray_node in set(there.values())}
        self._named: dict[RayNodeId, str] = {}
        self._at: dict[str, str] = {}  # the first machine of each address

    def of(self, ray_node: RayNodeId) -> str:
        """The machine of the Ray node, which is asked only once."""
        if ray_node not in self._named:
            asked = self._asked.pop(ray_node) if ray_node in self._asked else _ask(ray_node)
            try:
                named = ray.get(asked, timeout=ANSWER_S)
            except RayError:  # also GetTimeoutError
                named = None
            address = self._address_of(ray_node)
            at_address = self._at.setdefault(address, named or address)
            self._named[ray_node] = at_address if named is None or at_address == address else named
        return self._named[ray_node]


def _ask(ray_node: RayNodeId) -> Any:
    """Send a task that runs on this Ray node only."""
    there_only = NodeAffinitySchedulingStrategy(ray_node, soft=False)
    task: Any = ray.remote(own_cores)
    return task.options(num_cpus=0, max_retries=0, scheduling_strategy=there_only).remote()
