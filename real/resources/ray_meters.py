"""Samples each machine of a Ray cluster with an actor."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from real.cluster.matching import RayNodeId
from real.resources.node_meter import NodeMeter
from real.resources.sampling import Answer


class RayMeters:
    """Meters on a Ray cluster. See `real.resources.sampling.Meters`. An actor takes no cores from
    workers. It ends when it is dropped."""

    def __init__(self) -> None:
        self._actors: dict[RayNodeId, Any] = {}

    def ask(self, ray_node: RayNodeId, tell: Callable[[Answer], None]) -> None:
        """See the protocol. The next call replaces an actor that has died."""

        def answered(future: "Future[Answer]") -> None:
            try:
                tell(future.result())
            except RayActorError as error:
                self.drop(ray_node)
                tell(error)
            except RayTaskError as error:
                tell(error.cause)
            except RayError as error:
                tell(error)

        if ray_node not in self._actors:
            there_only = NodeAffinitySchedulingStrategy(ray_node, soft=False)
            meter: Any = ray.remote(NodeMeter)
            self._actors[ray_node] = meter.options(num_cpus=0, scheduling_strategy=there_only).remote()
        self._actors[ray_node].use.remote().future().add_done_callback(answered)

    def drop(self, ray_node: RayNodeId) -> None:
        """See the protocol."""
        self._actors.pop(ray_node, None)
