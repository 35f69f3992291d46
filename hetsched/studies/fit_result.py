"""What learning models are fitted to, and the result: the errors of each model on recordings that
were held out."""

from collections.abc import Mapping
from math import inf, sqrt
from pathlib import Path
from typing import Any

from msgspec import Struct

from hetsched.domain.metric import DEFAULT, Mode
from hetsched.domain.rounding import level

MEAN_CURVE = "mean curve"
"""The predictor that ignores hyperparameters. A model must beat it."""


class FitOrder(Struct, frozen=True):
    """What is fitted: the recordings of `network` in the `files` (None: all of them, of one
    network), and their metric.

    Without files, those that come with hetsched are used. Recordings are dealt to `folds`. Each
    fold is held out once. `constants` names the constants that are fitted, in models that have them
    (empty: all). The others keep their defaults. `chance` is the score before the first line, for a
    file that lacks the untrained network.
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
    """The errors of a model on some recordings.

    The mean absolute error is over all evaluations except those of untrained trials. `spearman` is
    the rank correlation of final scores. None: there are fewer than three recordings, or the model
    predicts the same for all.
    """

    recordings: int
    mean_absolute_error: float
    spearman: float | None


class Judged(Struct, frozen=True):
    """A model and its errors on recordings while they were held out: on all, and on those of each
    file.

    - `learning`: a scenario's `[learning]` for this model, fitted to all recordings. None: a
      scenario cannot have it.
    - `undecided`: in words, the constants that the recordings do not decide. They are not fitted.
    """

    name: str
    constants: int
    held_out: Errors
    by_file: Mapping[str, Errors]
    learning: Mapping[str, Any] | None
    undecided: tuple[str, ...] = ()


CHANGES = 5
"""Noise by seed changes if it is more than this many times as large in one half of the evaluations
as in the other. Four recordings of an unchanging noise differ so in 2.5% of cases (F test)."""

FEW = 3
"""Fewer repeated recordings do not show whether noise by seed changes."""


class Noise(Struct, frozen=True):
    """Standard deviations of a score around its value on endless images and over endless seeds.

    - `by_images`: by the number of images, for a share of right answers (binomial). None: the
      number is unknown.
    - `between_seeds`: among recordings of one configuration, which differ by seeds and images.
      None: there are none.
    - `repeated`: how many recordings these are. `by_images_of_repeated`: their part by the number
      of images.
    - `by_seed`: what is left of `between_seeds` without this part.
    - `early`, `late`: `between_seeds` of the first and of the later half of the evaluations
    """

    by_images: float | None
    between_seeds: float | None
    repeated: int
    by_images_of_repeated: float | None = None
    early: float | None = None
    late: float | None = None

    @property
    def changes(self) -> bool:
        """Whether the noise by seed changes so much during training that one spread does not fit all
        scores: by more than `CHANGES`."""
        if self.early is None or self.late is None or self.repeated < FEW:
            return False
        return max(self.early, self.late) > CHANGES * min(self.early, self.late)

    @property
    def by_seed(self) -> float | None:
        if self.between_seeds is None:
            return None
        return sqrt(max(0.0, self.between_seeds**2 - (self.by_images_of_repeated or 0.0) ** 2))


class Fitted(Struct, frozen=True):
    """The models, the best one on held-out recordings first. `left_out` says why others were not
    fitted."""

    network: str
    metric: str
    files: Mapping[str, int]
    """The number of recordings by file."""
    folds: int
    judged: tuple[Judged, ...]
    left_out: Mapping[str, str]
    noise: Noise
    diverged: tuple[str, ...] = ()
    """The recordings with scores far beyond all others, which decide the mean errors."""
    unscored: tuple[str, ...] = ()
    """The recordings without a score after their first line, which are left out."""
    mixed: tuple[str, ...] = ()
    """In words, the hyperparameters that are numbers in some recordings only."""

    @property
    def best(self) -> Judged | None:
        """The best model that a scenario can have. None: none of them beats the mean curve by more
        than rounding."""
        errors = level([each.held_out.mean_absolute_error for each in self.judged])
        mean = next((error for each, error in zip(self.judged, errors, strict=True) if each.name == MEAN_CURVE), inf)
        for each, error in zip(self.judged, errors, strict=True):
            if each.learning is not None:
                return each if error < mean else None
        return None
