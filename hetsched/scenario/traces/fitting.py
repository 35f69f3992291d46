"""Checks whether a job of a trace fits the cluster and the profile. The rule changes jobs that do
not fit."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil, inf

from hetsched.domain.cluster import CPU, ClusterSpec, DeviceType, Gpu, WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError, nearest
from hetsched.scenario.traces.reading import Counts
from hetsched.scenario.traces.unfit import Unfit, refuse_or_leave_out

MOST_ITERATIONS = 10**9

Devices = tuple[DeviceType, ...] | None
"""The GPU types that a job may run on; None: any."""


def gpus_of(cluster: ClusterSpec) -> dict[Gpu, int]:
    """The number of the cluster's GPUs by type and memory."""
    return dict(Counter(gpu for node in cluster for gpu in node.each_gpu))


class Fitting:
    """What the cluster and the profile offer to jobs, under a rule. It counts the changes that the
    rule makes."""

    def __init__(self, gpus: Mapping[Gpu, int], times: StepTimes, rule: Unfit, counts: Counts) -> None:
        self._gpus = dict(gpus)
        self.times = times
        self.rule = rule
        self.counts = counts
        self._names = {gpu.type.casefold(): gpu.type for gpu in gpus}
        self._sizes: dict[tuple[TrialKind, Devices, DeviceType | None], list[int]] = {}
        self._why: dict[tuple[TrialKind, Devices, DeviceType | None], str] = {}
        self._shares: dict[tuple[str, str], dict[DeviceType, set[int]]] = {}
        for row in times.rows:
            of_network = self._shares.setdefault((row.model, row.dataset), {})
            if row.device == CPU or row.gpu_share.is_integer():
                of_network.setdefault(row.device, set()).add(max(1, int(row.gpu_share)))

    def rename(self, types: Mapping[str, DeviceType]) -> None:
        """Set the trace's names for types of the cluster. Raises InputError for a type that the
        cluster lacks."""
        for word, name in types.items():
            types_here = dict.fromkeys(gpu.type for gpu in self._gpus)
            if name not in types_here:
                has = nearest(name, types_here)
                raise InputError(f"workload.trace_models.gpu_types.{word}: the cluster has no {name!r}: {has}")
            self._names[word.casefold()] = name

    def devices(self, wanted: Iterable[str], line: str) -> Devices:
        """The cluster's GPU types that a job may run on. Upper and lower case are equal. Raises
        LeftOutError."""
        words = tuple(wanted)
        if not words:
            return None
        here = tuple(dict.fromkeys(self._names[word.casefold()] for word in words if word.casefold() in self._names))
        if here:
            return here
        if self.rule.gpu_type != "any":
            reason = "named only GPU types that the cluster has not"
            refuse_or_leave_out(self.rule.gpu_type, "gpu_type", line, reason, "|".join(words))
        self.counts.change("named only GPU types that the cluster has not, and may run on any", line, "|".join(words))
        return None

    def workers(self, gpus: float, line: str) -> int:
        """The number of whole workers for a job that took this many GPUs, or a share of one. Raises
        LeftOutError."""
        if gpus == int(gpus):
            return int(gpus)
        if self.rule.share != "round":
            refuse_or_leave_out(self.rule.share, "share", line, "took a share of a GPU", f"{gpus:g}")
        more = f"{gpus:g} GPUs, now {ceil(gpus):.15g}"
        self.counts.change("took a share of a GPU, and takes a whole one", line, more)
        return ceil(gpus)

    def gang(self, kind: TrialKind, wanted: int, devices: Devices, line: str, on: DeviceType | None = None) -> int:
        """The number of workers that a job takes: `wanted`, or the next smaller number that fits.
        Raises LeftOutError.

        A number fits if the cluster has this many workers of a type, and the profile a step time
        for this number. If there is a reference device `on`, the profile must have a step time
        there, too.
        """
        sizes = self._of(kind, devices, on)
        if wanted in sizes:
            return wanted
        if not sizes:
            reason = "had no step time on the cluster's GPUs"
            refuse_or_leave_out(self.rule.step_time, "step_time", line, reason, self._why_missing(kind, devices, on))
        if self.rule.gang != "round" or wanted < sizes[0]:
            have = ", ".join(map(str, sizes))
            more = f"{wanted:.15g} GPUs of {kind}; the profile and the cluster have {have}"
            refuse_or_leave_out(self.rule.gang, "gang", line, "took a number of GPUs that does not fit", more)
        size = max(size for size in sizes if size <= wanted)
        reason = "took a number of GPUs that does not fit, and takes the next smaller one that does"
        self.counts.change(reason, line, f"{wanted:.15g} GPUs, now {size}")
        return size

    def capped(self, iterations: float, line: str) -> int:
        """The rounded iterations, from 1 to `MOST_ITERATIONS`. Raises LeftOutError."""
        if iterations <= MOST_ITERATIONS:
            return max(1, round(iterations))
        if self.rule.iterations != "cap":
            more = f"{iterations:g}, over {MOST_ITERATIONS}"
            refuse_or_leave_out(self.rule.iterations, "iterations", line, "had too many iterations", more)
        self.counts.change(f"had more than {MOST_ITERATIONS} iterations, and trains so many", line)
        return MOST_ITERATIONS

    def _of(self, kind: TrialKind, devices: Devices, on: DeviceType | None) -> list[int]:
        """The sizes of gangs that fit, ascending."""
        key = (kind, devices, on)
        if key not in self._sizes:
            shares = self._shares.get((kind.model, kind.dataset), {})
            sizes = set().union(*shares.values()) if on is None else set(shares.get(on, ()))
            self._sizes[key] = sorted(size for size in sizes if self._fits(kind, size, devices, on))
        return self._sizes[key]

    def _why_missing(self, kind: TrialKind, devices: Devices, on: DeviceType | None) -> str:
        """A message with the step time that is missing and with what to do."""
        key = (kind, devices, on)
        if key not in self._why:
            types = devices or [gpu.type for gpu in self._gpus]
            device = on or next(iter(types), CPU)
            memory_gib = max((gpu.memory_gib or inf for gpu in self._gpus if gpu.type == device), default=inf)
            memory = None if memory_gib == inf else memory_gib
            worker = WorkerType(device, int(device == CPU), float(device != CPU), gpu_memory_gib=memory)
            self._why[key] = f"{kind} on {device}: {why_missing(self.times, kind, worker)}"
        return self._why[key]

    def _fits(self, kind: TrialKind, size: int, devices: Devices, on: DeviceType | None) -> bool:
        if on is not None and self._step_s(kind, Gpu(on), size) is None:
            return False
        if size == 1 and devices is None and (not self._gpus or CPU in self._shares[kind.model, kind.dataset]):
            return True  # a single worker may be some of a node's cores
        there = {gpu: number for gpu, number in self._gpus.items() if devices is None or gpu.type in devices}
        return any(number >= size and self._step_s(kind, gpu, size) is not None for gpu, number in there.items())

    def _step_s(self, kind: TrialKind, gpu: Gpu, size: float) -> float | None:
        """Seconds per iteration. None: the profile lacks the step time, or the GPU's memory is too
        small."""
        worker = WorkerType(gpu.type, 0, float(size), gpu_memory_gib=gpu.memory_gib)
        return self.times.seconds_per_iteration(kind, worker)
