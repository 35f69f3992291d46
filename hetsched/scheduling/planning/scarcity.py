"""For at most as many trials as workers: slow workers must not keep the trials that faster ones
need."""

from math import ceil, inf

from hetsched.scheduling.planning.board import Board
from hetsched.scheduling.planning.kinds import Kind

FASTER = 0.99
"""A worker is faster than another if its iterations take less than this share of the other's
seconds."""

BEHIND = 0.05
"""A trial is behind another if its slack is less by this share of the time until the planned
end."""

SOON = 0.25
"""A faster worker is free soon if it is free within this share of a segment on the slow worker."""


def starves_the_fast(board: Board, kind: Kind, worker: int, trial: int, seconds: float) -> bool:
    """Whether taking the trial would leave faster workers without trials. That is so if they run
    out of trials within `seconds` and before a slow worker gives a trial back."""
    steps, now, left = kind.step, board.now, board.left
    step = FASTER * steps[worker]
    plenty = 1.001 * seconds * len(board.running)  # for any number of faster workers
    back, work, fast = inf, 0.0, []
    for first, running in board.running.items():
        if steps[first] < step:
            fast.append(first)
            own = board.kinds[board.kind_of[running.trial]]
            work += running.end - now + (left[running.trial] - running.iterations) * own.per_iteration[first]
            if work > plenty:
                return False
        elif running.end < back:
            back = running.end
    if not fast:
        return False
    for own, ready in zip(board.kinds, board.ready, strict=True):
        if ready and own.step[fast[-1]] < inf:
            waiting = sum([left[other] for _, other in ready if other != trial])
            work += waiting * own.per_iteration[fast[-1]]
    return work / len(fast) < min(back - now, seconds)


def starts_too_soon(board: Board, worker: int, seconds: float) -> bool:
    """Whether another worker of the type has just started. Starts are spread over the seconds of a
    segment."""
    number = board.types[worker]
    apart = seconds / max(1, min(board.of_type[number], board.active - 1))
    return board.now - board.last_start.get(number, -inf) < apart


def held_back(board: Board, kind: Kind, worker: int, slack: float, seconds: float) -> bool:
    """Whether the trial should wait for a faster worker that is soon free and whose present trial
    is ahead.

    As many trials are held back as there are such workers: the trials of least slack. `seconds` is
    the length of the segment on the slow worker.
    """
    step, margin = FASTER * kind.step[worker], BEHIND * (board.end - board.now)
    soon = 0
    for running in board.running.values():
        if running.end <= board.now + SOON * seconds and kind.step[running.team[0]] < step:
            pace = board.kinds[board.kind_of[running.trial]].pace
            theirs = board.end - running.end - (board.left[running.trial] - running.iterations) * pace
            soon += theirs - slack > margin
    if not soon:
        return False
    more_behind = 0
    for own, ready in zip(board.kinds, board.ready, strict=True):
        limit = (board.end - board.now - slack) / own.pace
        more_behind += sum(-negative > limit + 1e-9 for negative, _ in ready)
    return more_behind < soon


def until_an_exchange(board: Board, kind: Kind, worker: int, slack: float, costs: float, most: int) -> int:
    """Iterations until a segment on a slower worker ends whose trial should then change places with
    this trial.

    `costs` are the seconds of the segment beside its iterations. `most` is the answer if there is
    no such worker.
    """
    step, now, margin = kind.step[worker], board.now, BEHIND * (board.end - board.now)
    fewest, iterations = kind.fewest(worker), most
    for running in sorted(board.running.values()):
        needed = ceil((running.end - now - costs) / step + 1e-9)
        if needed >= most:
            break
        own, first = board.kinds[board.kind_of[running.trial]], running.team[0]
        faster = step < FASTER * kind.step[first] and own.step[worker] < FASTER * own.step[first]
        if needed >= fewest and faster:
            theirs = board.end - running.end - (board.left[running.trial] - running.iterations) * own.pace
            mine = slack - costs + needed * (kind.pace - step)
            if mine - theirs > margin:
                iterations = needed
    return iterations
