"""The options of the rule by which `lookahead` places segments."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """The options of the rule (`hetsched.scheduling.planning.placement`).

    - `late`: a segment may end so many of the shortest whole segments after the planned end
    - `trust`: what a trial has left after a segment on a slow worker must end in time, at the planned pace (0), at the
      speed of its fastest worker (1), or in between
    - `patience`: no segment lasts longer than this part of the time until the planned end
    - `ahead`: of the trials that can afford a slow worker it takes the most advanced one, not the least advanced one
    - `shares`: of the kinds of trial, a worker takes the one that its type has given least of its planned time so far,
      not the one whose trial has least slack
    - `loss`: a trial runs where an iteration loses less than this part of its worth
    - `deep`: the most advanced trials go first, while the least advanced ones have slack enough to wait

    Where trials are no more than workers there are three more:

    - `starve`: a slow worker starts nothing if the faster ones would run out of trials within this part of its segment
    - `spread`: slow workers of a type start one after the other, so that they give trials back one by one
    - `exchange`: a trial that is behind changes places with one that is ahead on a faster worker
    """

    late: float = 0.0
    trust: float = 0.0
    patience: float = inf
    ahead: bool = False
    shares: bool = False
    loss: float = 0.01
    starve: float = 1.0
    spread: bool = False
    exchange: bool = False
    deep: bool = False


Change = Mapping[str, Any]
"""Options of a rule, by name."""


def changes(patience: float, *, scarce: bool, several: bool) -> Iterator[list[Change]]:
    """The changes of a rule that are tried, one option after the other.

    `scarce`: trials are no more than workers. `several`: there are several kinds of trial.
    """
    if several:
        yield [{"shares": shares} for shares in (True, False)]
        yield [{"loss": loss} for loss in (0.01, 0.3)]
    if scarce:
        modes = ((0.0, False), (1.0, False), (0.5, False), (0.0, True))
        yield [{"starve": starve, "spread": spread} for starve, spread in modes]
        yield [{"exchange": exchange} for exchange in (True, False)]
    yield [{"trust": trust} for trust in (0.0, 1.0)]
    yield [{"late": late} for late in (0.0, 1.0, 2.0, 8.0)]
    yield [{"ahead": ahead} for ahead in (True, False)]
    yield [{"patience": part} for part in (inf, patience)]
