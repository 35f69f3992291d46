"""The cores of each host that its workers have. No two workers of one host train on the same cores
if the host has cores for all."""

from collections import defaultdict

from hetsched.domain.cluster import WorkerId

Cores = tuple[int, ...]
"""The numbers of a worker's cores on its host, from 0, in order."""


class HostCores:
    """Assigns the cores of hosts to workers. Several Ray nodes may be on one host. Their workers
    share its cores.

    Ray does not say how many cores a host really has. So every number is below the most cores that
    the host's workers had together at any time. A host that has had cores for all its workers has
    a core for every number. On a smaller host, `real.tune.actor.pin` maps numbers beyond the last
    core back to the first ones.
    """

    def __init__(self) -> None:
        self._held: dict[WorkerId, tuple[str, Cores]] = {}
        self._most: defaultdict[str, int] = defaultdict(int)

    def take(self, worker: WorkerId, host: str, cores: int) -> Cores:
        """Assign to the worker the first adjacent cores that no other worker on the host has. If
        there are none, assign the first free cores, wherever they are."""
        self.release(worker)
        taken = {core for where, held in self._held.values() if where == host for core in held}
        self._most[host] = most = max(self._most[host], len(taken) + cores)
        free = [core for core in range(most) if core not in taken]
        spans = (tuple(free[start : start + cores]) for start in range(len(free) - cores + 1))
        found = next((span for span in spans if span[-1] - span[0] < cores), tuple(free[:cores]))
        self._held[worker] = host, found
        return found

    def release(self, worker: WorkerId) -> None:
        """Free the cores of a worker that left."""
        self._held.pop(worker, None)
