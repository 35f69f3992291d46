"""The cores of each host that its workers have. No two workers of one host train on the same
cores."""

from hetsched.domain.cluster import WorkerId

Span = tuple[str, range]
"""A host, and the numbers of a worker's cores there."""


class HostCores:
    """Assigns the cores of hosts to workers. Several Ray nodes may be on one host. Their workers
    share its cores.

    This class does not know how many cores a host has. `real.tune.actor.pin` maps numbers beyond
    the last core back to the first ones.
    """

    def __init__(self) -> None:
        self._spans: dict[WorkerId, Span] = {}

    def take(self, worker: WorkerId, host: str, cores: int) -> int:
        """Assign to the worker the first `cores` adjacent cores that no other worker on the host
        has. Returns the number of the first one."""
        first = 0
        others = (span for other, (where, span) in self._spans.items() if where == host and other != worker)
        for span in sorted(others, key=lambda span: span.start):
            if first + cores <= span.start:
                break
            first = max(first, span.stop)
        self._spans[worker] = (host, range(first, first + cores))
        return first

    def release(self, worker: WorkerId) -> None:
        """Free the cores of a worker that left."""
        self._spans.pop(worker, None)
