"""A training of a user's own: one class of six methods, in any framework (docs/training.md).

This module imports nothing but Python, so that a training may import it for its annotations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Resources:
    """What a training may use: its place on a worker.

    `device` is "cpu" or "cuda"; the GPUs of a worker are the only ones that it sees. `threads` are CPU threads, to
    which the process is confined. `gpu_share` is 1 for a whole GPU, less for a share of one, 0 on a CPU worker.
    """

    device: str
    threads: int
    gpu_share: float


class Training(Protocol):
    """Trains one trial at a time: the one that `start` or `load` brought last.

    A worker makes one training and keeps it: it trains whichever trials come to the worker, one after the other.
    `hyperparameters` are those of the search space, nested as its tables are. An iteration is what the training says:
    an optimiser step, a boosting round, an epoch. What a method raises ends the segment; a ValueError, TypeError or
    KeyError of `__init__`, `start` or `change` says that options or hyperparameters are wrong, and ends the run.
    """

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        """`options` are those of the scenario's `[training]`."""

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        """Begin a trial: no iteration is done, and all that is random follows from `seed`."""

    def change(self, hyperparameters: dict[str, Any]) -> None:
        """Go on with the trial that is here under these hyperparameters, which are all of them."""

    def train(self, iterations: int) -> object:
        """Do that many iterations."""

    def evaluate(self) -> Mapping[str, float]:
        """The trial's metrics by name: at least one. They may be nan."""

    def save(self, folder: Path) -> object:
        """Write all that the trial needs to go on into this empty folder. It is complete when this returns."""

    def load(self, folder: Path) -> object:
        """Go on from a folder that `save` wrote, here or on another worker, for this trial or another.

        It lies elsewhere than where it was written, and only for as long as this call. `change` follows.
        """


TrainingClass = Callable[[Mapping[str, Any], Resources], Training]
"""What makes a training: the class, or a function that takes its place."""

METHODS: dict[str, tuple[str, ...]] = {
    "start": ("hyperparameters", "seed"),
    "change": ("hyperparameters",),
    "train": ("iterations",),
    "evaluate": (),
    "save": ("folder",),
    "load": ("folder",),
}
"""The six methods, and what each is called with, in this order."""


def metrics_of(reported: Any) -> dict[str, float]:
    """What `evaluate` returned, as floats by name. Raises TypeError, which says what it returned, for what are no
    metrics."""
    expected = "expected names with numbers, such as {'loss': 0.3}"
    if not isinstance(reported, Mapping) or not reported:
        raise TypeError(f"evaluate returned {reported!r}, {expected}")
    metrics = {}
    for name, value in reported.items():
        if not isinstance(name, str) or isinstance(value, str | bytes) or not hasattr(value, "__float__"):
            raise TypeError(f"evaluate returned {{{name!r}: {value!r}}}, {expected}")
        try:
            metrics[name] = float(value)
        except OverflowError:
            metrics[name] = nan  # not finite, and so not known
        except Exception as error:  # such as of a tensor of several elements
            raise TypeError(f"evaluate returned {{{name!r}: {value!r}}}, {expected}: {error}") from error
    return metrics
