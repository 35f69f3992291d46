"""Which trials get which types of worker, so that the sum of the costs is smallest: a
transportation problem."""

from collections.abc import Iterator, Sequence
from math import inf, isfinite

FINEST = 1e9
"""Costs are counted in whole billionths. Sums of floats round, and a rounded sum may be below
itself: paths would go in circles for ever."""


class Transport:
    """A problem of groups of trials and types of worker, solved by successive shortest paths. A
    trial takes one worker.

    `costs[g][c]` is what a trial of group g costs on type c. Group g has sizes[g] trials, type c
    has capacity[c] workers. `counts[g][c]` is how many trials of g get c.

    Each step gives a worker to trials of one group where this costs least. To make room there,
    others may have to move: a group moves from its type to another one, whose own trials may move
    on, and so on, until a type has a worker left. The steps end when no further trial costs less
    than 0. Of groups with equal costs, the earlier one comes first.

    Ahuja, Magnanti, Orlin, "Network Flows" (1993), section 9.7.
    """

    def __init__(self, costs: Sequence[Sequence[float]], sizes: Sequence[int], capacity: Sequence[int]) -> None:
        self.costs = [[_whole(cost) for cost in row] for row in costs]
        self.left = list(sizes)
        self.room = list(capacity)
        self.types = range(len(capacity))
        self.counts = [[0] * len(capacity) for _ in costs]

    def solve(self) -> list[list[int]]:
        """The counts for which the sum of the costs is smallest."""
        while path := self._cheapest_path():
            self._go(path)
        return self.counts

    def _cheapest_path(self) -> list[tuple[int, int, int]]:
        """Moves (group, from type, to type), the last one first; from type -1, a trial without a
        worker. Empty: no further trial costs less than 0."""
        cost: list[float] = [inf] * len(self.types)
        came = [(-1, -1)] * len(self.types)
        moves = [(self.costs[g][c], g, -1, c) for g, left in enumerate(self.left) if left for c in self.types]
        for change, g, c, d in moves:
            if change < cost[d]:
                cost[d], came[d] = change, (g, c)
        moves = list(self._moves())
        for _ in self.types:
            for change, g, c, d in moves:
                if cost[c] + change < cost[d]:
                    cost[d], came[d] = cost[c] + change, (g, c)
        end, least = -1, 0.0
        for c in self.types:
            if self.room[c] and cost[c] < least:
                end, least = c, cost[c]
        path = []
        while end >= 0:
            g, c = came[end]
            path.append((g, c, end))
            end = c
        return path

    def _moves(self) -> Iterator[tuple[float, int, int, int]]:
        """For each pair of types, the group that moves at least cost: what that costs, the group,
        the types."""
        for c in self.types:
            there = [g for g, row in enumerate(self.counts) if row[c]]
            for d in self.types if there else ():
                if d != c:
                    change, g = min((self.costs[g][d] - self.costs[g][c], g) for g in there)
                    yield change, g, c, d

    def _go(self, path: list[tuple[int, int, int]]) -> None:
        """Move trials along the path, as many as its last type and its groups allow."""
        amount = self.room[path[0][2]]
        for g, c, _ in path:
            amount = min(amount, self.left[g] if c < 0 else self.counts[g][c])
        for g, c, d in path:
            self.counts[g][d] += amount
            if c < 0:
                self.left[g] -= amount
            else:
                self.counts[g][c] -= amount
        self.room[path[0][2]] -= amount


def _whole(cost: float) -> float:
    """The cost in whole billionths, as an integer of any size. Of a cost below 0 at least one
    billionth is left."""
    if not isfinite(cost):
        return cost
    whole = round(cost * FINEST)
    return min(whole, -1) if cost < 0 else whole
