"""The best score by a deadline: fewer and fewer trials, the best of them on the best workers."""

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice, takewhile
from math import floor, inf, isfinite
from operator import itemgetter
from statistics import median
from sys import float_info

from hetsched.core.decisions import Decision, Dispatch, Stop, WakeAt
from hetsched.core.kept_orders import KeptOrder, Place
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, Worker, WorkerId
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, TrialKind
from hetsched.scheduling import register
from hetsched.scheduling.progress import progress
from hetsched.scheduling.stopping.one_segment import one_segment
from hetsched.scheduling.teams import Team, iterations_within, others

LEFTOVERS = ("uniform", "top")


@register("hypersched")
class HyperSched:
    """The best score by a deadline: no new trials when time gets short, and the best trials on the
    best workers.

    HyperSched (Liaw et al., SoCC'19; github.com/ucbrise/hypersched) gives every trial one of many
    equal atoms. Atoms that are left over go to the best trials. Here an atom is a worker, and
    workers are unequal. A trial has one worker (or its gang) at a time. So a trial that trains
    keeps its worker from interval to interval. Workers that are left over are offers of a faster
    worker. The paper's rules become:

    - Admission. No new trial starts when the time left is below min(eta x t, R x m). t is the
      longest time that a trial of the experiment has trained, without start-ups. R is the stop
      iterations. m is the median step time over the workers. From then on, all trials that have not
      started, or are paused, are stopped.
    - Deadline. At the deadline all waiting trials are stopped. A segment that would end after the
      deadline is cut to end before, as far as the step time is known.
    - Halving (ASHA with pauses). A trial's score is recorded at its milestones, interval x eta^k
      iterations. While one of its scores is below the (1 - 1/eta) percentile of the scores recorded
      there, the trial is paused. A paused trial trains only on workers that no other trial waits
      for. Under PBT, whose exploits serve the same end, no trial is paused.
    - Leftovers. Trials without a worker get the slowest idle workers, one each. If more are idle,
      the trials choose among them, the best score first and the untrained trials last. Each trial
      takes the fastest worker that is left, if the move pays ("uniform"). With "top", only the best
      trial and the trials that start at this moment may choose. A running trial's choice is kept
      for it until its segment ends.
    - Resizing. A move pays if f(new) x (t - start-up) > gain x f(current) x t. f is the speed. t is
      the time left, or the time that the trial would still take on its worker, if that is less. The
      start-up is the restore on the new worker, plus the worker's own start-up if nothing is in its
      memory. No move is to a slower worker. So trials do not move back and forth.

    A gang starts when enough workers of a type are idle at once.

    `deadline_s` is in seconds since the start of the run (None: no deadline, so all trials train to
    their stop rules). `eta` is the reduction factor. `leftovers` is "uniform" or "top" of the rule
    of leftovers. `gain` is the factor of the rule of resizing. Raises ValueError for values out of
    range.
    """

    def __init__(
        self, deadline_s: float | None = None, eta: float = 4.0, leftovers: str = "uniform", gain: float = 1.1
    ) -> None:
        if deadline_s is not None and not (isfinite(deadline_s) and deadline_s > 0):
            raise ValueError(f"deadline_s: expected seconds, above 0, got {deadline_s!r}")
        if not (isfinite(eta) and eta > 1):
            raise ValueError(f"eta: expected a number above 1, got {eta!r}")
        if leftovers not in LEFTOVERS:
            raise ValueError(f"leftovers: expected one of {', '.join(LEFTOVERS)}, got {leftovers!r}")
        if not (isfinite(gain) and gain >= 1):
            raise ValueError(f"gain: expected a number, at least 1, got {gain!r}")
        self.deadline_s = deadline_s
        self.eta = eta
        self.leftovers = leftovers
        self.gain = gain
        self._training_since: dict[TrialId, float] = {}
        self._trained_s: defaultdict[TrialId, float] = defaultdict(float)
        self._enough = Longest()  # eta x t
        self._recorded: defaultdict[ExperimentId, dict[float, Milestone]] = defaultdict(dict)
        self._changes = 0

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self._record(state)
        time_left = inf if self.deadline_s is None else self.deadline_s - state.now
        stops = list(self._stops(state, time_left))
        stopped = {stop.trial for stop in stops}
        free = FreeBySpeed(state)
        waiting = (trial for trial in self._in_turn(state, frozenset(free.workers)) if trial.id not in stopped)
        teams = self._one_each(state, waiting, free)
        if free.workers:
            self._deal_leftovers(state, time_left, teams, free)
        starts: list[Decision] = []
        for trial, team in teams.items():
            iterations = iterations_within(state, state.trials[trial], team, time_left)
            if iterations:
                starts.append(Dispatch(trial, team[0].id, iterations, others(team)))
                beginning_s = state.beginning_seconds(state.trials[trial], team[0], others(team))
                self._training_since[trial] = state.now + beginning_s
        if len(state.ready_trials) > len(stops) and not starts and not state.running and self.deadline_s is not None:
            starts = [WakeAt(self.deadline_s)]  # nothing can be done before the deadline
        return [*stops, *starts]

    def never_stops(self, experiment: Experiment, cluster: ClusterSpec) -> str | None:
        return "deadline_s is not set" if self.deadline_s is None else one_segment(experiment)

    def _record(self, state: StateView) -> None:
        """Record which segments ended since the last call: their seconds, and the milestones that
        the trials reached."""
        changed, self._changes = state.changed_since(self._changes), state.changes
        moved: list[TrialId] = []
        for trial in changed:
            trial_id = trial.id
            if trial_id not in self._training_since or trial_id in state.running:
                continue
            since = self._training_since.pop(trial_id)
            self._trained_s[trial_id] += max(0.0, trial.ready_since - since)
            self._enough.record(trial.experiment, self.eta * self._trained_s[trial_id])
            for milestone in self._milestones(state.experiment(trial)):
                if trial.iterations >= milestone:
                    reached = self._recorded[trial.experiment].setdefault(milestone, Milestone(1 - 1 / self.eta))
                    moved += reached.record(trial_id, state.rank(trial))
        self._put(state, filter(state.is_ready, map(state.trials.__getitem__, moved)))

    def _put(self, state: StateView, trials: Iterable[Trial]) -> None:
        """Set the places of waiting trials that may be paused since a moment, or no longer."""
        for trial in trials:
            home = state.grouped(_home, self._turn)[trial.at]
            alike = state.grouped(_sort, self._turn)[_sort(state, trial)]
            for order in (state.ordered(self._turn), home, alike):
                order.put(trial, self._turn(state, trial))

    def _turn(self, state: StateView, trial: Trial) -> Place:
        """The trial's place among the waiting trials. Those that go on come first, then new trials,
        then paused trials."""
        paused = self._is_paused(trial)
        return paused or not trial.iterations, paused, -state.rank(trial), trial.index

    def _goes_on(self, trial: Trial) -> bool:
        """Whether the trial has started and is not paused."""
        return trial.iterations > 0 and not self._is_paused(trial)

    def _milestones(self, experiment: Experiment) -> Iterator[float]:
        milestone = float(experiment.interval)
        while experiment.pbt is None and milestone < experiment.stop_iterations:
            yield milestone
            milestone *= self.eta

    def _is_paused(self, trial: Trial) -> bool:
        return any(milestone.pauses(trial.id) for milestone in self._recorded[trial.experiment].values())

    def _stops(self, state: StateView, time_left: float) -> Iterator[Stop]:
        if time_left <= 0:
            for trial in state.ready_trials:
                yield Stop(trial.id, f"the deadline of {self.deadline_s:g} s has come")
            return
        steps: dict[Hashable, float] = {}
        stops: list[tuple[Place, Stop]] = []
        for experiment in self._enough.over(time_left, lambda experiment: bool(self._waiting(state, experiment))):
            for trials in self._waiting(state, experiment):
                needed_s = self._needed_s(state, trials[0], steps)
                why = f"{time_left:.1f} s are left, a trial that waits needs {needed_s:.1f} s"
                for trial in reversed(trials) if time_left < needed_s else ():
                    if self._goes_on(trial):
                        break
                    stops.append((progress(state, trial), Stop(trial.id, why)))
        yield from (stop for _, stop in sorted(stops, key=itemgetter(0)))

    def _waiting(self, state: StateView, experiment: ExperimentId) -> list[KeptOrder]:
        """The waiting trials of the experiment, by their kinds."""
        groups, kinds = state.grouped(_sort, self._turn), state.experiments[experiment].kinds
        return [groups[experiment, kind] for kind in kinds if (experiment, kind) in groups]

    def _needed_s(self, state: StateView, trial: Trial, steps: dict[Hashable, float]) -> float:
        """The least time left with which a new trial like this one may start. `steps` are the
        median step times that are known already."""
        alike = state.alike(trial)
        if alike not in steps:
            usable = [worker for worker in state.workers.values() if state.usable(trial, worker)]
            known = [s for worker in usable if (s := state.seconds_per_iteration(trial, worker)) is not None]
            steps[alike] = median(known) if known else inf
        whole_s = state.experiment(trial).stop_iterations * steps[alike]
        return min(self._enough.of(trial.experiment), whole_s)

    def _in_turn(self, state: StateView, free: Container[WorkerId]) -> Iterator[Trial]:
        """The waiting trials in the order in which they get workers. First come started trials
        whose own worker is free, then other started trials, new trials, and paused trials. Each
        part is ordered by score."""
        by_home = state.grouped(_home, self._turn)
        homes = [by_home[worker.id] for worker in state.idle_workers if worker.id in by_home]
        at_home = merge(*homes, key=lambda trial: self._turn(state, trial))
        yield from takewhile(self._goes_on, at_home)
        for trial in state.ordered(self._turn):
            if not (trial.at in free and self._goes_on(trial)):
                yield trial

    def _one_each(self, state: StateView, waiting: Iterator[Trial], free: "FreeBySpeed") -> dict[TrialId, Team]:
        """A team for each trial, while workers are free. A trial keeps its own worker, or else
        takes the slowest."""
        teams: dict[TrialId, Team] = {}
        while free.workers and (trial := next(waiting, None)) is not None:
            own = free.workers.get(trial.at) if trial.at is not None else None
            slowest_first = free.slowest_first(trial)
            others = (worker for worker in slowest_first if worker is not own)
            team = _team(state, trial, [own, *others] if own is not None else slowest_first)
            if team:
                teams[trial.id] = team
                free.take(team)
        return teams

    def _deal_leftovers(
        self, state: StateView, time_left: float, teams: dict[TrialId, Team], free: "FreeBySpeed"
    ) -> None:
        """Let the trials choose among the workers that are left over, and change their teams."""
        trials = [state.trials[trial] for trial in (*state.running, *teams)]
        trials.sort(key=lambda trial: (trial.iterations == 0, -state.rank(trial), trial.index))
        for rank, trial in enumerate(trials):
            team = teams.get(trial.id)
            here = state.workers.get(state.running[trial.id].worker) if team is None else team[0]
            starts = team is not None and trial.at != team[0].id
            if here is None or not (starts or rank == 0 or self.leftovers == "uniform"):
                continue
            if team is None and time_left > 0 and free.best_speed(trial) <= self.gain * _speed(state, trial, here):
                continue  # no move pays
            chosen = _team(state, trial, free.fastest_first(trial))
            if chosen and self._pays(state, trial, here, chosen, starts, time_left):
                free.take(chosen)
                if team is not None:
                    free.give_back(team)
                    teams[trial.id] = chosen

    def _pays(self, state: StateView, trial: Trial, here: Worker, there: Team, starts: bool, time_left: float) -> bool:
        """Whether the trial should train on `there` instead of `here`. `starts`: it is not on
        `here` yet."""
        current, new = _speed(state, trial, here), _speed(state, trial, there[0])
        if starts or inf in (current, new):
            return starts and new > current
        segment = state.running.get(trial.id)
        remaining = state.remaining(trial) - (segment.iterations if segment is not None else 0)
        t = min(time_left, remaining / current)
        return new * (t - state.beginning_seconds(trial, there[0], others(there))) > self.gain * current * t


