"""What is to be trained: experiments, their populations of trials, stop rules and search spaces."""

from collections import Counter
from functools import cached_property
from typing import Literal, NamedTuple, NewType

from msgspec import Struct

from hetsched.domain.random_streams import stream

TrialId = NewType("TrialId", str)
ExperimentId = NewType("ExperimentId", str)
Hyperparameters = dict[str, float]


class TrialKind(NamedTuple):
    """What decides, with the worker's type, how long an iteration of a trial takes."""

    model: str
    dataset: str
    batch_size: int

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset}, batch {self.batch_size}"


class Range(Struct, frozen=True):
    """A hyperparameter's values: from `low` to `high`, uniform on a linear or a logarithmic scale."""

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"

    def at(self, u: float) -> float:
        """The value at the quantile `u` in 0..1."""
        if self.scale == "log":
            return float(self.low * (self.high / self.low) ** u)
        return self.low + (self.high - self.low) * u

    def nearest(self, value: float) -> float:
        """The value of the range that is nearest to `value`."""
        return min(max(value, self.low), self.high)

    @property
    def is_constant(self) -> bool:
        """Whether the range is a single value, so that there is nothing to search."""
        return self.low == self.high


Bounds = Literal["range", "ray"]
"""What PBT does with a hyperparameter that a factor takes out of its range: `range` takes the nearest value of the
range, `ray` lets it leave the range, as Ray Tune does on its own."""


Iterations = Literal["own", "lineage"]
"""What PBT does with a trial's count of iterations when the trial copies another: `own` keeps the count, `lineage`
takes over the count of the source, and the trial stops by it, as Ray Tune does on its own."""


class PBT(Struct, frozen=True):
    """Settings of Population-Based Training (Jaderberg et al. 2017), with Ray Tune's names and defaults.

    `perturbation_interval` is in iterations. `bounds` and `iterations` are ours: see `Bounds` and `Iterations`.
    """

    perturbation_interval: int = 50
    quantile_fraction: float = 0.25
    resample_probability: float = 0.25
    perturbation_factors: tuple[float, float] = (1.2, 0.8)
    bounds: Bounds = "range"
    iterations: Iterations = "own"


class Experiment(Struct, frozen=True, dict=True):
    """A population of trials with its stop rule.

    A trial stops when it has done `stop_iterations` iterations or, evaluated at the end of a segment, has
    reached `stop_accuracy`. `evaluation_images` are evaluated at the end of every segment (0: nothing is known of its
    trials' accuracy, and they score 0). `devices` are the device
    types that its trials may run on (None: any). Batch sizes are dealt to the trials in turn. A trial takes `gang`
    workers of one type at once. Without `pbt` its trials are independent of each other; their segments may then be of
    any length, and are customarily of `checkpoint_interval` iterations (None: the whole trial).
    """

    id: ExperimentId
    model: str
    dataset: str
    batch_sizes: tuple[int, ...]
    population: int
    stop_iterations: int
    stop_accuracy: float | None
    pbt: PBT | None
    search_space: dict[str, Range]
    arrival_s: float = 0.0
    evaluation_images: int = 10_000
    train_images: int | None = None
    devices: tuple[str, ...] | None = None
    gang: int = 1
    checkpoint_interval: int | None = None

    @cached_property
    def kinds(self) -> dict[TrialKind, int]:
        """The kinds of its trials, and how many trials are of each."""
        counts: Counter[TrialKind] = Counter()
        for number in range(self.population):
            counts[self.kind(number)] += 1
        return counts

    def kind(self, number: int) -> TrialKind:
        """The kind of the trial of that number, from 0."""
        return TrialKind(self.model, self.dataset, self.batch_sizes[number % len(self.batch_sizes)])

    @cached_property
    def searched(self) -> dict[str, Range]:
        """The hyperparameters that PBT explores: the search space less its constants."""
        return {key: span for key, span in self.search_space.items() if not span.is_constant}

    @cached_property
    def counts_lineage(self) -> bool:
        """Whether a trial that copies another takes over the count of iterations of the source."""
        return self.pbt is not None and self.pbt.iterations == "lineage"

    @cached_property
    def interval(self) -> int:
        """The iterations of a customary segment."""
        if self.pbt is not None:
            return self.pbt.perturbation_interval
        return self.checkpoint_interval or self.stop_iterations

    @cached_property
    def longest_segment(self) -> int:
        """The most iterations that a segment may have: under PBT, an interval."""
        return self.interval if self.pbt is not None else self.stop_iterations

    def may_use(self, device: str) -> bool:
        """Whether its trials may run on this type of device."""
        return self.devices is None or device in self.devices

    def trial_ids(self) -> list[TrialId]:
        width = len(str(self.population - 1))
        return [TrialId(f"{self.id}-{number:0{width}}") for number in range(self.population)]

    def initial_hyperparameters(self, seed: int) -> dict[TrialId, Hyperparameters]:
        """The starting population under `seed`: the same for every strategy and on every backend.

        A trial's numbers depend on the seed, the experiment and the trial's number in it.
        """
        draws = stream(seed, "hyperparameters", self.id).random((self.population, len(self.search_space))).tolist()
        spans = self.search_space.items()
        return {
            trial: {key: span.at(u) for (key, span), u in zip(spans, of_trial, strict=True)}
            for trial, of_trial in zip(self.trial_ids(), draws, strict=True)
        }


class Workload(Struct, frozen=True):
    """One or more experiments, in order of arrival."""

    experiments: tuple[Experiment, ...]


Place = Literal["storage", "object-store", "both"]


SpeedUp = Literal["bfloat16", "channels-last", "compile"]
"""How an iteration may be made faster, at the price of other rounding: layers compute in bfloat16 where that is safe
(PyTorch's autocast), images lie in memory with their channels last, the network is compiled (torch.compile)."""
