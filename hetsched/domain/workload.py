"""What is to be trained: experiments, their populations of trials, stop rules and search spaces."""

from collections import Counter
from functools import cached_property
from typing import Literal, NamedTuple, NewType

from msgspec import Struct

from hetsched.domain.hyperparameters import Constant, Domain, Hyperparameters
from hetsched.domain.metric import DEFAULT, Metric
from hetsched.domain.random_streams import stream

TrialId = NewType("TrialId", str)
ExperimentId = NewType("ExperimentId", str)


class TrialKind(NamedTuple):
    """What decides, with the worker's type, how long an iteration of a trial takes."""

    model: str
    dataset: str
    batch_size: int

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset}, batch {self.batch_size}"


Bounds = Literal["range", "ray"]
"""What PBT does with a hyperparameter that a factor takes out of its range: `range` takes the nearest value of the
range, `ray` lets it leave the range, as Ray Tune does on its own."""


Iterations = Literal["own", "lineage"]
"""What PBT does with a trial's count of iterations when the trial copies another: `own` keeps the count, `lineage`
takes over the count of the source, and the trial stops by it, as Ray Tune does on its own."""


class PBT(Struct, frozen=True):
    """Settings of Population-Based Training (Jaderberg et al. 2017), with Ray Tune's names and defaults.

    `perturbation_interval` is in iterations. `bounds` and `iterations` are ours: see `Bounds` and `Iterations`.
    `mutate` names the hyperparameters that change (None: all that vary), `explore` a function that is called with what
    was explored: see `hetsched.domain.exploring`.
    """

    perturbation_interval: int = 50
    quantile_fraction: float = 0.25
    resample_probability: float = 0.25
    perturbation_factors: tuple[float, float] = (1.2, 0.8)
    bounds: Bounds = "range"
    mutate: tuple[str, ...] | None = None
    explore: str | None = None
    iterations: Iterations = "own"


class Experiment(Struct, frozen=True, dict=True):
    """A population of trials with its stop rule.

    A trial stops when it has done `stop_iterations` iterations or, evaluated at the end of a segment, has
    reached `stop_score`, a value of the `metric`. `evaluation_images` are evaluated at the end of every segment (0: its
    trials have no scores). `devices` are the device types that its trials may run on (None: any). Batch sizes are dealt
    to the trials in turn. A trial takes `gang` workers of one type at once. Without `pbt` its trials are independent of
    each other; their segments may then be of any length, and are customarily of `checkpoint_interval` iterations
    (None: the whole trial).
    """

    id: ExperimentId
    model: str
    dataset: str
    batch_sizes: tuple[int, ...]
    population: int
    stop_iterations: int
    stop_score: float | None
    pbt: PBT | None
    search_space: dict[str, Domain]
    arrival_s: float = 0.0
    evaluation_images: int = 10_000
    train_images: int | None = None
    devices: tuple[str, ...] | None = None
    gang: int = 1
    checkpoint_interval: int | None = None
    metric: Metric = DEFAULT

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
    def searched(self) -> dict[str, Domain]:
        """The search space less its constants."""
        return {key: domain for key, domain in self.search_space.items() if not domain.is_constant}

    @cached_property
    def mutated(self) -> dict[str, Domain]:
        """The hyperparameters that PBT changes: those that it names, or all that vary."""
        named = None if self.pbt is None else self.pbt.mutate
        return self.searched if named is None else {key: self.searched[key] for key in self.searched if key in named}

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

        A trial's values depend on the seed, the experiment and the trial's number in it. A `Constant` takes no number.
        """
        drawn = [key for key, domain in self.search_space.items() if not isinstance(domain, Constant)]
        draws = stream(seed, "hyperparameters", self.id).random((self.population, len(drawn))).tolist()
        quantiles = [dict(zip(drawn, of_trial, strict=True)) for of_trial in draws]
        return {
            trial: {key: domain.at(us.get(key, 0.0)) for key, domain in self.search_space.items()}
            for trial, us in zip(self.trial_ids(), quantiles, strict=True)
        }


class Workload(Struct, frozen=True):
    """One or more experiments, in order of arrival."""

    experiments: tuple[Experiment, ...]


Place = Literal["storage", "object-store", "both"]


SpeedUp = Literal["bfloat16", "channels-last", "compile"]
"""How an iteration may be made faster, at the price of other rounding: layers compute in bfloat16 where that is safe
(PyTorch's autocast), images lie in memory with their channels last, the network is compiled (torch.compile)."""
