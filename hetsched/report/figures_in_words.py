"""Seconds, percentages and intervals as tables show them."""

from math import floor, log10

from hetsched.analysis.intervals import Spread


def interval(makespan: Spread) -> str:
    """The 95% interval of a mean makespan in seconds, or in words why there is none."""
    if makespan.ci95 is None:
        return "one seed" if len(makespan.per_seed) == 1 else "all alike"
    return between(*makespan.ci95)


def between(low: float, high: float) -> str:
    """The interval from `low` to `high`, with enough decimals that the two ends differ. At most 9
    decimals.

    >>> between(5092.4, 5101.7), between(97.01, 97.08)
    ('5,092 .. 5,102', '97.0 .. 97.1')
    """
    decimals = _decimals((low + high) / 2)
    while decimals < 9 and f"{low:.{decimals}f}" == f"{high:.{decimals}f}":
        decimals += 1
    return f"{low:,.{decimals}f} .. {high:,.{decimals}f}"


def seconds(figure: float | None, least: int = 0) -> str:
    """Seconds with at least `least` decimals, and with three significant digits below 10 s. None is
    an empty text.

    >>> seconds(5092.4), seconds(31.25, least=1), seconds(3.1234), seconds(0.0312)
    ('5,092', '31.2', '3.12', '0.0312')
    """
    return "" if figure is None else f"{figure:,.{max(least, _decimals(figure))}f}"


def percent(figure: float, decimals: int = 1, signed: bool = True) -> str:
    """A figure that is in percent, with its sign unless it rounds to zero.

    >>> percent(12.34), percent(-0.04), percent(-2.0), percent(78.49, 0, signed=False)
    ('+12.3%', '0.0%', '-2.0%', '78%')
    """
    return rounded(figure, decimals, signed) + "%"


def rounded(figure: float, decimals: int, signed: bool = True) -> str:
    """A figure with its sign unless it rounds to zero.

    >>> rounded(-0.04, 1), rounded(2.0, 1), rounded(0.0214, 3), rounded(-0.4, 0, signed=False)
    ('0.0', '+2.0', '+0.021', '0')
    """
    text = f"{figure:{'+' if signed else ''}.{decimals}f}"
    return text if text.strip("+-0.") else text.lstrip("+-")


def share(part: float) -> str:
    """A fraction of a whole as a percentage without decimals.

    >>> share(0.785), share(-0.001), share(1.0)
    ('78%', '0%', '100%')
    """
    return percent(100 * part, 0, signed=False)


def _decimals(seconds: float) -> int:
    return 0 if seconds >= 10 or seconds <= 0 else 2 - floor(log10(seconds))
