"""Profiles: measured seconds per iteration and costs, and how they are looked up.

A profile is a CSV file with one row per measurement. Four columns are required:

    model,batch_size,device,seconds_per_iteration

The other columns have defaults. They say the data set, the worker (`cores` or `gpu_share`), where
the row is from, and what else was measured (`ProfileRow`). A CPU row has `cores`, and a `gpu_share`
of 0. A GPU row has 0 `cores`, and a share. A share above 1 is the number of GPUs of a gang. An
empty cost was not measured.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from statistics import median
from typing import Any, Self

import msgspec
from msgspec import Struct
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.curve import Curve
from hetsched.domain.names import PlainName
from hetsched.domain.workload import TrialKind

DATASET = "cifar10"
"""The data set of a row or an experiment that names none."""

OWN = "own"
"""The data set of a row or an experiment that trains with a training of the user's own. The
training brings its data."""

MOST_MEMORY_GIB = 2000.0
"""The limit of `memory_gib`, which finds MiB given as GiB. All GPUs have fewer GiB, and all GPUs
that train have more MiB."""

MOST_S, MOST_CV, MOST_FACTOR = 1e9, 100, 1e6
"""The limits of seconds, coefficients of variation and factors, as in a scenario. Sums and products
of values within the limits do not overflow."""

LEAST_STEP_S = 1e-9
"""The least seconds per iteration. A clock that saw none has missed them."""

UNSAID = "not said"
"""The provenance of a row that has none."""


class ProfileRow(BaseModel):
    """One measurement: the seconds of an iteration and, if known, the other costs of a segment
    (seconds).

    A row of a CPU without `cores` is for one core. A row of a GPU without `gpu_share` is for a
    whole GPU. The default data set is the one of experiments that name none.

    A `cv` is a coefficient of variation (standard deviation / mean). `noise_cv` is the variation of
    an iteration's time. Every other `cv` is the variation of the cost with the same name.
    `restore_s` and `checkpoint_s` are for a file. The `object_store` figures are for the memory of
    the node. `sharing` is the factor by which an iteration takes longer while all other cores of
    the host train another trial. `memory_gib` is the memory that training needs on each GPU.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    model: PlainName
    """Name that experiments and traces use."""
    dataset: PlainName = DATASET
    """Data set of the experiment."""
    batch_size: int = Field(gt=0, le=10**9)
    """Images per iteration."""
    device: PlainName
    """`cpu`, or the `gpu_type` of nodes, letter by letter."""
    cores: int = Field(default=0, ge=0, le=10**4)
    """Cores of a CPU worker; 0 on a GPU."""
    gpu_share: float = Field(default=0.0, ge=0, le=1e6)
    """Part of a GPU, or how many GPUs a gang has; 0 on a CPU."""
    seconds_per_iteration: float = Field(
        ge=LEAST_STEP_S, le=MOST_S, validation_alias=AliasChoices("seconds_per_iteration", "seconds")
    )
    """Mean time of an iteration."""
    noise_cv: float | None = Field(default=None, ge=0, le=MOST_CV)
    """Coefficient of variation of an iteration's time."""
    evaluation_s_per_image: float | None = Field(default=None, ge=0, le=MOST_S)
    """Time of an evaluation per image."""
    start_up_s: float | None = Field(default=None, ge=0, le=MOST_S)
    """Time until a trial's process is ready."""
    restore_s: float | None = Field(default=None, ge=0, le=MOST_S)
    """Time to read a checkpoint's file."""
    checkpoint_s: float | None = Field(default=None, ge=0, le=MOST_S)
    """Time to write a checkpoint's file."""
    evaluation_cv: float | None = Field(default=None, ge=0, le=MOST_CV)
    """Coefficient of variation of an evaluation's time. Without it, 0."""
    start_up_cv: float | None = Field(default=None, ge=0, le=MOST_CV, examples=[0.1])
    """Coefficient of variation of a start-up's time. Without it, 0."""
    restore_cv: float | None = Field(default=None, ge=0, le=MOST_CV)
    """Coefficient of variation of a restore's time. Without it, 0."""
    checkpoint_cv: float | None = Field(default=None, ge=0, le=MOST_CV)
    """Coefficient of variation of a checkpoint's time. Without it, 0."""
    state_growth: float | None = Field(default=None, ge=0, le=MOST_FACTOR, examples=[0.05])
    """How much longer evaluation, restore and checkpoint take per iteration of the trial, as a part
    of their times. These times then hold for a trial without iterations. Without it, 0: the state
    of a trial does not grow."""
    checkpoint_bytes: int | None = Field(default=None, gt=0, le=10**15)
    """Size of a checkpoint. Without it, 0."""
    object_store_save_s: float | None = Field(default=None, ge=0, le=MOST_S)
    """Time to keep a checkpoint in the node's memory. Without it, `checkpoint_s`."""
    object_store_restore_s: float | None = Field(default=None, ge=0, le=MOST_S)
    """Time to take a checkpoint from the node's memory. Without it, `restore_s`."""
    memory_gib: float | None = Field(default=None, gt=0, examples=[5.5])
    """Memory that training needs on each GPU. Without it, the trial fits."""
    sharing: float | None = Field(default=None, ge=1, le=MOST_FACTOR, examples=[1.3])
    """How many times as long an iteration takes while all other cores train; CPU rows only. Without
    it, 1."""
    provenance: str = UNSAID
    """Where the row is from. Its first word may say that nobody measured the step time: see
    profiles.md."""

    @model_validator(mode="before")
    @classmethod
    def _one_core_or_a_whole_gpu(cls, row: Any) -> Any:
        if not isinstance(row, Mapping):
            return row
        is_cpu = row.get("device") == CPU
        return {"cores": int(is_cpu), "gpu_share": float(not is_cpu), **row}

    @model_validator(mode="after")
    def _memory_is_of_a_gpu(self) -> Self:
        if self.memory_gib is not None and self.device == CPU:
            raise ValueError("memory_gib is what training needs on a GPU: leave it empty in a cpu row")
        if self.memory_gib is not None and self.memory_gib > MOST_MEMORY_GIB:
            raise ValueError(f"memory_gib: {in_mib(self.memory_gib)}")
        return self

    @model_validator(mode="after")
    def _cores_or_a_gpu(self) -> Self:
        if self.device != CPU and self.device.casefold() == CPU:
            raise ValueError(f"the device {self.device!r} is written {CPU!r}")
        if (self.device == CPU) != (self.cores > 0) or (self.device == CPU) != (self.gpu_share == 0):
            raise ValueError("a cpu row has cores and gpu_share 0, a GPU row has cores 0 and a gpu_share")
        if self.gpu_share > 1 and not self.gpu_share.is_integer():
            raise ValueError(f"a gpu_share above 1 is a number of whole GPUs, got {self.gpu_share:g}")
        if self.sharing is not None and self.device != CPU:
            raise ValueError("sharing is for cpu rows; what a shared GPU loses is in the step times of its shares")
        return self

    @property
    def kind(self) -> TrialKind:
        return TrialKind(self.model, self.dataset, self.batch_size)

    @property
    def worker_type(self) -> WorkerType:
        return WorkerType(self.device, self.cores, self.gpu_share)


