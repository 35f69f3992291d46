"""Plays a board forward by a rule, and finds the rule by which the run would end soonest."""

from heapq import heapify, heappop, heappush
from math import inf
from typing import NamedTuple

from hetsched.scheduling.planning.board import Board, Running
from hetsched.scheduling.planning.earliest_end import earliest_end
from hetsched.scheduling.planning.placement import choose, soonest
from hetsched.scheduling.planning.planned_end import renew
from hetsched.scheduling.planning.rule import Rule, changes

TOGETHER = 1e-9
"""Segments whose ends differ by at most this many seconds end together."""

BETTER = 1e-4
"""A rule is better than another if its run ends sooner by at least this share of the run."""

WORTH_CUTTING = 5e-3
"""Segments are cut if the run then ends sooner by at least this share of the run."""

CLOSE = 0.25
"""An end is as good as the planned one if it is later by at most this share of the shortest
segment."""


def follow(board: Board, rule: Rule) -> None:
    """From now on the board decides by this rule."""
    board.rule = rule
    renew(board)


def fill(board: Board) -> list[Running]:
    """Start what the rule starts at this moment."""
    if board.now >= board.renew_at:
        renew(board)
    started = []
    for worker_type, idle in enumerate(board.idle):
        while idle and board.waiting:
            start = choose(board, worker_type)
            if start is None:
                break
            started.append(board.start(start))
    if not board.running and board.waiting and (only := soonest(board)):
        started.append(board.start(only))
    return started


def play(board: Board, rule: Rule, limit: float = inf) -> float:
    """Play the board to its end by the rule. Returns the end in seconds since the start of the run.
    Infinity: the run would end after `limit`, or never."""
    follow(board, rule)
    return play_on(board, limit)


def play_on(board: Board, limit: float = inf) -> float:
    """Play the board to its end by its present rule and its present planned end. A run is given up
    once its planned end is after `limit`."""
    coming = list(board.running.values())
    heapify(coming)
    for started in fill(board):
        heappush(coming, started)
    while coming:
        running = heappop(coming)
        board.now = now = running.end
        if now > limit or board.end > limit:
            return inf
        board.finish(running, board.left[running.trial] - running.iterations)
        while coming and coming[0].end <= now + TOGETHER:
            running = heappop(coming)
            board.finish(running, board.left[running.trial] - running.iterations)
        if board.waiting:
            for started in fill(board):
                heappush(coming, started)
    return board.now


class Found(NamedTuple):
    """The rule by which the run ends soonest, and the end in seconds since the start of the run.
    `unbeatable`: no run could end clearly sooner."""

    rule: Rule
    end: float
    unbeatable: bool


def best_rule(board: Board, rule: Rule, patience: float) -> Found:
    """The rule, of the rules that are tried, by which the run ends soonest.

    The search begins with `rule`. One option after another gets its best value. Once the end is as
    good as the planned one, only rules that cut segments are tried. A rule is not played if no run
    could end early enough for the rule to be better, or if it decides like a rule that was played.
    """
    played: dict[Rule, float] = {}
    mattered: dict[Rule, set[str]] = {}

    def end_by(other: Rule, limit: float = inf) -> float:
        if other in played:
            return played[other]
        like = next((known for known, of_known in mattered.items() if other.decides_like(known, of_known)), None)
        if like is None:
            forecast = board.copy()
            played[other], mattered[other] = play(forecast, other, limit), forecast.mattered
        return played[like or other]

    best, least, end = rule, earliest_end(board), end_by(rule)
    follow(board, rule._replace(patience=inf))
    enough = board.end + CLOSE * min((kind.best * kind.interval for kind in board.kinds), default=0.0)
    for values in changes(patience, scarce=board.scarce, several=not board.rates):
        if end <= enough and "patience" not in values[0]:
            continue
        for other in [best._replace(**change) for change in values]:
            better = end * (1 - (WORTH_CUTTING if other.patience < best.patience else BETTER))
            if least < better and (found := end_by(other, end)) < better:
                best, end = other, found
    return Found(best, end, least >= end * (1 - BETTER))
