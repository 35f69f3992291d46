"""A training of a user's own: one class of six methods, in any framework (docs/training.md).

This module imports only Python's own modules, so that a training can import it for its annotations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Resources:
    """What a training may use on its worker.

    `device` is "cpu" or "cuda". The process sees only the GPUs of its worker. `threads` is how many
    CPU threads it is confined to. `gpu_share` is 1 for a whole GPU, less for a share of one, and 0
    on a CPU worker.
    """

    device: str
    threads: int
    gpu_share: float


class Training(Protocol):
    """Trains one trial at a time: the trial that `start` or `load` brought last.

    A worker makes one training and keeps it. The training trains all trials that come to the
    worker, one after another. `hyperparameters` are the values for the search space, nested as its
    tables are. The training decides what an iteration is: an optimiser step, a boosting round, an
    epoch.

    An exception of a method ends the segment. A ValueError, TypeError or KeyError of `__init__`,
    `start` or `change` says that options or hyperparameters are wrong, and ends the run.
    """

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        """`options` are the options in the scenario's `[training]`."""

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        """Begin a trial. No iteration is done yet. Everything random follows from `seed`."""

    def change(self, hyperparameters: dict[str, Any]) -> None:
        """Go on with the present trial under these hyperparameters. Unchanged hyperparameters are
        included."""

    def train(self, iterations: int) -> object:
        """Do this number of iterations."""

    def evaluate(self) -> Mapping[str, float]:
        """The trial's metrics by name, at least one. A value may be nan."""

    def save(self, folder: Path) -> object:
        """Write everything that the trial needs to go on into this empty folder. All files are
        complete at the return."""

    def load(self, folder: Path) -> object:
        """Go on from a folder that `save` wrote, here or on another worker, for this trial or
        another one.

        The folder is at another path than when it was written. It exists only during this call.
        `change` follows.
        """


TrainingClass = Callable[[Mapping[str, Any], Resources], Training]
"""A class or function that makes a training."""

METHODS: dict[str, tuple[str, ...]] = {
    "start": ("hyperparameters", "seed"),
    "change": ("hyperparameters",),
    "train": ("iterations",),
    "evaluate": (),
    "save": ("folder",),
    "load": ("folder",),
}
"""The six methods and their arguments, in this order."""


def metrics_of(reported: Any) -> dict[str, float]:
    """What `evaluate` returned, as floats by name. Raises TypeError, which says what it returned,
    if these are no metrics."""
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
            metrics[name] = nan  # not finite, and so unknown
        except Exception as error:  # such as of a tensor of several elements
            raise TypeError(f"evaluate returned {{{name!r}: {value!r}}}, {expected}: {error}") from error
    return metrics