def in_mib(gib: float) -> str:
    """The memory of a GPU, in words."""
    return f"{gib:g} GiB is more than a GPU has: divide MiB by 1024"


class Costs(Struct, frozen=True):
    """The costs of a segment beside its iterations, and their variation. See `ProfileRow`."""

    evaluation_s_per_image: float
    start_up_s: float
    restore_s: float
    checkpoint_s: float
    noise_cv: float
    evaluation_cv: float = 0.0
    start_up_cv: float = 0.0
    restore_cv: float = 0.0
    checkpoint_cv: float = 0.0
    state_growth: float = 0.0
    checkpoint_bytes: float = 0.0
    object_store_save_s: float = 0.0
    object_store_restore_s: float = 0.0
    sharing: float = 1.0


def grown(state_growth: float, iterations: int) -> float:
    """The factor by which evaluation, restore and checkpoint take longer after the trial's
    iterations."""
    return 1 + state_growth * iterations


NOTHING = Costs(0.0, 0.0, 0.0, 0.0, 0.0)
"""The costs if only training takes time."""


Network = tuple[str, str]
"""A model and a data set."""


def _by_cores(of: ProfileRow | WorkerType) -> float:
    """In what the step time of a CPU worker is linear: 1 / cores. 0 for a GPU."""
    return 1 / of.cores if of.device == CPU else 0.0


