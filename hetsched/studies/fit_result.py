"""What learning models are fitted to, and what comes of it: how far each is off on recordings that it was not fitted
to."""

from collections.abc import Mapping
from math import sqrt
from pathlib import Path
from typing import Any

from msgspec import Struct

from hetsched.domain.metric import DEFAULT, Mode

MEAN_CURVE = "mean curve"
"""The predictor that knows nothing of hyperparameters: what a model must beat."""


class FitOrder(Struct, frozen=True):
    """What is fitted: the recordings of `network` in the `files` (None: all, of one network), and their metric.

    No files: those that come with hetsched. Recordings are dealt to so many `folds`; each fold is held out once.
    `constants` names those that are fitted, of the models that have them (none: all); the others stay at their
    defaults. `chance` is the score before the first line, where a file lacks the untrained network.
    """

    files: tuple[Path, ...] = ()
    network: str | None = None
    metric: str = DEFAULT.name
    mode: Mode = DEFAULT.mode
    folds: int = 5
    seed: int = 0
    constants: tuple[str, ...] = ()
    chance: float | None = None


class Errors(Struct, frozen=True):
    """How a model does on some recordings.

    The mean absolute error is over all evaluations except those of untrained trials. `spearman` is the rank correlation
    of final scores. It is None for fewer than three recordings, and where the model predicts the same for all.
    """

    recordings: int
    mean_absolute_error: float
    spearman: float | None


class Judged(Struct, frozen=True):
    """A model and its errors on recordings while they were held out: on all, and on those of each file.

    `learning` is what a scenario's `[learning]` says to have it, fitted to all recordings; None if it cannot say it.
    """

    name: str
    constants: int
    held_out: Errors
    by_file: Mapping[str, Errors]
    learning: Mapping[str, Any] | None


class Noise(Struct, frozen=True):
    """Standard deviations of a score about what would be measured on endless images and over endless seeds.

    `by_images` is that of a share of right answers among so many images (binomial), None where the number of images is
    not known. `between_seeds` is that of recordings of one configuration, which has both; None without such.
    `by_seed` is what remains of it without the images' part.
    """

    by_images: float | None
    between_seeds: float | None
    repeated: int

    @property
    def by_seed(self) -> float | None:
        if self.between_seeds is None:
            return None
        return sqrt(max(0.0, self.between_seeds**2 - (self.by_images or 0.0) ** 2))


class Fitted(Struct, frozen=True):
    """The models, the best one on held-out recordings first. `left_out` says of others why they were not fitted."""

    network: str
    metric: str
    files: Mapping[str, int]
    """The number of recordings by file."""
    folds: int
    judged: tuple[Judged, ...]
    left_out: Mapping[str, str]
    noise: Noise

    @property
    def best(self) -> Judged | None:
        """The best model that a scenario can have, None if none of them beats the mean curve."""
        mean = next((each for each in self.judged if each.name == MEAN_CURVE), None)
        for each in self.judged:
            if each.learning is not None:
                beaten = mean is None or each.held_out.mean_absolute_error < mean.held_out.mean_absolute_error
                return each if beaten else None
        return None
