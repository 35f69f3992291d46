"""What the lines of published logs have in common: unused columns are ignored, and empty cells have names."""

from pydantic import BaseModel, ConfigDict

ABSENT = frozenset({"", "None", "none", "NULL", "null", "NaN", "nan", "NaT", "N/A", "-"})
"""Cells that say nothing, as tools write them."""


class LogRow(BaseModel):
    """A line of a log."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, protected_namespaces=())
