"""Like jobs, as the bounds see them, and the costs of each way to train them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hetsched.domain.cluster import WorkerType
from hetsched.domain.missing_times import MEASURE, why_missing
from hetsched.domain.profiles import StepTimes
from hetsched.domain.segment_costs import SegmentCosts
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError

SLOWEST = 1e-6
"""A device counts as at least this share as fast as a job's fastest device, so that the figures of
a program have like sizes. A bound stays valid if a device counts as faster than it is."""


CAPS = 8
"""The most different longest segments of like jobs. If there are more, each is rounded up to a
power of two. That keeps a bound valid, and the program small."""


class Job(NamedTuple):
    """What like jobs share: they take equally long on every device, and arrive together.

    `devices` are the device types that may be used (None: any). A job takes `gang` workers of one
    type at once. Its segments have at most `longest_segment` iterations (None: any number). Each
    evaluates `evaluation_images`.
    """

    kind: TrialKind
    iterations: int
    devices: tuple[str, ...] | None = None
    arrival_s: float = 0.0
    gang: int = 1
    longest_segment: int | None = None
    evaluation_images: int = 0

    @property
    def most(self) -> int:
        """The most iterations that a segment of it can have."""
        return self.iterations if self.longest_segment is None else min(self.iterations, self.longest_segment)


class Mode(NamedTuple):
    """A way to train: on a worker of this type, which takes `units` of the device class `resource`.
    At most `workers` of the type exist at once."""

    worker: WorkerType
    resource: str
    units: float
    workers: int


class Devices(NamedTuple):
    """The devices: their modes, and how many units each device class has."""

    modes: list[Mode]
    units: Mapping[str, int]


class Way(NamedTuple):
    """A mode for a job: its speed there, and the `parts` of resources that it takes meanwhile.

    An iteration takes `step_s` seconds. A segment takes `segment_s` seconds beside its iterations.
    `iterations_per_s` includes the least possible share of these: the share in the longest
    segments. No job trains there before `warm_s`.
    """

    iterations_per_s: float
    parts: tuple[tuple[str, float], ...]
    warm_s: float = 0.0
    step_s: float = 0.0
    segment_s: float = 0.0


class Group(NamedTuple):
    """Jobs that are equally fast everywhere and arrive together. Of the `ways`, the fastest comes
    first.

    `jobs` are pairs (iterations, how many jobs), the longest first. A segment has at most `most`
    iterations. 0: a segment costs nothing beside its iterations, so that its length does not
    matter.
    """

    arrival_s: float
    ways: tuple[Way, ...]
    jobs: tuple[tuple[int, int], ...]
    most: int = 0

    @property
    def total(self) -> int:
        """Iterations of all its jobs."""
        return sum(iterations * count for iterations, count in self.jobs)

    @property
    def begin_s(self) -> float:
        """The earliest time, in seconds, at which its jobs can train."""
        return max(self.arrival_s, min(way.warm_s for way in self.ways))

    @property
    def segments(self) -> int:
        """The least number of segments of all its jobs. 0: segments cost nothing."""
        return sum(self.least_segments(iterations) * count for iterations, count in self.jobs)

    def least_segments(self, iterations: int) -> int:
        """The least number of segments of that many iterations. 0: segments cost nothing."""
        return -(-iterations // self.most) if self.most else 0

    def alone_s(self, iterations: int) -> float:
        """Seconds that so many iterations take at least, if each segment is where it takes least.

        1. A segment of k iterations takes the least of k step_s + segment_s over the ways.
        2. That is a concave function of k.
        3. So of all ways to cut the iterations into segments of at most `most`, whole segments and
           one for the rest take least.
        """
        if not self.most:
            return iterations / self.ways[0].iterations_per_s
        whole, rest = divmod(iterations, self.most)
        return whole * self._segment_s(self.most) + (self._segment_s(rest) if rest else 0.0)

    def _segment_s(self, iterations: int) -> float:
        return min(iterations * way.step_s + way.segment_s for way in self.ways)


def with_share(group: Group, share: float) -> Group:
    """The group if it has only this share (0 to 1) of every device's time."""
    ways = (way._replace(parts=tuple((name, part / share) for name, part in way.parts)) for way in group.ways)
    return group._replace(ways=tuple(ways))


Groups = tuple[Group, ...]
"""Groups in the order of arrival. Like problems are equal, so that a result for one is found for
the other."""


