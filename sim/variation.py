"""Variation between workers that are equal in the profile: devices differ, and steps take longer by
chance."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from math import erf, exp, log, sqrt

from hetsched.domain.cluster import CPU, Worker
from hetsched.domain.random_streams import stream
from hetsched.domain.workload import TrialId
from hetsched.scenario.tables import OverheadsTable, WorkerVariation
from sim.draws import Draws

PAI_CV = {0.05: 0.024, 0.10: 0.032, 0.25: 0.051, 0.50: 0.094, 0.75: 0.55, 0.90: 1.06, 0.95: 1.43, 0.99: 3.0}
"""Percentiles of the coefficient of variation of an iteration's time over the workers of one job.
Source: Alibaba PAI 2020, `mini-batch-time`, 100 jobs of 10 workers, all iterations of all jobs.
Many of these jobs shared their GPUs."""


class Variation:
    """Factors of mean 1 by which the training of a segment takes longer or shorter.

    A device keeps its factor for the whole run. The factor is log-normal with the coefficient of
    variation `device_cv`. It depends only on the seed and the device. Workers that share a GPU have
    the same factor. With `worker_variation` every worker of a segment draws a further factor. Under
    "pai" the segment first draws its coefficient of variation from PAI's percentiles. A gang waits
    for its slowest worker.
    """

    def __init__(self, seed: int, draws: Draws, device_cv: float, workers: WorkerVariation | None) -> None:
        self._seed = seed
        self._draws = draws
        self._device_cv = device_cv
        self._workers = workers
        self._devices: dict[str, float] = {}
        self._normals: dict[TrialId, Iterator[float]] = {}

    @classmethod
    def of(cls, overheads: OverheadsTable, seed: int, draws: Draws) -> "Variation | None":
        """The variation that the scenario asks for. None: it asks for none."""
        if not (overheads.device_cv or overheads.worker_variation):
            return None
        return cls(seed, draws, overheads.device_cv or 0.0, overheads.worker_variation)

    def factor(self, trial: TrialId, team: Sequence[Worker]) -> float:
        """The factor of the trial's next segment on the worker, or on the workers of a gang."""
        devices = [self.device(worker) if self._device_cv else 1.0 for worker in team]
        if not self._workers:
            return max(devices)
        return max(device * drawn for device, drawn in zip(devices, self._drawn(trial, len(team)), strict=True))

    def device(self, worker: Worker) -> float:
        """The factor of the worker's device."""
        node, _, place = worker.id.rpartition("/")
        device = worker.id if worker.device == CPU else f"{node}/{place.partition('.')[0]}"
        if device not in self._devices:
            normal = float(stream(self._seed, "devices", device).standard_normal())
            self._devices[device] = lognormal(self._device_cv, normal)
        return self._devices[device]

    def _drawn(self, trial: TrialId, workers: int) -> list[float]:
        """The further factor of each worker that trains a segment of the trial."""
        if trial not in self._normals:
            self._normals[trial] = self._draws.normals("workers", trial)
        normals = self._normals[trial]
        cv = pai_cv(next(normals)) if self._workers == "pai" else float(self._workers or 0.0)
        return [lognormal(cv, next(normals)) for _ in range(workers)]


def pai_cv(normal: float) -> float:
    """The coefficient of variation for a standard normal draw, from PAI's percentiles. Its
    logarithm is linear between them, and constant beyond the first and the last.

    >>> round(pai_cv(0.0), 3), pai_cv(-9.0), pai_cv(9.0)
    (0.094, 0.024, 3.0)
    """
    share, shares = (1 + erf(normal / sqrt(2))) / 2, list(PAI_CV)
    place = bisect_right(shares, share)
    if place in (0, len(shares)):
        return PAI_CV[shares[min(place, len(shares) - 1)]]
    before, after = shares[place - 1 : place + 1]
    part = (share - before) / (after - before)
    return exp(log(PAI_CV[before]) * (1 - part) + log(PAI_CV[after]) * part)


def lognormal(cv: float, normal: float) -> float:
    """A positive factor of mean 1 with the coefficient of variation `cv`, from a standard normal
    draw."""
    variance = log(1 + cv * cv)
    return exp(sqrt(variance) * normal - variance / 2)
