"""What the provenance of a profile's row says about its step time."""

import re
from collections.abc import Iterable

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


def scaled(behind: Iterable[str], how: str) -> str:
    """The provenance of a step time that was computed from rows of these provenances. `how` says the
    way in a few words. The first row whose step time nobody measured gives its own word as well.

    >>> scaled(["measured"], "by 2"), scaled(["measured", "declared: a guess"], "by 2")
    ('scaled by 2', 'declared and scaled by 2')
    """
    words = [found[1].lower() for provenance in behind if (found := _BEGINS.match(provenance.strip()))]
    return " and ".join(dict.fromkeys([*words[:1], "scaled"])) + f" {how}"
