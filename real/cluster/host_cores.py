"""Which cores of each host its workers have, so that no two workers of one host train on the same ones."""

from hetsched.domain.cluster import WorkerId

Span = tuple[str, range]
"""A host, and the numbers of the cores that a worker has there."""


class HostCores:
    """Hands out the cores of hosts. Several Ray nodes may be on one host: their workers share its cores.

    How many cores a host has is not known here: numbers beyond the last core are taken round again
    (`real.tune.actor.pin`).
    """

    def __init__(self) -> None:
        self._spans: dict[WorkerId, Span] = {}

    def take(self, worker: WorkerId, host: str, cores: int) -> int:
        """The first of so many adjacent cores that no other worker on the host has. They are this worker's now."""
        first = 0
        others = (span for other, (where, span) in self._spans.items() if where == host and other != worker)
        for span in sorted(others, key=lambda span: span.start):
            if first + cores <= span.start:
                break
            first = max(first, span.stop)
        self._spans[worker] = (host, range(first, first + cores))
        return first

    def release(self, worker: WorkerId) -> None:
        """The worker is gone: its cores are free."""
        self._spans.pop(worker, None)
