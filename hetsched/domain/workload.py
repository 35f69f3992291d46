"""What is to be trained: experiments, their populations of trials, stop rules and search spaces."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, NewType

from msgspec import Meta, Struct

from hetsched.domain.hyperparameters import Choice, Constant, Domain, Hyperparameters, Integer
from hetsched.domain.limits import Amount, Count, Many, Name, Population, Share
from hetsched.domain.metric import DEFAULT, Metric
from hetsched.domain.random_streams import stream

TrialId = NewType("TrialId", Name)
ExperimentId = NewType("ExperimentId", Name)


BATCH_SIZE = "batch_size"
"""The hyperparameter that decides the kind of a trial, if it is searched."""

MOST_BATCH_SIZES = 64
"""The most batch sizes of a search space: a profile has a row for each."""


class TrialKind(NamedTuple):
    """What decides, together with the worker's type, how long an iteration of a trial takes."""

    model: str
    dataset: str
    batch_size: int

    def __str__(self) -> str:
        return f"{self.model} on {self.dataset}, batch {self.batch_size}"


Bounds = Literal["range", "ray"]
"""What PBT does with a hyperparameter that a factor takes out of its range. `range` takes the
nearest value of the range. `ray` lets the hyperparameter leave the range, as Ray Tune does by
default."""


Iterations = Literal["own", "lineage"]
"""What PBT does with the iterations of a trial that copies another trial. `own` keeps the trial's
count. `lineage` copies the source's count, and the trial stops by this count, as Ray Tune does by
default."""


class PBT(Struct, frozen=True):
    """Settings of Population-Based Training (Jaderberg et al. 2017), with Ray Tune's names and
    defaults.

    `perturbation_interval` is in iterations. `bounds` and `iterations` are hetsched's own (see
    `Bounds` and `Iterations`). `mutate` names the hyperparameters that change (None: all that
    vary). `explore` names a function that gets the explored hyperparameters (see
    `hetsched.domain.exploring`).
    """

    perturbation_interval: Many = 50
    quantile_fraction: Share = 0.25
    resample_probability: Share = 0.25
    perturbation_factors: tuple[float, float] = (1.2, 0.8)
    bounds: Bounds = "range"
    mutate: tuple[str, ...] | None = None
    explore: str | None = None
    iterations: Iterations = "own"


