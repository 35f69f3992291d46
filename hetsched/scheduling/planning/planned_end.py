"""The planned end that the rule keeps to: when the run could end."""

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace

from hetsched.scheduling.planning.board import Board

Turn = tuple[float, float]
"""Of a worker: in how many seconds it is free, and the seconds of each of its whole segments."""

RENEWED = 0.05
"""The planned end is computed again when this share of the time until it has passed."""

EXACT = 5e-3
"""The error of a planned end in whole segments, as a share of the shortest segment."""


def renew(board: Board) -> None:
    """Compute the planned end from what is left, by the prices of the plan.

    If all trials are alike and segments are whole ones, the end is the time in which the fastest
    workers can do the segments that are left. There are as many of these workers as trials.
    """
    use = min(board.active, len(board.rates) - 1)
    if use > 0:
        kind = board.kinds[0]
        kind.pace, kind.price = use / board.rates[use], 1 / board.rates[use]
    length = _by_prices(board)
    if use > 0 and board.rule.patience > 1:
        length = max(length, _in_whole_segments(board, use, length))
    board.end = board.now + length
    board.renew_at = board.now + RENEWED * length


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


def _in_whole_segments(board: Board, use: int, least: float) -> float:
    """Seconds, at least `least`, in which the `use` fastest workers can do the whole segments that
    are left.

    `end` is exact. A bisection rounds it up by at most `EXACT`. Decisions depend on its steps, and
    so do recorded logs.
    """
    kind, left = board.kinds[0], board.left
    interval = kind.interval
    segments = -sum([negative // interval for negative, _ in board.ready[0]])
    segments -= sum([(one.iterations - left[one.trial]) // interval for one in board.running.values()])
    turns = turns_of(board, board.fastest[:use])
    low, high = 0.99 * least, least + max([free_s + seconds for free_s, seconds in turns])
    end, error = end_of_segments(segments, turns, low), EXACT * kind.best * interval
    while high - low > error:
        middle = (low + high) / 2
        if middle < end:
            low = middle
        else:
            high = middle
    return high


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
        done = int((least - free_s) / seconds) if free_s < least else 0
        segments -= done
        coming.append((free_s + (done + 1) * seconds, seconds))
    heapify(coming)
    end = least
    for _ in range(segments):
        end, seconds = coming[0]
        heapreplace(coming, (end + seconds, seconds))
    return end
