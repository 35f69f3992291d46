"""Piecewise linear functions through measured points."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple, Self


class Curve(NamedTuple):
    """Measured points: `ys` at ascending `xs`."""

    xs: list[float]
    ys: list[float]

    @classmethod
    def through(cls, points: Mapping[float, float]) -> Self:
        xs = sorted(points)
        return cls(xs, [points[x] for x in xs])

    def at(self, x: float, extrapolate: bool) -> float | None:
        """The piecewise linear function through the points, at `x`. None: it is not known there."""
        xs, ys = self
        near = self.near(x, extrapolate)
        if len(near) < 2:
            return ys[near.start] if near else None
        (x0, x1), (y0, y1) = xs[near.start : near.stop], ys[near.start : near.stop]
        y = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        return y if x0 < x < x1 or y > 0 else None

    def near(self, x: float, extrapolate: bool) -> range:
        """The places of the points from which the function at `x` is known: one point that was
        measured there, or the two points of a line. Empty: the function is not known there."""
        xs = self.xs
        place = bisect_left(xs, x)
        if place < len(xs) and xs[place] == x:
            return range(place, place + 1)
        if not 0 < place < len(xs):
            if not extrapolate or len(xs) < 2:
                return range(0)
            place = min(max(place, 1), len(xs) - 1)
        return range(place - 1, place + 1)
