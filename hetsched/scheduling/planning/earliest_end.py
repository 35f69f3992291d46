"""The earliest end: no rule ends the run of a board sooner."""

from hetsched.scheduling.planning.board import Board
from hetsched.scheduling.planning.planned_end import end_of_segments, turns_of


def earliest_end(board: Board) -> float:
    """The seconds since the start of the run before which no rule ends it.

    The later one of two bounds:

    - A trial does its iterations one after another, at best on its fastest worker.
    - If segments are never cut, a worker does whole segments one after another. All workers
      together do the whole segments that are left.
    """
    ready = [board.now + _least_s(board, trials[0][1], -trials[0][0]) for trials in board.ready if trials]
    running = [
        one.end + _least_s(board, one.trial, board.left[one.trial] - one.iterations) for one in board.running.values()
    ]
    return max(board.now, *ready, *running, _end_of_whole_segments(board) if _never_cuts(board) else 0.0)


def _least_s(board: Board, trial: int, iterations: int) -> float:
    """The least seconds that the iterations of the trial take."""
    return iterations * board.kinds[board.kind_of[trial]].quickest


def _never_cuts(board: Board) -> bool:
    """Whether all trials are alike and a segment on any worker would be too short to be worth its
    costs if it were cut."""
    kind = board.kinds[0] if board.rates else None
    return kind is not None and all(kind.fewest(worker) >= kind.interval for worker in board.fastest)


def _end_of_whole_segments(board: Board) -> float:
    kind = board.kinds[0]
    left = [-negative for negative, _ in board.ready[0]]
    left += [board.left[one.trial] - one.iterations for one in board.running.values()]
    turns = turns_of(board, board.fastest)
    segments = sum(iterations // kind.interval for iterations in left)
    least = segments / sum(1 / seconds for _, seconds in turns)
    return board.now + end_of_segments(segments, turns, least)
