"""Jobs that are alike, as the bounds see them: what each way to train them costs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hetsched.domain.cluster import WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError

SLOWEST = 1e-6
"""No device counts as slower than this part of a job's fastest one, so that the figures of a program are of a like
size. Taking a device to be faster than it is keeps a bound valid."""


class Job(NamedTuple):
    """What like trials have in common: they take as long on every device, and arrive together.

    `devices` are the device types that may be used (None: any); a job takes `gang` workers of one type at once.
    """

    kind: TrialKind
    iterations: int
    devices: tuple[str, ...] | None = None
    arrival_s: float = 0.0
    gang: int = 1


class Mode(NamedTuple):
    """A way to train: on a worker of this type, which takes `units` of the device class `resource`. There can be
    `workers` of the type at once."""

    worker: WorkerType
    resource: str
    units: float
    workers: int


class Devices(NamedTuple):
    """What there is to train on: the modes, and how many units each device class has."""

    modes: list[Mode]
    units: Mapping[str, int]


class Way(NamedTuple):
    """A mode as a job sees it: how fast it is there, and what part of which resources it takes meanwhile."""

    iterations_per_s: float
    parts: tuple[tuple[str, float], ...]


class Group(NamedTuple):
    """Jobs that are as fast as each other everywhere (`ways`, the fastest first) and arrive together.

    `jobs` are pairs (iterations, how many jobs), the longest first.
    """

    arrival_s: float
    ways: tuple[Way, ...]
    jobs: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """Iterations of all its jobs."""
        return sum(iterations * count for iterations, count in self.jobs)

    def alone_s(self, iterations: int) -> float:
        """Seconds that so many iterations take on the fastest device."""
        return iterations / self.ways[0].iterations_per_s


def with_share(group: Group, share: float) -> Group:
    """The group where every device gives it but this share (0..1) of its time."""
    ways = (way._replace(parts=tuple((name, part / share) for name, part in way.parts)) for way in group.ways)
    return group._replace(ways=tuple(ways))


Groups = tuple[Group, ...]
"""In the order of arrival. Like problems are equal, so that what was computed for one is known for the other."""


def group_jobs(jobs: Mapping[Job, int], devices: Devices, times: StepTimes) -> Groups:
    """The jobs (each that many times) in groups, by what the profile says of each of them on each device.

    Raises InputError if some job can run nowhere by the profile.
    """
    needed = {job: count for job, count in jobs.items() if count and job.iterations}
    gangs = sorted({job.gang for job in needed if job.gang > 1})
    ways: dict[Job, tuple[Way, ...]] = {}
    sizes: defaultdict[Job, Counter[int]] = defaultdict(Counter)
    for job, count in needed.items():
        like = job._replace(iterations=0)
        sizes[like][job.iterations] += count
        place = like._replace(arrival_s=0.0)
        if place not in ways:
            ways[place] = _ways(job, gangs, devices, times)
    return tuple(
        sorted(
            Group(like.arrival_s, ways[like._replace(arrival_s=0.0)], tuple(sorted(of_group.items(), reverse=True)))
            for like, of_group in sizes.items()
        )
    )


def _ways(job: Job, gangs: Sequence[int], devices: Devices, times: StepTimes) -> tuple[Way, ...]:
    """Where a job may run. A gang takes its multiple of a worker's units. Besides, n workers of a type hold at most
    n // g gangs of g at once, a larger gang of h counting as the h // g into which it could be cut."""
    ways = []
    for mode in devices.modes:
        if mode.workers < job.gang or not (job.devices is None or mode.worker.device in job.devices):
            continue
        seconds = times.seconds_per_iteration(job.kind, mode.worker.gang(job.gang))
        if seconds is not None:
            parts = [(mode.resource, job.gang * mode.units / devices.units[mode.resource])]
            parts += [
                (f"gangs of {g} x {mode.worker}", (job.gang // g) / (mode.workers // g))
                for g in gangs
                if g <= job.gang and mode.workers % g
            ]
            ways.append(Way(1 / seconds, tuple(parts)))
    if not ways:
        gang = f" for a gang of {job.gang}" if job.gang > 1 else ""
        lacks = [why_missing(times, job.kind, mode.worker.gang(job.gang)) for mode in devices.modes[:1]]
        raise InputError(
            f"no bound: the profile has no step time of {job.kind} on any device of the cluster{gang}"
            + "".join(f": {why}" for why in lacks)
        )
    slowest = SLOWEST * max(way.iterations_per_s for way in ways)
    return tuple(sorted((Way(max(slowest, way.iterations_per_s), way.parts) for way in ways), reverse=True))


def resource_parts(ways: Iterable[Way]) -> Iterator[tuple[str, float]]:
    """The parts of resources, as pairs (name, part), that the ways take, in the order of the ways."""
    return (part for way in ways for part in way.parts)