class Experiment(Struct, frozen=True, dict=True):
    """A population of trials with its stop rule.

    - Stop rule: a trial stops after `stop_iterations` iterations. It also stops when an evaluation
      at the end of a segment has reached `stop_score`, a value of the `metric`.
    - `evaluation_images`: how many are evaluated at the end of every segment. 0: trials have no
      scores.
    - `devices`: the device types on which its trials may run. None: any.
    - `batch_sizes`: dealt to the trials in turn. If the search space has `batch_size`, these are
      its possible values, and PBT may give a trial another one.
    - `gang`: how many workers of one type a trial takes at once.
    - `pbt`: None makes its trials independent of each other. Their segments may then have any
      length.
    - `checkpoint_interval`: the usual iterations of a segment without `pbt`. None: the whole trial.
    """

    id: ExperimentId
    model: str
    dataset: str
    batch_sizes: Annotated[tuple[Many, ...], Meta(min_length=1)]
    population: Population
    stop_iterations: Many
    stop_score: float | None
    pbt: PBT | None
    search_space: dict[str, Domain]
    arrival_s: Amount = 0.0
    evaluation_images: Count = 10_000
    train_images: Many | None = None
    devices: tuple[str, ...] | None = None
    gang: Many = 1
    checkpoint_interval: Many | None = None
    metric: Metric = DEFAULT

    @cached_property
    def kinds(self) -> dict[TrialKind, int]:
        """The kinds of its trials, and how many trials are of each.

        If the batch size is searched, the numbers are not known. Then the values are taken to be
        dealt evenly. Some kind may then have no trial at first.
        """
        counts: Counter[TrialKind] = Counter()
        if self.searches_batch_size:
            counts.update(dict.fromkeys((self._of_batch(size) for size in self.batch_sizes), 0))
        values = len(self.batch_sizes)
        if self.searches_batch_size and values > self.population:
            spread = values / self.population
            counts.update(self.kind(int(number * spread)) for number in range(self.population))
        else:
            for number in range(min(values, self.population)):
                counts[self.kind(number)] += len(range(number, self.population, values))
        return counts

    def kind(self, number: int) -> TrialKind:
        """The kind that is dealt to the `number`-th trial, from 0."""
        return self._of_batch(self.batch_sizes[number % len(self.batch_sizes)])

    def kind_with(self, hyperparameters: Mapping[str, Any], dealt: TrialKind) -> TrialKind:
        """The kind of a trial with these hyperparameters: `dealt`, unless the batch size is
        searched."""
        size = hyperparameters.get(BATCH_SIZE) if self.searches_batch_size else None
        return dealt if size is None else self._of_batch(size)

    def _of_batch(self, batch_size: int) -> TrialKind:
        return TrialKind(self.model, self.dataset, batch_size)

    @cached_property
    def searches_batch_size(self) -> bool:
        """Whether the batch size is a hyperparameter of its trials."""
        return BATCH_SIZE in self.search_space

    @cached_property
    def changes_kinds(self) -> bool:
        """Whether PBT may give a trial another batch size. Its iterations then take more or less
        time."""
        return self.pbt is not None and BATCH_SIZE in self.searched

    @cached_property
    def searched(self) -> dict[str, Domain]:
        """The search space without its constants."""
        return {key: domain for key, domain in self.search_space.items() if not domain.is_constant}

    @cached_property
    def mutated(self) -> dict[str, Domain]:
        """The hyperparameters that PBT changes: the hyperparameters in `mutate`, or all that
        vary."""
        named = None if self.pbt is None else self.pbt.mutate
        return self.searched if named is None else {key: self.searched[key] for key in self.searched if key in named}

    @cached_property
    def counts_lineage(self) -> bool:
        """Whether a trial that copies another trial copies the source's count of iterations,
        too."""
        return self.pbt is not None and self.pbt.iterations == "lineage"

    @cached_property
    def interval(self) -> int:
        """The iterations of a usual segment."""
        if self.pbt is not None:
            return self.pbt.perturbation_interval
        return self.checkpoint_interval or self.stop_iterations

    @cached_property
    def longest_segment(self) -> int:
        """The most iterations of a segment. Under PBT that is an interval."""
        return self.interval if self.pbt is not None else self.stop_iterations

    def may_use(self, device: str) -> bool:
        """Whether its trials may run on this type of device."""
        return self.devices is None or device in self.devices

    def trial_ids(self) -> list[TrialId]:
        width = len(str(self.population - 1))
        return [TrialId(f"{self.id}-{number:0{width}}") for number in range(self.population)]

    def initial_hyperparameters(self, seed: int) -> dict[TrialId, Hyperparameters]:
        """The starting population under `seed`: the same for every strategy and on every backend.

        A trial's values depend on the seed, the experiment and the trial's number in the
        experiment. A `Constant` draws no random number.
        """
        drawn = [key for key, domain in self.search_space.items() if not isinstance(domain, Constant)]
        draws = stream(seed, "hyperparameters", self.id).random((self.population, len(drawn))).tolist()
        quantiles = [dict(zip(drawn, of_trial, strict=True)) for of_trial in draws]
        return {
            trial: {key: domain.at(us.get(key, 0.0)) for key, domain in self.search_space.items()}
            for trial, us in zip(self.trial_ids(), quantiles, strict=True)
        }


def batch_sizes_of(domain: Domain) -> tuple[int, ...]:
    """The possible values of a searched batch size. Raises ValueError for other values, and for too
    many."""
    match domain:
        case Integer(low=low, high=high, step=step):
            values: tuple[Any, ...] = tuple(range(low, high + 1, step))
        case Choice(values=values):
            pass
        case Constant(value=value):
            values = (value,)
        case _:
            raise ValueError(f"search_space.{BATCH_SIZE}: expected whole numbers: set integer = true, or list choices")
    for value in values:
        if type(value) is not int or value < 1:
            raise ValueError(f"search_space.{BATCH_SIZE}: expected whole numbers of at least 1, got {value!r}")
    if len(values) > MOST_BATCH_SIZES:
        raise ValueError(
            f"search_space.{BATCH_SIZE}: {len(values)} values, and the profile needs a step time of each: "
            f"give it a step, or list at most {MOST_BATCH_SIZES} choices"
        )
    return values


class Workload(Struct, frozen=True):
    """One or more experiments, in order of arrival."""

    experiments: tuple[Experiment, ...]

    @property
    def arriving(self) -> bool:
        """Whether some trials arrive later than the start of the run."""
        return any(experiment.arrival_s for experiment in self.experiments)


Place = Literal["storage", "object-store", "both"]


SpeedUp = Literal["bfloat16", "channels-last", "compile"]
"""A way to make an iteration faster that also changes how numbers are rounded.

- `bfloat16`: layers compute in bfloat16 where that is safe (PyTorch's autocast)
- `channels-last`: images lie in memory with their channels last
- `compile`: the network is compiled (torch.compile)
"""
