"""The use of nodes over time: cores, memory and GPUs, as they were sampled."""

from collections import defaultdict
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from hetsched.analysis.share_over_time import Stretch, most_parts, share_over_time
from hetsched.core.events import Event, ResourcesSampled

Resource = Literal["cpu", "memory", "gpu", "gpu-memory"]
RESOURCES: tuple[Resource, ...] = ("cpu", "memory", "gpu", "gpu-memory")

SILENT_AFTER = 3.0
"""If the time between two samples is this many times the usual time, nothing is known about it."""


class ResourceUse(NamedTuple):
    """The used share of a resource, 0 to 1. The resource is a node (`name`), or one of its GPUs
    (`node/gpu0`).

    `value[i]` holds from `time_s[i]` to the next time. The last one holds to the end of the run.
    None: the share is unknown.
    """

    resource: Resource
    name: str
    time_s: list[float]
    value: list[float | None]


class Resources:
    """Follows a run, event by event, and keeps the samples."""

    def __init__(self) -> None:
        self._samples: dict[Resource, defaultdict[str, list[tuple[float, float]]]] = {
            resource: defaultdict(list) for resource in RESOURCES
        }

    def __call__(self, event: Event) -> None:
        if not isinstance(event, ResourcesSampled):
            return
        self._keep("cpu", event.node, event.time, event.cpu)
        self._keep("memory", event.node, event.time, _share(event.memory_bytes, event.memory_total_bytes))
        for number, gpu in enumerate(event.gpus):
            name = f"{event.node}/gpu{number}"
            self._keep("gpu", name, event.time, gpu.use)
            self._keep("gpu-memory", name, event.time, _share(gpu.memory_bytes, gpu.memory_total_bytes))

    def _keep(self, resource: Resource, name: str, time: float, share: float) -> None:
        self._samples[resource][name].append((time, share))

    def over_time(self, end_s: float) -> list[ResourceUse]:
        """By resource, then in the order of the first samples. Many samples become means over equal
        parts."""
        usual_s = self._usual_s()
        return [
            ResourceUse(resource, name, *_series(samples, usual_s, end_s, most_parts(len(by_name))))
            for resource, by_name in self._samples.items()
            for name, samples in by_name.items()
        ]

    def _usual_s(self) -> float:
        """The usual time between two samples of a node. If no node has two samples, all the time
        before."""
        times = [[time for time, _ in samples] for samples in self._samples["cpu"].values()]
        gaps = [after - before for of_node in times for before, after in pairwise(of_node)]
        return median(gaps or [time for of_node in times for time in of_node] or [0.0])


def _share(used: int, total: int) -> float:
    return used / total if total else 0.0


def _series(
    samples: list[tuple[float, float]], usual_s: float, end_s: float, most: int
) -> tuple[list[float], list[float | None]]:
    """A series of samples. A sample covers the time since the sample before. If that is long ago,
    it covers the usual time."""
    used, known = [], []
    before = 0.0
    for time, share in samples:
        since = before if time - before <= SILENT_AFTER * usual_s else time - usual_s
        used.append(Stretch(since, time, share))
        known.append(Stretch(since, time, 1.0))
        before = time
    return share_over_time(used, known, end_s, most)