class StepTimes:
    """Seconds per iteration and costs by kind of trial and type of worker.

    The seconds of an iteration are linear in the batch size between measured batch sizes. They are
    linear in 1 / cores between measured core counts (Amdahl's law). Outside the measured range they
    are unknown, unless `extrapolate` allows a line through the nearest two measurements.

    Results are kept. A profile with twice the rows takes twice the time, however many kinds are
    looked up.
    """

    def __init__(self, rows: Iterable[ProfileRow] = (), *, extrapolate: bool = False) -> None:
        self.rows = list(rows)
        self.extrapolate = extrapolate
        self._groups: dict[tuple[str, str, str, float], list[ProfileRow]] = defaultdict(list)
        self._of_model: dict[str, list[ProfileRow]] = defaultdict(list)
        for row in self.rows:
            self._groups[row.model, row.dataset, row.device, row.gpu_share].append(row)
            self._of_model[row.model].append(row)
        self._by_batch: dict[tuple[Network, WorkerType, str], Curve] = {}
        self._behind: dict[tuple[Network, WorkerType, str], tuple[dict[float, list[ProfileRow]], Curve]] = {}
        self._medians: dict[tuple[str, str], float | None] = {}
        self._where: dict[tuple[str, str], frozenset[tuple[str, WorkerType]]] = {}
        self._seconds: dict[tuple[TrialKind, WorkerType], float | None] = {}
        self._costs: dict[tuple[TrialKind, WorkerType], Costs] = {}

    def without(self, costs: Collection[str]) -> "StepTimes":
        """The same times with these costs (fields of `Costs`) as in `NOTHING`."""
        return _WithoutCosts(self, costs)

    def seconds_per_iteration(self, kind: TrialKind, worker: WorkerType) -> float | None:
        """Seconds per iteration. None: the profile does not say, or the GPU's memory is too small.

        On a paced worker they are the profile's figure times the pace.
        """
        key = (kind, worker)
        if key not in self._seconds:
            seconds = self._lookup(kind, worker, "seconds_per_iteration") if self.fits(kind, worker) else None
            paced = seconds is not None and worker.pace is not None
            self._seconds[key] = seconds * worker.pace if paced else seconds  # type: ignore[operator]
        return self._seconds[key]

    def fits(self, kind: TrialKind, worker: WorkerType) -> bool:
        """Whether the memory of the worker's GPU is enough.

        The scenario says what memory the GPU has, the profile what the kind needs there
        (`memory_gib`). If one of them does not say it, the kind fits. If the profile does not say
        it for a part of a GPU, the need on a whole GPU counts.
        """
        if worker.memory_gib is None:
            return True
        needed_gib = self._lookup(kind, worker, "memory_gib")
        if needed_gib is None and worker.gpu_share < 1:
            needed_gib = self._lookup(kind, worker._replace(gpu_share=1.0), "memory_gib")
        return needed_gib is None or needed_gib <= worker.memory_gib

    def costs(self, kind: TrialKind, worker: WorkerType) -> Costs:
        """The costs of a segment.

        A cost that was not measured on this type of worker is estimated:

        - evaluation: a third of the iteration's time per image. A forward pass is about a third of
          forward plus backward (Hobbhahn and Sevilla 2021, "What's the backward-forward FLOP
          ratio").
        - sharing: the median of the measurements for this model on other CPU workers. There is none
          for GPUs: the step times for a share were measured on a shared GPU.
        - the object store's: the costs of storage, if they were not measured for this model
          anywhere.
        - the growth of the state: 0. Times that were measured without it are those of trials of the
          measured length.
        - all others: the median of the measurements for this model elsewhere. 0 if there are none.
        """
        key = (kind, worker)
        if key not in self._costs:
            self._costs[key] = self._all_costs(kind, worker)
        return self._costs[key]

    def knows(self, kind: TrialKind, worker: WorkerType, column: str) -> bool:
        """Whether the column was measured for the kind on this type of worker, or lies between
        measurements."""
        return self._lookup(kind, worker, column) is not None

    def where_measured(self, model: str, cost: str) -> frozenset[tuple[str, WorkerType]]:
        """The data sets and types of worker for which the cost (a field of `Costs`) of this model
        was measured. A cost that was not measured is the median over all of them."""
        key = (model, cost)
        if key not in self._where:
            rows = (row for row in self._of_model.get(model, ()) if getattr(row, cost) is not None)
            self._where[key] = frozenset((row.dataset, row.worker_type) for row in rows)
        return self._where[key]

    def rows_behind(self, kind: TrialKind, worker: WorkerType, name: str = "seconds_per_iteration") -> list[ProfileRow]:
        """The rows from which a column (the step time) of this kind on this type of worker is
        known: the row that was measured there, or the neighbours between which the value lies.
        Empty: the value is unknown."""
        network = (kind.model, kind.dataset)
        key = (network, worker, name)
        if key not in self._behind:
            self._behind[key] = self._rows_by_batch(network, worker, name)
        known, batches = self._behind[key]
        near = batches.near(kind.batch_size, self.extrapolate)
        return [row for place in near for row in known[batches.xs[place]]]

    def _rows_by_batch(
        self, network: Network, worker: WorkerType, name: str
    ) -> tuple[dict[float, list[ProfileRow]], Curve]:
        """The rows from which a column is known on this type of worker, by batch size, and a curve
        through these batch sizes."""
        by_batch: dict[int, dict[float, ProfileRow]] = defaultdict(dict)
        for row in self._groups.get((*network, worker.device, worker.gpu_share), ()):
            if getattr(row, name) is not None:
                by_batch[row.batch_size][_by_cores(row)] = row
        known: dict[float, list[ProfileRow]] = {}
        for batch, rows in by_batch.items():
            curve = Curve.through({x: getattr(row, name) for x, row in rows.items()})
            if curve.at(_by_cores(worker), self.extrapolate) is not None:
                known[batch] = [rows[curve.xs[place]] for place in curve.near(_by_cores(worker), self.extrapolate)]
        return known, Curve.through(dict.fromkeys(known, 0.0))

    def _all_costs(self, kind: TrialKind, worker: WorkerType) -> Costs:
        seconds = self.seconds_per_iteration(kind, worker)
        evaluation = self._lookup(kind, worker, "evaluation_s_per_image")
        if evaluation is None:
            evaluation = 0.0 if seconds is None else seconds / kind.batch_size / 3
        others = {
            name: self._cost(kind, worker, name)
            for name in Costs.__struct_fields__
            if name not in ("evaluation_s_per_image", "sharing", "state_growth")
        }
        others["state_growth"] = self._lookup(kind, worker, "state_growth") or 0.0
        sharing = self._cost(kind, worker, "sharing") if worker.device == CPU else 0.0
        for place, storage in (("object_store_save_s", "checkpoint_s"), ("object_store_restore_s", "restore_s")):
            if self._median(kind.model, place) is None:
                others[place] = others[storage]
        return Costs(evaluation_s_per_image=evaluation, sharing=max(1.0, sharing), **others)

    def _cost(self, kind: TrialKind, worker: WorkerType, name: str) -> float:
        here = self._lookup(kind, worker, name)
        return here if here is not None else self._median(kind.model, name) or 0.0

    def _median(self, model: str, name: str) -> float | None:
        """The median of a column over all rows of the model. None: it was never measured."""
        key = (model, name)
        if key not in self._medians:
            measured = [v for row in self._of_model.get(model, ()) if (v := getattr(row, name)) is not None]
            self._medians[key] = median(measured) if measured else None
        return self._medians[key]

    def _lookup(self, kind: TrialKind, worker: WorkerType, name: str) -> float | None:
        """A column for this kind on this type of worker. None: the profile does not say."""
        network = (kind.model, kind.dataset)
        key = (network, worker, name)
        if key not in self._by_batch:
            self._by_batch[key] = self._curve(network, worker, name)
        return self._by_batch[key].at(kind.batch_size, self.extrapolate)

    def _curve(self, network: Network, worker: WorkerType, name: str) -> Curve:
        """A column by batch size, on this type of worker."""
        by_batch: dict[int, dict[float, float]] = defaultdict(dict)
        for row in self._groups.get((*network, worker.device, worker.gpu_share), ()):
            found = getattr(row, name)
            if found is not None:
                by_batch[row.batch_size][_by_cores(row)] = found
        x = _by_cores(worker)
        at_cores = {batch: Curve.through(points).at(x, self.extrapolate) for batch, points in by_batch.items()}
        return Curve.through({batch: value for batch, value in at_cores.items() if value is not None})


class _WithoutCosts(StepTimes):
    """Step times that leave some costs out."""

    def __init__(self, times: StepTimes, left_out: Collection[str]) -> None:
        super().__init__(times.rows, extrapolate=times.extrapolate)
        self._left_out = {name: getattr(NOTHING, name) for name in left_out}

    def _all_costs(self, kind: TrialKind, worker: WorkerType) -> Costs:
        return msgspec.structs.replace(super()._all_costs(kind, worker), **self._left_out)
