"""The board of a run. It is made from the view, and follows the run."""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from math import inf
from typing import NamedTuple

from msgspec import Struct

from hetsched.core.decisions import Dispatch
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import Worker, WorkerId, WorkerType
from hetsched.domain.profiles import Costs
from hetsched.domain.workload import Experiment, TrialKind
from hetsched.scheduling.planning.board import Board, Running
from hetsched.scheduling.planning.kinds import Kind
from hetsched.scheduling.planning.pricing import is_uniform, price

SURPRISE = 1.5
"""A segment is a surprise if it takes more than this many times the expected seconds, or less than
the expected seconds divided by this. Then its worker is expected to be slower, or faster."""

MOST = 100.0
"""A worker is expected to be at most this many times slower, or faster, than it was on average."""

ON_TIME = 0.05
"""A segment is on time if it is late by at most this share of its length."""

OVERDUE = 0.5
"""An overdue segment is expected to last longer by this share of the seconds that it has lasted."""

REMEMBERED = 1.0
"""A surprise is remembered for this many times the length of its segment."""


LEADER = 0.75
"""A trial is the leader of its experiment once it has done this share of its iterations, or has
ended."""


class Slowness(NamedTuple):
    """A worker takes `factor` times as long as on average, until a moment in seconds since the
    start of the run."""

    factor: float
    until: float


AS_USUAL = Slowness(1.0, inf)


class Like(Struct, frozen=True, gc=False):
    """What trials share that take equally long everywhere."""

    kind: TrialKind
    interval: int
    evaluation_images: int
    devices: tuple[str, ...] | None
    gang: int


