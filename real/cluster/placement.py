"""Where Ray puts a worker: its resources, on its node."""

from ray import tune

from hetsched.domain.cluster import Worker
from real.cluster.matching import RayNodeId


class WorkerPlacement(tune.PlacementGroupFactory):
    """The resources of one worker, on its node.

    Tune keeps actors by their placement, so that of two workers differs even if they are alike and on one node, and so
    does that of a worker whose node has died and come back.
    """

    def __init__(self, worker: Worker, ray_node: RayNodeId) -> None:
        self.ray_node = ray_node
        self._key = worker.id, ray_node
        super().__init__(
            [{"CPU": worker.cores, "GPU": worker.gpu_share}],
            bundle_label_selector=[{"ray.io/node-id": ray_node}],
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WorkerPlacement) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)
