"""Equal numbers that were computed in different ways."""

ROUNDING = 1e-9
"""Numbers that differ by at most this share are taken to be equal. Rounding errors are smaller, and
what somebody measured or chose differs by more."""


def rounded(number: float) -> float:
    """The number to ten significant digits. What is equal but for rounding errors ties.

    >>> 3 * 0.1 == 1 * 0.3, rounded(3 * 0.1) == rounded(1 * 0.3)
    (False, True)
    """
    return float(f"{number:.10g}")
