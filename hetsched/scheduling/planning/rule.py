"""The options of the rule by which `lookahead` places segments."""

from collections.abc import Collection, Iterator, Mapping
from math import inf
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """The options of the rule (`hetsched.scheduling.planning.placement`).

    - `late`: a segment may end after the planned end by this many times the shortest whole segment.
    - `trust`: the speed at which the rest of a trial must end in time after a segment on a slow
      worker. 0: the planned pace. 1: the speed of the trial's fastest worker. Values in between are
      possible.
    - `patience`: a segment lasts at most this share of the time until the planned end.
    - `ahead`: of the trials that can afford a slow worker, it takes the most advanced one, not the
      least advanced one.
    - `shares`: a worker takes the kind of trial to which its type has given the smallest share of
      the planned time so far, not the kind whose trial has least slack.
    - `loss`: a trial runs on a worker if an iteration there loses less than this share of its
      worth.
    - `deep`: the most advanced trials go first while the least advanced trials have enough time to
      wait.

    If there are at most as many trials as workers, three more apply:

    - `starve`: a slow worker starts nothing if the faster ones would run out of trials within this
      share of its segment.
    - `spread`: slow workers of a type start one after another, so that they give trials back one by
      one.
    - `exchange`: a trial that is behind changes places with one that is ahead on a faster worker.
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

    def decides_like(self, other: "Rule", mattered: Collection[str]) -> bool:
        """Whether this rule would have decided as `other` did.

        `mattered` has the options that made a difference then:

        - `late`: a segment was refused for its end. If none was, none would be by a larger `late`.
        - `starve`: a slow worker started nothing, for the faster ones. If none did, none would by a
          smaller `starve`.
        - `ahead`: a slow worker had several trials to choose from.
        """
        return (
            self == other._replace(late=self.late, starve=self.starve, ahead=self.ahead)
            and (self.late == other.late or (self.late > other.late and "late" not in mattered))
            and (self.starve == other.starve or (self.starve < other.starve and "starve" not in mattered))
            and (self.ahead == other.ahead or "ahead" not in mattered)
        )


Change = Mapping[str, Any]
"""Options of a rule, by name."""


def changes(patience: float, *, scarce: bool, several: bool) -> Iterator[list[Change]]:
    """The changes of a rule that are tried, one option after another.

    `scarce`: there are at most as many trials as workers. `several`: there are several kinds of
    trial.
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
