"""Limits of values that are read from a log, or from a file of a study. msgspec checks them while
it decodes, and its message names the field. Values that are made in Python are not checked."""

from typing import Annotated

from msgspec import Meta

from hetsched.argument_types import MOST_SEED
from hetsched.domain.metric import MOST_SCORE

Count = Annotated[int, Meta(ge=0)]
Many = Annotated[int, Meta(ge=1)]
Population = Annotated[int, Meta(ge=1, le=10**6)]
"""A number of trials, at most as many as in a scenario."""

Amount = Annotated[float, Meta(ge=0)]
"""A number of seconds, or another amount."""

Score = Annotated[float, Meta(ge=-MOST_SCORE, le=MOST_SCORE)]
Seconds = Annotated[float, Meta(ge=-1e100, le=1e100)]
"""Seconds of a part of a segment. Rounding may make them a little less than 0. Sums of them do not
overflow."""

Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(gt=0)]
Name = Annotated[str, Meta(min_length=1)]
StrategyName = Annotated[str, Meta(pattern=r"^[^+/]+\+[^+/]+$")]
"""The names of an allocation policy and of a scheduling policy, such as fusion+fifo."""

Seed = Annotated[int, Meta(ge=0, le=MOST_SEED)]
Seeds = Annotated[list[Seed], Meta(min_length=1)]
