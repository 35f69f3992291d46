"""What the provenance of a profile's row says about its step time."""

import re

NOT_MEASURED = (
    "assumed",
    "declared",
    "drawn",
    "estimated",
    "extrapolated",
    "interpolated",
    "made up",
    "scaled",
    "supposed",
)
"""The words with which a provenance begins if nobody measured the step time. docs/profiles.md lists
them."""

LONGEST = 60
"""The most characters of a provenance that are shown."""

_BEGINS = re.compile(rf"({'|'.join(NOT_MEASURED)})\b", re.IGNORECASE)
_END = re.compile(r"[:;,(\n]")


def not_measured(provenance: str) -> str | None:
    """How the step time came about, if the provenance begins with a word of `NOT_MEASURED`: the
    text up to the first colon, semicolon, comma or bracket. None: the provenance does not say that
    nobody measured the step time.

    >>> not_measured("declared: the time on a V100 x 900 / 320"), not_measured("Scaled from v100")
    ('declared', 'Scaled from v100')
    >>> not_measured("measured 2026-11-26, scaled") is None
    True
    """
    text = provenance.strip()
    if _BEGINS.match(text) is None:
        return None
    how = _END.split(text, maxsplit=1)[0].strip()
    return how if len(how) <= LONGEST else f"{how[: LONGEST - 1]}…"
