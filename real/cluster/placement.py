"""The placement of a worker in Ray: its resources, on its node."""

from ray import tune

from hetsched.domain.cluster import Worker
from real.cluster.matching import RayNodeId


class WorkerPlacement(tune.PlacementGroupFactory):
    """The resources of one worker, on its node.

    Tune keeps actors by their placement. So any two workers have different placements, even if they
    are alike and on one node. A worker whose node has died and returned has a new placement.
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
