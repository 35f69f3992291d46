"""Limits of values that are read from a log. msgspec checks them while it decodes a line, and its
message names the field. Values that are made in Python are not checked."""

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
Many = Annotated[int, Meta(ge=1)]
Population = Annotated[int, Meta(ge=1, le=10**6)]
"""A number of trials, at most as many as in a scenario."""

Amount = Annotated[float, Meta(ge=0)]
"""A number of seconds, or another amount."""

Share = Annotated[float, Meta(ge=0, le=1)]
Factor = Annotated[float, Meta(gt=0)]
Name = Annotated[str, Meta(min_length=1)]