class Mirror:
    """A board with the names of its trials and workers.

    `stops_on_score` says whether the trials of some experiment stop on a score.

    `guesses` says whether some step time is unknown. Until it is known, the worker counts as fast
    as the fastest known worker. If no worker is known, its step time is 1 s.
    """

    def __init__(self, state: StateView, earlier: "Mirror | None" = None) -> None:
        """Takes over from an `earlier` mirror which workers are slow, and when workers have
        started."""
        slowness: dict[WorkerId, Slowness] = {} if earlier is None else earlier.slowness
        self.slowness: dict[WorkerId, Slowness] = {
            worker: slow for worker, slow in slowness.items() if slow.until > state.now
        }
        self._forgets_at = min((slow.until for slow in self.slowness.values()), default=inf)
        self.workers: Sequence[Worker] = list(state.workers.values())
        self.trials = list(state.trials)
        self._trial_kinds = [trial.kind for trial in state.trials.values()]
        self.stops_on_score = any(experiment.stop_score is not None for experiment in state.experiments.values())
        self.guesses = False
        self._overdue: dict[int, float] = {}  # when segments should have ended
        self._seen = (len(state.trials), len(state.workers))
        self._worker_numbers = {worker.id: number for number, worker in enumerate(self.workers)}
        self._trial_numbers = {trial: number for number, trial in enumerate(self.trials)}
        self._kinds: dict[Like, int] = {}
        likes = [like(state, trial) if trial.completed is None else None for trial in state.trials.values()]
        kinds = self._find_kinds(state, likes)
        self.types: list[WorkerType] = list(dict.fromkeys(worker.type for worker in self.workers))
        self.board = self._board(state, kinds, [self._kinds.get(one, -1) if one else -1 for one in likes])
        if earlier is not None:
            starts = {earlier.types[number]: time for number, time in earlier.board.last_start.items()}
            self.board.last_start = {n: starts[one] for n, one in enumerate(self.types) if one in starts}

    def decision(self, started: Running) -> Dispatch:
        """The decision to start this segment."""
        team = [self.workers[number].id for number in started.team]
        return Dispatch(self.trials[started.trial], team[0], started.iterations, tuple(team[1:]))

    def follow(self, state: StateView) -> bool:
        """Apply the segments that have ended. Returns False if a new board must be made. That is so
        if something else has happened, a trial has another kind, a segment was a surprise, or a
        surprise is no longer remembered."""
        board, now = self.board, state.now
        if now >= self._forgets_at or (len(state.trials), len(state.workers)) != self._seen:
            return False
        board.now = now
        ended = self._ended(state)
        if ended is None:
            return False
        for running in ended:
            if not self._finish(state, running):
                return False
        if len(board.running) != len(state.running) or board.waiting != len(state.ready_trials):
            return False
        # A list, not `any`: all surprises are to be remembered.
        surprises = [one for one in ended if self._surprises(state.trials[self.trials[one.trial]], one, now)]
        return not surprises

    def _ended(self, state: StateView) -> list[Running] | None:
        """The segments that have ended, in the order of their ends. None: a worker is unknown, or
        has been away."""
        board, ended = self.board, []
        for worker in reversed(list(state.idle_workers)):
            number = self._worker_numbers.get(worker.id)
            if number is None:
                return None
            if number in board.idle[board.types[number]]:
                break
            if worker.id not in state.in_memory:
                return None
            if number in board.running:
                ended.append(board.running[number])
        ended.reverse()
        return ended

    def _surprises(self, trial: Trial, running: Running, now: float) -> bool:
        """Whether the trial's segment took much more or less time than expected. Its worker is
        expected to stay like that.

        The policy was asked when the segment ended, unless it was the last segment of a trial.
        """
        seconds = (now if trial.completed is None else trial.completed) - running.begun
        expected = self._overdue.get(running.trial, running.end) - running.begun
        if seconds <= SURPRISE * expected and expected <= SURPRISE * seconds:
            return False
        if not expected:  # its end was unknown when it began, and the board was made at that moment
            return False
        worker = self.workers[running.team[0]].id
        factor = min(MOST, max(1 / MOST, self.slowness.get(worker, AS_USUAL).factor * seconds / expected))
        self.slowness[worker] = Slowness(factor, now + REMEMBERED * seconds)
        return True

    def _finish(self, state: StateView, running: Running) -> bool:
        """Apply that a segment has ended. Returns False if the trial is no longer what it was."""
        number, board = running.trial, self.board
        trial = state.trials[self.trials[number]]
        if trial.id in state.running or trial.kind != self._trial_kinds[number]:
            return False
        experiment = state.experiments[trial.experiment]
        board.finish(running, _left(experiment, trial))
        if _leads(experiment, trial):
            board.led.add(trial.experiment)
        board.has_state[number] = trial.iterations > 0
        if trial.at is None:  # it copied another
            board.at[number] = -1
            board.beside.pop(number, None)
        return True

    # Making the board.

    def _find_kinds(self, state: StateView, likes: Sequence[Like | None]) -> list[Kind]:
        kinds: list[Kind] = []
        for trial, key in zip(state.trials.values(), likes, strict=True):
            if key is not None and key not in self._kinds and _could_run(state, trial):
                self._kinds[key] = len(kinds)
                kinds.append(self._kind(state, trial))
        return kinds

    def _kind(self, state: StateView, trial: Trial) -> Kind:
        @cache
        def costs_on(number: int) -> Costs:
            return state.costs(trial, self.workers[number])

        first_of: dict[WorkerType, int] = {}
        costs = [costs_on(first_of.setdefault(worker.type, n)) for n, worker in enumerate(self.workers)]
        found = [
            state.seconds_per_iteration(trial, worker) if state.usable(trial, worker) else inf
            for worker in self.workers
        ]
        slow = [self.slowness.get(worker.id, AS_USUAL).factor for worker in self.workers]
        fastest = min((seconds for seconds in found if seconds is not None and seconds < inf), default=1.0)
        self.guesses = self.guesses or None in found
        experiment = state.experiment(trial)
        return Kind(
            interval=experiment.interval,
            gang=experiment.gang,
            step=[(fastest if one is None else one) * factor for one, factor in zip(found, slow, strict=True)],
            fixed=[experiment.evaluation_images * one.evaluation_s_per_image + one.checkpoint_s for one in costs],
            restore=[one.restore_s for one in costs],
            start_up=[one.start_up_s for one in costs],
        )

    def _board(self, state: StateView, kinds: list[Kind], kind_of: list[int]) -> Board:
        """The board of this moment, and the plan for it."""
        number_of = {worker_type: number for number, worker_type in enumerate(self.types)}
        types = [number_of[worker.type] for worker in self.workers]
        trials = list(state.trials.values())
        open_trials = {n: trial for n, trial in enumerate(trials) if kind_of[n] >= 0}
        board = Board(
            now=state.now,
            kinds=kinds,
            types=types,
            memory=[self._trial_numbers[held] if (held := state.in_memory.get(w.id)) else -1 for w in self.workers],
            warm=[worker.id in state.in_memory for worker in self.workers],
            kind_of=kind_of,
            experiment_of=[trial.experiment for trial in trials],
            left=[_left(state.experiment(trial), trial) for trial in trials],
            has_state=[trial.iterations > 0 for trial in trials],
            at=[self._worker_numbers.get(trial.at, -1) if trial.at else -1 for trial in trials],
            idle=[[] for _ in self.types],
            ready=[[] for _ in kinds],
            running=self._running(state, open_trials),
            work=[0] * len(kinds),
            active=len(open_trials),
            beside=self._beside(trials),
            led={trial.experiment for trial in trials if _leads(state.experiment(trial), trial)},
        )
        for number, trial in open_trials.items():
            board.work[kind_of[number]] += board.left[number]
            if trial.id not in state.running:
                board.ready[kind_of[number]].append((-board.left[number], number))
        for running in board.running.values():
            board.work[kind_of[running.trial]] -= running.iterations
        board.ready = [sorted(trials_of_kind) for trials_of_kind in board.ready]
        board.waiting = sum(map(len, board.ready))
        self._plan(state, board)
        return board

    def _beside(self, trials: Sequence[Trial]) -> dict[int, tuple[int, ...]]:
        """By trial that is at several workers, all these workers but the first."""
        gangs = {number: trial.others for number, trial in enumerate(trials) if trial.others}
        return {number: tuple(self._worker_numbers.get(one, -1) for one in others) for number, others in gangs.items()}

    def _plan(self, state: StateView, board: Board) -> None:
        """Price the kinds, and number the types in the order in which they choose."""
        members: list[list[int]] = [[] for _ in self.types]
        for number, worker_type in enumerate(board.types):
            members[worker_type].append(number)
        trials = [sum(one == number for one in board.kind_of) for number in range(len(board.kinds))]
        going = [0.0] * len(board.kinds)
        for running in board.running.values():
            going[board.kind_of[running.trial]] += running.iterations / 2
        work = [left + half for left, half in zip(board.work, going, strict=True)]
        ranks = price(board.kinds, members, work, trials)
        order = sorted(range(len(self.types)), key=ranks.__getitem__)
        place = {number: position for position, number in enumerate(order)}
        self.types = [self.types[number] for number in order]
        board.types = [place[number] for number in board.types]
        board.of_type = [len(members[number]) for number in order]
        for kind in board.kinds:
            kind.loss = [kind.loss[number] for number in order]
            kind.planned = [kind.planned[number] for number in order] if kind.planned else []
        for worker in reversed(list(state.idle_workers)):
            number = self._worker_numbers[worker.id]
            board.idle[board.types[number]].append(number)
        for idle in board.idle:
            idle.sort(key=lambda number: not board.warm[number])
        if is_uniform(board.kinds):
            kind = board.kinds[0]
            usable = [number for number in range(len(self.workers)) if kind.step[number] < inf]
            board.fastest = sorted(usable, key=kind.per_iteration.__getitem__)
            board.rates = [0.0, *accumulate(1 / kind.per_iteration[number] for number in board.fastest)]

    def _running(self, state: StateView, open_trials: dict[int, Trial]) -> dict[int, Running]:
        found = {}
        for segment in state.running.values():
            trial = self._trial_numbers[segment.trial]
            team = tuple(self._worker_numbers[name] for name in segment.workers if name in self._worker_numbers)
            if team and trial in open_trials:
                end = state.expected_end(segment)
                if end is None or state.now - end > ON_TIME * (end - segment.time):
                    if end is not None:
                        self._overdue[trial] = end
                    end = state.now + OVERDUE * (state.now - segment.time)
                end = max(end, state.now)
                found[team[0]] = Running(end, trial, team, segment.iterations, segment.time)
        return found


def like(state: StateView, trial: Trial) -> Like:
    experiment = state.experiment(trial)
    return Like(trial.kind, experiment.interval, experiment.evaluation_images, experiment.devices, experiment.gang)


def _could_run(state: StateView, trial: Trial) -> bool:
    """Whether some type has enough workers for the trial. A node that leaves may leave too few for a
    gang."""
    gang = state.experiment(trial).gang
    return any(
        len(alike) >= gang and state.usable(trial, next(iter(alike.values())))
        for alike in state.workers_by_type.values()
    )


def _left(experiment: Experiment, trial: Trial) -> int:
    """The iterations that the trial has left."""
    return 0 if trial.completed is not None else experiment.stop_iterations - trial.iterations


def _leads(experiment: Experiment, trial: Trial) -> bool:
    """Whether the trial is the leader of its experiment, or one of several."""
    return trial.completed is not None or trial.iterations >= LEADER * experiment.stop_iterations
