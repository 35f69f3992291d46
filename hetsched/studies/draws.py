"""The prediction of a real run: several simulations of it, as one shows what chance made of it only."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from hetsched.core.log import LOG_NAME
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.folder import DRAWS
from hetsched.studies.one_run import RunResult, carry_out, look_up

PREDICTIONS = 10
"""So many simulations predict a real run. They take a second or two, and what chance makes of their mean is a third of
what it makes of one."""

MOST_PREDICTIONS = 1000
"""What chance makes of the mean of so many is a thirtieth of what it makes of one. More of them gain nothing."""

Draws = Sequence[RunResult]
"""The simulations that predict one real run. The first is under the seed of the real run."""


def predict(setup: Setup, strategy: Strategy, seed: int, folder: Path, predictions: int) -> Draws:
    """Simulate the real run under the seed so many times, once with a log in the folder, then with logs beside it.

    All begin with the hyperparameters of the real run. What is random beside them (noise, scores, what PBT does) is
    drawn anew in each.
    """
    first, _ = carry_out("sim", setup, strategy, seed, folder)
    alike = replace(setup, population_seed=seed)
    seeds = sorted(stream(seed, "prediction", number).integers(2**31).item() for number in range(1, predictions))
    return [
        first,
        *(carry_out("sim", alike, strategy, other, _further(folder, seed) / f"seed-{other}")[0] for other in seeds),
    ]


def look_up_draws(setup: Setup, first: RunResult) -> Draws:
    """The simulations that `predict` made, by their logs. Raises InputError for a log that was altered."""
    further = _further(first.log.parent, first.metrics.seed)
    found = [look_up(setup, log)[0] for log in further.glob(f"seed-*/{LOG_NAME}")]
    return [first, *sorted(found, key=lambda run: run.metrics.seed)]


def _further(folder: Path, seed: int) -> Path:
    """Where all simulations of the run but the first have their folders."""
    return folder.with_name(f"{DRAWS}{seed}")
