"""The plan of a recording: trials of one experiment that are drawn from its search space and train
without PBT."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct

from hetsched.domain.hyperparameters import Hyperparameters
from hetsched.domain.random_streams import stream
from hetsched.domain.recordings import LOSS, OF_TRIAL, cell_of, column_of, rounded
from hetsched.domain.training_class import TrainingSource, training_class
from hetsched.domain.workload import BATCH_SIZE, Experiment, SpeedUp, TrialKind


class Drawn(NamedTuple):
    """A trial to be recorded: its kind, its seed and its hyperparameters."""

    number: int
    kind: TrialKind
    seed: int
    stages: tuple[tuple[int, Hyperparameters], ...]
    """Pairs of iterations and hyperparameters, in order. The hyperparameters hold from that
    iteration on. The first pair begins at 0."""

    def hyperparameters(self, done: int) -> Hyperparameters:
        """The hyperparameters of the iteration that follows `done` iterations."""
        return [values for begin, values in self.stages if begin <= done][-1]


class Evaluated(NamedTuple):
    """What an evaluation found after `iteration` iterations. `loss` is the mean training loss since
    the previous evaluation."""

    iteration: int
    score: float
    loss: float | None


class Recorded(NamedTuple):
    """A finished recording, and the seconds that it took."""

    number: int
    evaluations: Sequence[Evaluated]
    seconds: float


class RecordingPlan(Struct, frozen=True):
    """How an experiment's training is recorded: `recordings` trials of `iterations` iterations,
    with an evaluation every `every` iterations.

    - `repeats`: the first so many trials have one configuration, the middle of the search space,
      under several seeds. They differ only by chance.
    - `changing`: about this share of the other trials changes its hyperparameters once. The new
      values are drawn from the search space for those that PBT may change.
    - `seed`: a trial depends only on `seed` and its number. A later plan may therefore have more
      recordings.
    - `threads`, `jobs`: CPU threads of a recording, and how many recordings are made at once
    """

    experiment: Experiment
    metric: str
    recordings: int
    iterations: int
    every: int
    repeats: int
    changing: float
    seed: int
    device: str = "cpu"
    threads: int = 1
    jobs: int = 1
    data_dir: Path | None = None
    model_file: Path | None = None
    augment: bool = False
    speed_ups: tuple[SpeedUp, ...] = ()
    training: TrainingSource | None = None
    options: Mapping[str, Any] = {}

    def drawn(self, number: int) -> Drawn:
        """The trial with this number."""
        rng = stream(self.seed, "recording", number)
        repeated = number < self.repeats
        quantiles = [0.5 if repeated else float(rng.random()) for _ in self.experiment.search_space]
        values = {
            key: rounded(domain.at(u))
            for (key, domain), u in zip(self.experiment.search_space.items(), quantiles, strict=True)
        }
        kind = self.experiment.kind_with(values, self.experiment.kind(0 if repeated else number))
        stages = [(0, values)]
        if not repeated and rng.random() < self.changing and self.iterations > self.every:
            stages.append((self._change_at(rng), values | self._changed(rng)))
        return Drawn(number, kind, int(rng.integers(2**31)), tuple(stages))

    def _change_at(self, rng: np.random.Generator) -> int:
        """The iteration at which hyperparameters change: an evaluation after the first sixth and
        before the last sixth."""
        evaluations = self.iterations // self.every
        return self.every * int(rng.integers(max(1, evaluations // 6), max(2, evaluations * 5 // 6)))

    def _changed(self, rng: np.random.Generator) -> Hyperparameters:
        """New values of the hyperparameters that PBT may change. The batch size stays, because a
        recording is of one kind of trial."""
        return {
            key: rounded(domain.at(float(rng.random())))
            for key, domain in self.experiment.mutated.items()
            if key != BATCH_SIZE
        }

    @property
    def columns(self) -> list[str]:
        """The columns of the file."""
        of_trial = [column for column in OF_TRIAL if self._says_images or column != "evaluation_images"]
        searched = [column_of(key) for key in self.experiment.search_space if key != BATCH_SIZE]
        return [*of_trial, *searched, self.metric, *([LOSS] if self._says_loss else [])]

    def cells(self, drawn: Drawn, iteration: int) -> dict[str, str]:
        """The cells of a line, without the score. The hyperparameters are those in use since the
        previous line."""
        values = drawn.hyperparameters(max(0, iteration - self.every))
        said = {
            "recording": drawn.number,
            **drawn.kind._asdict(),
            "seed": drawn.seed,
            "iteration": iteration,
            **({"evaluation_images": self.experiment.evaluation_images} if self._says_images else {}),
        }
        searched = {column_of(key): value for key, value in values.items() if key != BATCH_SIZE}
        return {column: str(value) for column, value in said.items()} | {
            column: cell_of(value) for column, value in searched.items()
        }

    def lines(self, recorded: Recorded) -> list[dict[str, str]]:
        """The lines of a recording."""
        drawn = self.drawn(recorded.number)
        lines = []
        for iteration, score, loss in recorded.evaluations:
            said_loss = {LOSS: "" if loss is None else cell_of(loss)} if self._says_loss else {}
            lines.append(self.cells(drawn, iteration) | {self.metric: cell_of(float(score))} | said_loss)
        return lines

    def reports_untrained(self) -> bool:
        """Whether an untrained trial has a score. A trainable of Ray has no result before its first
        iteration, and its class says so by `reports_untrained`. Raises InputError as
        `training_class` does."""
        return self.training is None or bool(getattr(training_class(self.training), "reports_untrained", True))

    @property
    def evaluated_at(self) -> list[int]:
        """The iterations after which a trial is evaluated."""
        return list(range(0, self.iterations + 1, self.every))

    @property
    def _says_images(self) -> bool:
        """Whether the file has a column for evaluation images. A user's own training evaluates one
        image if its scenario does not say how many. Then the column is left out."""
        return self.training is None or self.experiment.evaluation_images > 1

    @property
    def _says_loss(self) -> bool:
        return self.training is None and self.metric != LOSS