class FreeBySpeed:
    """The idle workers that are left, sorted by the speed of a trial there, once per kind of trial
    and gang."""

    def __init__(self, state: StateView) -> None:
        self.workers = {worker.id: worker for worker in state.idle_workers}
        self._state = state
        self._sorted: dict[tuple[TrialKind, int, int], list[Worker]] = {}
        self._best: dict[tuple[TrialKind, int], float] = {}

    def best_speed(self, trial: Trial) -> float:
        """The trial's speed on the fastest of the workers, whether it may use that worker or not.
        0: none is left."""
        key = (trial.kind, self._state.experiment(trial).gang)
        if key not in self._best:
            fastest = self.fastest_first(trial)
            self._best[key] = _speed(self._state, trial, fastest[0]) if fastest else 0.0
        return self._best[key]

    def slowest_first(self, trial: Trial) -> Sequence[Worker]:
        return self._in_order(trial, 1)

    def fastest_first(self, trial: Trial) -> Sequence[Worker]:
        return self._in_order(trial, -1)

    def _in_order(self, trial: Trial, sign: int) -> Sequence[Worker]:
        """The workers by speed times the sign. Of equally fast workers the one that was free first
        comes first."""
        key = (trial.kind, self._state.experiment(trial).gang, sign)
        if key not in self._sorted:
            free = self.workers.values()
            self._sorted[key] = sorted(free, key=lambda worker: sign * _speed(self._state, trial, worker))
        return self._sorted[key]

    def take(self, team: Team) -> None:
        self._best = {}
        for worker in team:
            del self.workers[worker.id]
        for workers in self._sorted.values():
            for worker in team:
                workers.remove(worker)

    def give_back(self, team: Team) -> None:
        self.workers |= {worker.id: worker for worker in team}
        self._sorted, self._best = {}, {}


