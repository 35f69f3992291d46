"""The area of a job. The area-weighted response time weights jobs by it."""

from collections.abc import Iterable, Iterator, Mapping

from hetsched.analysis.bounds_groups import Devices, Job, group_jobs
from hetsched.domain.profiles import StepTimes


def areas(jobs: Iterable[Mapping[Job, int]], devices: Devices, times: StepTimes) -> Iterator[float]:
    """The area of each job, given by its parts, in seconds of a device.

    It is the least time in which the devices can train the job's iterations, times the number of
    devices that the job takes at once. It is the same under every schedule: a job on a slow device
    does not weigh more. Raises InputError if some job cannot run anywhere by the profile.
    """
    seconds: dict[Job, float] = {}
    for parts in jobs:
        for job in parts:
            like = _like(job)
            if like not in seconds:
                [group] = group_jobs({like: 1}, devices, times)
                seconds[like] = group.alone_s(1)
        yield sum(seconds[_like(job)] * job.iterations * job.gang * count for job, count in parts.items())


def _like(job: Job) -> Job:
    return job._replace(iterations=1, arrival_s=0.0)
