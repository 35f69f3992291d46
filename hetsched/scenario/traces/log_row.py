"""What the lines of published logs have in common: unused columns are ignored, and empty cells have names."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ABSENT = frozenset({"", "None", "none", "NULL", "null", "NaN", "nan", "NaT", "N/A", "-"})
"""Cells that say nothing, as tools write them."""

Number = Annotated[float | None, Field(default=None)]
"""A number that may be left out. What it means if it is 0 or less, the reader of the format knows."""


class LogRow(BaseModel):
    """A line of a log."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, protected_namespaces=())