class Longest:
    """The longest time, in seconds, of each experiment. Finding those with a longer time than some
    takes as many steps as there are."""

    def __init__(self) -> None:
        self._of: dict[ExperimentId, float] = {}
        self._sorted: list[tuple[float, ExperimentId]] = []

    def record(self, experiment: ExperimentId, seconds: float) -> None:
        """A trial of the experiment has this time."""
        before = self.of(experiment), experiment
        at = bisect_left(self._sorted, before)
        if self._sorted[at : at + 1] == [before]:
            del self._sorted[at]
        self._of[experiment] = max(before[0], seconds)
        insort(self._sorted, (self._of[experiment], experiment))

    def of(self, experiment: ExperimentId) -> float:
        return self._of.get(experiment, 0.0)

    def over(self, seconds: float, waits: Callable[[ExperimentId], bool]) -> list[ExperimentId]:
        """The experiments whose longest time is greater, if `waits`. Others are left out until
        their next record."""
        at = bisect_right(self._sorted, seconds, key=itemgetter(0))
        self._sorted[at:] = [one for one in self._sorted[at:] if waits(one[1])]
        return [experiment for _, experiment in self._sorted[at:]]


class Milestone:
    """The ranks of the trials when they reached a milestone. `share` of them are to be paused."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._ranks: dict[TrialId, float] = {}
        self._sorted: list[tuple[float, TrialId]] = []
        self._cutoff = -inf
        self._paused = 0

    def record(self, trial: TrialId, rank: float) -> Sequence[TrialId]:
        """Returns the trials that are paused from now on, or no longer. Some others may be among
        them."""
        if trial in self._ranks:
            return ()
        self._ranks[trial] = rank
        insort(self._sorted, (rank, trial))
        if len(self._sorted) > 1 and self._sorted[-1][0] > -inf:  # else nothing is decided
            self._cutoff = max(_percentile(self._sorted, self._share), -float_info.max)  # -inf is below it
        before, self._paused = self._paused, bisect_left(self._sorted, self._cutoff, key=itemgetter(0))
        low, high = sorted((before, self._paused))
        return [name for _, name in self._sorted[low : high + 1]]

    def pauses(self, trial: TrialId) -> bool:
        """Whether the trial is among the worst that have come here."""
        return self._ranks.get(trial, inf) < self._cutoff


def _home(_: StateView, trial: Trial) -> WorkerId | None:
    return trial.at


def _sort(_: StateView, trial: Trial) -> tuple[ExperimentId, TrialKind]:
    return trial.experiment, trial.kind


def _percentile(ranks: Sequence[tuple[float, TrialId]], share: float) -> float:
    """The percentile of ranks in ascending order, linear between the two nearest. Minus infinity:
    the lower one is."""
    place = share * (len(ranks) - 1)
    below = floor(place + ROUNDING)  # 2/3 of 9 is 6, though 1 - 1/3 is a little more than 2/3
    (lower, _), beyond = ranks[below], place - below
    return lower if lower == -inf or beyond < ROUNDING else lower + beyond * (ranks[below + 1][0] - lower)


def _speed(state: StateView, trial: Trial, worker: Worker) -> float:
    """Iterations per second. Infinity: unknown, so the worker is tried."""
    seconds = state.seconds_per_iteration(trial, worker)
    return inf if seconds is None else 1 / seconds


def _team(state: StateView, trial: Trial, workers: Sequence[Worker]) -> Team:
    """The first worker that the trial can use, with enough others of its type for a gang. The speed
    of the first counts for all. Empty: there is none."""
    gang = state.experiment(trial).gang
    for worker in workers:
        if state.usable(trial, worker):
            team = [worker, *islice((w for w in workers if w.type == worker.type and w is not worker), gang - 1)]
            if len(team) == gang:
                return team
    return []