def group_jobs(
    jobs: Mapping[Job, int],
    devices: Devices,
    times: StepTimes,
    costs: SegmentCosts | None = None,
    since_s: float = 0.0,
) -> Groups:
    """The jobs in groups, by what the profile says of each of them on each device. `jobs` says how
    many there are.

    Without `costs` they only train. The jobs' clock is at 0 when the run is at `since_s` seconds.
    Raises InputError if some job cannot run anywhere by the profile.
    """
    needed = {job: count for job, count in jobs.items() if count and job.iterations}
    caps = {} if costs is None else _caps(needed)
    gangs = sorted({job.gang for job in needed if job.gang > 1})
    ways: dict[tuple[Job, int], tuple[Way, ...]] = {}
    sizes: defaultdict[tuple[float, tuple[Way, ...], int], Counter[int]] = defaultdict(Counter)
    for job, count in needed.items():
        place = _place(job), caps.get(job, 0)
        if place not in ways:
            ways[place] = _ways(*place, gangs, devices, times, costs, since_s)
        pays = any(way.segment_s for way in ways[place])
        sizes[job.arrival_s, ways[place], place[1] if pays else 0][job.iterations] += count
    return tuple(
        sorted(
            Group(arrival_s, of_group, tuple(sorted(iterations.items(), reverse=True)), most)
            for (arrival_s, of_group, most), iterations in sizes.items()
        )
    )


def _place(job: Job) -> Job:
    """Everything that decides where a job runs, and the seconds of an iteration and a segment
    there."""
    return job._replace(iterations=0, arrival_s=0.0, longest_segment=None)


def _caps(jobs: Iterable[Job]) -> dict[Job, int]:
    """The most iterations of a segment of each job. They are rounded up if like jobs have many
    different ones."""
    different: defaultdict[Job, set[int]] = defaultdict(set)
    for job in jobs:
        different[_place(job)].add(job.most)
    return {job: job.most if len(different[_place(job)]) <= CAPS else 1 << (job.most - 1).bit_length() for job in jobs}


def _ways(
    job: Job,
    most: int,
    gangs: Sequence[int],
    devices: Devices,
    times: StepTimes,
    costs: SegmentCosts | None,
    since_s: float,
) -> tuple[Way, ...]:
    """The ways to train jobs whose segments have at most `most` iterations.

    A gang takes its multiple of a worker's units. It also takes places: n workers of a type hold at
    most n // g gangs of g at once. A greater gang of h counts as the h // g gangs into which it
    could be cut.
    """
    ways = []
    for mode in devices.modes:
        if mode.workers < job.gang or not (job.devices is None or mode.worker.device in job.devices):
            continue
        gang = mode.worker.gang(job.gang)
        step_s = times.seconds_per_iteration(job.kind, gang)
        if step_s is None:
            continue
        parts = [(mode.resource, job.gang * mode.units / devices.units[mode.resource])]
        parts += [
            (f"gangs of {g} x {mode.worker}", (job.gang // g) / (mode.workers // g))
            for g in gangs
            if g <= job.gang and mode.workers % g
        ]
        segment_s = costs.segment_s(job.kind, gang, job.evaluation_images) if costs else 0.0
        warm_s = max(0.0, costs.warm_s(mode.worker) - since_s) if costs else 0.0
        seconds = step_s + segment_s / most if segment_s else step_s
        ways.append(Way(1 / seconds, tuple(parts), warm_s, step_s, segment_s))
    if not ways:
        raise InputError(_runs_nowhere(job, devices, times))
    slowest = SLOWEST * max(way.iterations_per_s for way in ways)
    clamped = (way._replace(iterations_per_s=max(slowest, way.iterations_per_s)) for way in ways)
    return tuple(sorted(clamped, reverse=True))


def _runs_nowhere(job: Job, devices: Devices, times: StepTimes) -> str:
    """Why there is no way to train the job: too few workers, or no step time."""
    gang = f" for a gang of {job.gang}" if job.gang > 1 else ""
    allowed = [mode for mode in devices.modes if job.devices is None or mode.worker.device in job.devices]
    enough = [mode.worker.gang(job.gang) for mode in allowed if mode.workers >= job.gang]
    if not enough:
        there = ", ".join(dict.fromkeys(mode.worker.device for mode in devices.modes)) or "none"
        may = f", on {' or '.join(job.devices)} only" if job.devices else ""
        return (
            f"no bound: no type has enough workers for {job.kind}{gang}{may}; the workers are of: {there}: give the "
            "cluster such workers, take another allocation, or change devices or gang of the experiment"
        )
    tried = ", ".join(dict.fromkeys(worker.device for worker in enough))
    rows = [row for row in times.rows if (row.model, row.dataset) == (job.kind.model, job.kind.dataset)]
    has = ", ".join(sorted({f"{row.worker_type} at batch {row.batch_size}" for row in rows})) or "no row of this model"
    why = why_missing(times, job.kind, enough[0])
    remedy = "" if MEASURE in why or not rows else f"; {MEASURE}"
    return (
        f"no bound: the profile has no step time of {job.kind} on any worker{gang} of the types there ({tried}); it "
        f"has {has}: {why}{remedy}"
    )


def resource_parts(ways: Iterable[Way]) -> Iterator[tuple[str, float]]:
    """The parts of resources that the ways take, as pairs (name, part), in the order of the
    ways."""
    return (part for way in ways for part in way.parts)
