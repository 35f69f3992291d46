"""The rule: which ready trial an idle worker takes, and how many iterations of it.

The slack of a trial is the time until the planned end less the seconds of the trial's iterations at
the planned pace. A worker is slow for a trial if a whole segment there is slower than this pace.
"""

from bisect import bisect_left
from math import inf

from msgspec import Struct

from hetsched.scheduling.planning.board import Board, Start
from hetsched.scheduling.planning.kinds import Kind
from hetsched.scheduling.planning.scarcity import (
    held_back,
    starts_too_soon,
    starves_the_fast,
    until_an_exchange,
)

MARGIN = 2.0
"""The least advanced trial waits for the most advanced one while its slack is at least this many
whole segments."""

BEHIND = 0.5
"""If its experiment has a leader, it also waits only while its iterations take at most this share of
the time until the planned end, on its fastest worker."""


class Option(Struct, frozen=True, gc=False, order=True):
    """A trial that a worker could take. Options sort by slack, the least first."""

    slack: float
    trial: int
    iterations: int


def choose(board: Board, worker_type: int) -> Start | None:
    """What the next idle worker of the type starts. None: it should stay idle.

    The worker takes the trial of least slack. It takes the trial in its memory instead if the
    restore that this saves is worth the difference in slack. A gang that lacks workers of the type
    reserves the idle ones.
    """
    idle, loss, first = board.idle[worker_type], board.rule.loss, None
    worker = idle[0]
    for number, ready in enumerate(board.ready):
        if ready and board.kinds[number].loss[worker_type] < loss:
            option = _option(board, board.kinds[number], ready, worker)
            if option is not None and (first is None or _goes_before(board, option, first, worker_type)):
                first = option
    if first is None:
        return None
    trial = first.trial
    gang = board.kinds[board.kind_of[trial]].gang
    if gang > 1:
        return Start(trial, tuple(idle[:gang]), first.iterations) if len(idle) >= gang else None
    home, held = board.at[trial], board.memory[worker]
    if home >= 0 and home != worker and board.memory[home] == trial and home in idle:
        return Start(trial, (home,), first.iterations)
    if held != trial and held >= 0 and board.at[held] == worker:
        first = _held(board, held, worker, worker_type, first) or first
    return Start(first.trial, (worker,), first.iterations)


def _goes_before(board: Board, option: Option, other: Option, worker_type: int) -> bool:
    """Whether the worker should take the option, not the other one: the least slack, or the least
    share by a rule with `shares`."""
    if board.rule.shares:
        return _share(board, option, worker_type) < _share(board, other, worker_type)
    return option < other


def _share(board: Board, option: Option, worker_type: int) -> tuple[float, Option]:
    """The share of its planned time on the type that the option's kind has had so far."""
    number = board.kind_of[option.trial]
    kind = board.kinds[number]
    planned = kind.planned[worker_type] if kind.planned else 0.0
    return (board.used[number][worker_type] / planned if planned > 0 else inf), option


def soonest(board: Board) -> Start | None:
    """The segment that would end first. It is for a moment at which the rule starts nothing and
    nothing runs."""
    best: tuple[float, Start] | None = None
    for number, ready in enumerate(board.ready):
        kind = board.kinds[number]
        for idle in board.idle if ready else ():
            if len(idle) >= kind.gang and kind.step[idle[0]] < inf:
                trial = ready[0][1]
                iterations = min(kind.interval, board.left[trial])
                team = tuple(idle[: kind.gang])
                seconds = board.seconds(trial, team, iterations)
                if best is None or seconds < best[0]:
                    best = seconds, Start(trial, team, iterations)
    return None if best is None else best[1]


def _held(board: Board, held: int, worker: int, worker_type: int, first: Option) -> Option | None:
    """The trial `held` in the worker's memory. None: the worker should take another one."""
    number = board.kind_of[held]
    kind = board.kinds[number]
    if kind.gang > 1 or not kind.restore[worker] or kind.loss[worker_type] >= board.rule.loss:
        return None
    if not board.is_ready(held):
        return None
    cuts = board.rule.patience <= 1 or board.rule.exchange
    if not cuts and not _is_worth_it(board, kind, worker, held, min(kind.interval, board.left[held]), first):
        return None
    option = _option(board, kind, [(-board.left[held], held)], worker, must_afford=True)
    if option is None or (cuts and not _is_worth_it(board, kind, worker, held, option.iterations, first)):
        return None
    return option


