"""The planned end that the rule keeps to: when the run could end."""

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace

from hetsched.scheduling.planning.board import Board

Turn = tuple[float, float]
"""Of a worker: in how many seconds it is free, and the seconds of each of its whole segments."""

RENEWED = 0.15
"""The planned end is computed again when this share of the time until it has passed."""

ROUNDING = 0.25
"""A segment may end after the planned end by this share of the shortest segment."""

SLOW = 1.001
"""A worker is slow if a segment there takes more than this many times as long as at the planned
pace."""

LEEWAY = 2.5e-3
"""A planned end in whole segments is later than the segments' own end by this share of the shortest
segment."""


def renew(board: Board) -> None:
    """Compute the planned end from what is left.

    If all trials are alike and segments are whole ones, the end is the time in which the fastest
    workers can do the segments that are left. There are as many of these workers as trials.
    Otherwise the end follows from the prices of the plan. If there are at most as many trials as
    workers, the later of the two counts.
    """
    use = min(board.active, len(board.rates) - 1)
    if use > 0:
        kind = board.kinds[0]
        kind.pace, kind.price = use / board.rates[use], 1 / board.rates[use]
    whole = use > 0 and board.rule.patience > 1
    length = _in_whole_segments(board, use) if whole else 0.0
    if board.scarce or not whole:
        length = max(length, _by_prices(board))
    board.end = board.now + length
    board.renew_at = board.now + RENEWED * length
    for kind in board.kinds:
        kind.slow_s = SLOW * kind.interval * kind.pace
        kind.gate = board.end + (board.rule.late + ROUNDING) * kind.best * kind.interval


def _by_prices(board: Board) -> float:
    """Seconds that the work left takes by the plan's prices. Of a running segment, the share still
    to come counts."""
    now, kinds, kind_of = board.now, board.kinds, board.kind_of
    length = sum([kind.price * work for kind, work in zip(kinds, board.work, strict=True)])
    for running in board.running.values():
        end = running.end
        if end > now:
            part = (end - now) / (end - running.begun)
            length += kinds[kind_of[running.trial]].price * running.iterations * part
    return length


def _in_whole_segments(board: Board, use: int) -> float:
    """Seconds in which the `use` fastest workers, and those that run, can do the whole segments that
    are left."""
    kind, left = board.kinds[0], board.left
    interval = kind.interval
    segments = -sum([negative // interval for negative, _ in board.ready[0]])
    segments -= sum([(one.iterations - left[one.trial]) // interval for one in board.running.values()])
    turns = turns_of(board, board.fastest[:use])
    return end_of_segments(segments, turns, 0.99 * kind.price * board.work[0]) + LEEWAY * kind.best * interval


def turns_of(board: Board, workers: Iterable[int]) -> list[Turn]:
    """The turns of these workers and of those that run, if all trials are alike."""
    kind, now, running = board.kinds[0], board.now, board.running
    whole, warm, start_up = kind.whole, board.warm, kind.start_up
    turns = [(0.0 if warm[one] else start_up[one], whole[one]) for one in workers if one not in running]
    turns += [(one.end - now if one.end > now else 0.0, whole[worker]) for worker, one in running.items()]
    return turns


def end_of_segments(segments: int, turns: Sequence[Turn], least: float) -> float:
    """The end of the `segments`-th segment. `least` if this is later."""
    coming = []
    for free_s, seconds in turns:
        if free_s < least:
            done = int((least - free_s) / seconds)
            segments -= done
            free_s += done * seconds
        coming.append((free_s + seconds, seconds))
    heapify(coming)
    end = least
    for _ in range(segments):
        end, seconds = coming[0]
        heapreplace(coming, (end + seconds, seconds))
    return end
