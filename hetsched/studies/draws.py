"""The prediction of a real run: several simulations of it, because one simulation shows only one
outcome of chance."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from msgspec.structs import replace

from hetsched.core.log import LOG_NAME
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.folder import DRAWS
from hetsched.studies.one_run import RunResult, carry_out, look_up

PREDICTIONS = 10
"""How many simulations predict a real run. They take one or two seconds. Chance moves their mean a
third as much as it moves one simulation."""

MOST_PREDICTIONS = 1000
"""What chance makes of the mean of so many is a thirtieth of what it makes of one. More of them
gain nothing."""

SEEDS = 2**31
"""The further simulations are under seeds below this number."""

Draws = Sequence[RunResult]
"""The simulations that predict one real run. The first is under the seed of the real run."""


def predict(setup: Setup, strategy: Strategy, seed: int, folder: Path, predictions: int) -> Draws:
    """Simulate the real run `predictions` times: once under its own seed with a log in the folder,
    then under other seeds with logs beside the folder.

    Every simulation begins with the hyperparameters of the real run. Everything else that is random
    (noise, scores, what PBT does) is drawn anew in each simulation.
    """
    first, _ = carry_out("sim", setup, strategy, seed, folder)
    alike = replace(setup, population_seed=seed)
    return [
        first,
        *(
            carry_out("sim", alike, strategy, other, _further(folder, seed) / f"seed-{other}")[0]
            for other in sorted(_further_seeds(seed, predictions))
        ),
    ]


def _further_seeds(seed: int, predictions: int) -> set[int]:
    """Different seeds, none of which is `seed`."""
    drawn: set[int] = set()
    numbers = count(1)
    while len(drawn) < predictions - 1:
        drawn.add(stream(seed, "prediction", next(numbers)).integers(SEEDS).item())
        drawn.discard(seed)
    return drawn


def look_up_draws(setup: Setup, first: RunResult) -> Draws:
    """The simulations that `predict` made, read from their logs. Raises InputError for a log that
    was altered."""
    further = _further(first.log.parent, first.metrics.seed)
    found = [look_up(setup, log)[0] for log in further.glob(f"seed-*/{LOG_NAME}")]
    return [first, *sorted(found, key=lambda run: run.metrics.seed)]


def _further(folder: Path, seed: int) -> Path:
    """The folder in which all simulations of the run except the first have their folders."""
    return folder.with_name(f"{DRAWS}{seed}")