def _is_worth_it(board: Board, kind: Kind, worker: int, held: int, iterations: int, first: Option) -> bool:
    """Whether the restore that the worker saves by the trial it holds is worth the difference in
    slack. The worker is warm, so its segment has neither start-up nor restore."""
    time = board.end - board.now
    worth = kind.restore[worker] / (kind.fixed[worker] + iterations * kind.step[worker])
    return abs(time - board.left[held] * kind.pace - first.slack) <= worth * time


def _option(
    board: Board, kind: Kind, ready: list[tuple[int, int]], worker: int, must_afford: bool = False
) -> Option | None:
    """The trial, of these of the kind, that the worker could run: the least advanced one. A slow
    worker gets a trial that can afford the slow segment, or, unless one `must_afford` it, the most
    advanced one.

    By a deep rule the worker gets the most advanced trial while the least advanced one can wait. Of
    equals it gets the first.
    """
    rule, now, end, pace = board.rule, board.now, board.end, kind.pace
    step, whole, costs = kind.step[worker], kind.interval, kind.fixed[worker]
    if not board.warm[worker]:
        costs += kind.start_up[worker]
    slow, fits = kind.whole[worker] > kind.slow_s, True
    deep = rule.deep and _can_wait(board, kind, ready[0][1])
    place = bisect_left(ready, (ready[-1][0], -1)) if deep else 0
    if slow:
        limit = (end - now - costs - whole * step) / (pace + rule.trust * (kind.best - pace)) + whole
        if not deep:
            place = _affording(board, ready, limit)
        if place == len(ready) or -ready[place][0] > limit:
            if must_afford:
                return None
            fits, place = False, -1
    trial = ready[place][1]
    left = board.left[trial]
    slack = end - now - left * pace
    iterations = left if left < whole else whole
    if rule.patience <= 1:
        iterations = _length(board, kind, worker, iterations, costs, None if fits else slack)
    last = now + costs + iterations * step
    if last > kind.gate or (not fits and last + (left - iterations) * kind.best > kind.gate):
        board.mattered.add("late")
        return None
    if slow and board.scarce and _should_wait(board, kind, worker, trial, slack, last - now):
        return None
    if rule.exchange and not slow and board.scarce:
        iterations = until_an_exchange(board, kind, worker, slack, costs, iterations)
    return Option(slack, trial, iterations)


def _affording(board: Board, ready: list[tuple[int, int]], limit: float) -> int:
    """The place of a trial that can afford a slow segment, because it has at most `limit` iterations
    left. The number of ready trials if none can."""
    place = bisect_left(ready, (-limit, -1))
    if place < len(ready) - 1:
        board.mattered.add("ahead")
        return len(ready) - 1 if board.rule.ahead else place
    return place


def _can_wait(board: Board, kind: Kind, trial: int) -> bool:
    """Whether the trial, the least advanced one, has time to wait for the most advanced one."""
    left, time = board.left[trial], board.end - board.now
    return time - left * kind.pace >= MARGIN * kind.interval * kind.pace and (
        board.experiment_of[trial] not in board.led or left * kind.best <= BEHIND * time
    )


def _length(board: Board, kind: Kind, worker: int, most: int, costs: float, slack: float | None) -> int:
    """Iterations of a segment, at most `most`, that the rule's patience may cut.

    `slack` is given for a trial that cannot afford the worker. Then the segment costs only as much
    slack as the trial can make up for.
    """
    seconds = board.rule.patience * (board.end - board.now)
    if slack is not None:
        lost = 1 - kind.interval * kind.pace / kind.whole[worker]
        seconds = min(seconds, (slack + seconds) / lost)
    return max(min(most, kind.fewest(worker)), min(most, int((seconds - costs) / kind.step[worker])))


def _should_wait(board: Board, kind: Kind, worker: int, trial: int, slack: float, seconds: float) -> bool:
    """Whether a slow worker should start later, or leave the trial to faster workers."""
    rule = board.rule
    return (
        (rule.spread and starts_too_soon(board, worker, seconds))
        or (rule.starve > 0 and _starves(board, kind, worker, trial, seconds))
        or (rule.exchange and held_back(board, kind, worker, slack, seconds))
    )


def _starves(board: Board, kind: Kind, worker: int, trial: int, seconds: float) -> bool:
    """Whether the rule keeps the trial for faster workers."""
    starves = starves_the_fast(board, kind, worker, trial, board.rule.starve * seconds)
    if starves:
        board.mattered.add("starve")
    return starves
