"""The base of the lines of published logs. Unused columns are ignored, and some words count as
empty cells."""

from pydantic import BaseModel, ConfigDict

ABSENT = frozenset({"", "None", "none", "NULL", "null", "NaN", "nan", "NaT", "N/A", "-"})
"""The texts that tools write into empty cells."""


class LogRow(BaseModel):
    """A line of a log."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, protected_namespaces=())
