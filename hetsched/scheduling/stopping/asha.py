"""Asynchronous successive halving."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from sortedcontainers import SortedList

from hetsched.core.decisions import Decision, Stop
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec
from hetsched.domain.metric import Metric
from hetsched.domain.workload import Experiment, ExperimentId, TrialId
from hetsched.scheduling import register
from hetsched.scheduling.queueing.in_order import serve


@register("asha")
class ASHA:
    """Asynchronous successive halving: at every rung the best third of the trials goes on, the rest
    is stopped.

    Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2, for
    a given population of n trials. The rungs of an experiment are at stop_iterations and at the
    iterations

        r eta^k for k = 0 .. K - 1, with K = floor(min(log_eta(stop_iterations / r), log_eta(n)))

    So the population is large enough for one trial to reach the top, as algorithm 1 demands. The
    score that counts at a rung is the trial's score when it gets there. A free worker takes the
    first of these that exists:

    1. a trial between two rungs;
    2. from the top rung down, the best trial among the best floor(size / eta) of its rung that was
       not promoted yet;
    3. a trial that has not started.

    Of equal scores the least `Trial.index` is first. Experiments are served in the order of their
    arrival.

    When nothing can change a rung any more, the trials that wait there are stopped. A trial that
    reaches the stop score keeps its places at the rungs that it has reached. The paper has no PBT.
    Under PBT a trial that has copied another trial at the end of a segment has the score of the
    other trial.

    `reduction_factor` is eta. `grace_iterations` is r. By default r is the usual segment. If the
    usual segment is a whole trial, r is stop_iterations / eta^floor(log_eta(n)). Segments are usual
    ones, cut at rungs.
    """

    def __init__(self, reduction_factor: int = 3, grace_iterations: int | None = None) -> None:
        if type(reduction_factor) is not int or reduction_factor < 2:
            raise ValueError(f"reduction_factor must be a whole number of at least 2, not {reduction_factor!r}")
        if grace_iterations is not None and (type(grace_iterations) is not int or grace_iterations < 1):
            raise ValueError(f"grace_iterations must be a whole number of at least 1, not {grace_iterations!r}")
        self._eta = reduction_factor
        self._grace = grace_iterations
        self._ladders: dict[ExperimentId, Ladder] = {}
        self._seen = 0
        self._changes = 0

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self._add_new(state)
        self._drop_completed(state)
        for ladder in self._ladders.values():
            ladder.look(state)
        for decision in serve(state, self._order(state), lambda trial: self._iterations(state, trial)):
            self._ladders[state.trials[decision.trial].experiment].start(decision.trial)
            yield decision
        for experiment, ladder in list(self._ladders.items()):
            yield from ladder.stop_losers()
            if ladder.empty:
                del self._ladders[experiment]

    def never_stops(self, experiment: Experiment, cluster: ClusterSpec) -> str | None:
        stop = experiment.stop_iterations
        if len(rungs_of(experiment, self._eta, self._grace)) > 1:
            return None
        if experiment.population < self._eta:
            return f"its population of {experiment.population} is below reduction_factor = {self._eta}"
        grace = first_rung(experiment, self._eta, self._grace)
        first = f"grace_iterations = {grace} x reduction_factor = {self._eta}"
        return f"the only rung is its end: {first} is beyond stop_iterations = {stop}"

    def _add_new(self, state: StateView) -> None:
        for trial in islice(state.trials.values(), self._seen, None):
            if trial.experiment not in self._ladders:
                experiment = state.experiment(trial)
                rungs = rungs_of(experiment, self._eta, self._grace)
                self._ladders[trial.experiment] = Ladder(rungs, self._eta, experiment.metric)
            self._ladders[trial.experiment].add(trial, fresh=state.is_ready(trial) and not trial.iterations)
        self._seen = len(state.trials)

    def _drop_completed(self, state: StateView) -> None:
        """A trial may be completed while it waits, if somebody else ends it."""
        changed, self._changes = state.changed_since(self._changes), state.changes
        for trial in changed:
            if trial.completed is not None and (ladder := self._ladders.get(trial.experiment)) is not None:
                ladder.drop(trial.id)

    def _order(self, state: StateView) -> Iterator[Trial]:
        return (state.trials[trial] for ladder in list(self._ladders.values()) for trial in ladder.order())

    def _iterations(self, state: StateView, trial: Trial) -> int:
        rungs = self._ladders[trial.experiment].rungs
        next_rung = rungs[bisect_right(rungs, trial.iterations)]
        return min(state.interval(trial), next_rung - trial.iterations)


def rungs_of(experiment: Experiment, eta: int, grace: int | None) -> list[int]:
    """The iterations of an experiment's rungs, ascending, the stop iteration last."""
    stop, rung = experiment.stop_iterations, first_rung(experiment, eta, grace)
    halvings, rungs = _halvings(experiment, eta), list[int]()
    while len(rungs) < halvings and rung * eta <= stop:
        rungs.append(rung)
        rung *= eta
    return [*rungs, stop]


def first_rung(experiment: Experiment, eta: int, grace: int | None) -> int:
    """The iterations of the first rung, if it is not beyond the stop iterations / eta."""
    if grace is not None:
        return grace
    stop = experiment.stop_iterations
    return experiment.interval if experiment.interval < stop else max(1, stop // eta ** _halvings(experiment, eta))


def _halvings(experiment: Experiment, eta: int) -> int:
    """How often the population can be reduced by eta."""
    halvings = 0
    while eta ** (halvings + 1) <= experiment.population:
        halvings += 1
    return halvings


class RungPlace(NamedTuple):
    """A trial's place at a rung. The best score is first, then the lowest `Trial.index`
    (`number`)."""

    minus_rank: float
    number: int
    trial: TrialId


class Ladder:
    """The rungs of one experiment, and the places of its trials."""

    def __init__(self, rungs: list[int], eta: int, metric: Metric) -> None:
        self.rungs = rungs
        self._metric = metric
        self._eta = eta
        self._places: list[SortedList[RungPlace]] = [SortedList() for _ in rungs]
        self._waiting: list[dict[TrialId, RungPlace]] = [{} for _ in rungs]  # at a rung, not promoted
        self._goal: dict[TrialId, int] = {}  # of a started trial, the number of the rung that it is at or goes to
        self._not_started: dict[TrialId, None] = {}
        self._on_the_way: dict[TrialId, None] = {}  # running, or interrupted between two rungs
        self._interrupted: list[TrialId] = []

    @property
    def empty(self) -> bool:
        return not (self._not_started or self._on_the_way or any(self._waiting))

    def add(self, trial: Trial, fresh: bool) -> None:
        """Add a new trial. In a run that is resumed the trial may not be `fresh`. Then its present
        score counts at the rungs that it had reached."""
        self._goal[trial.id] = bisect_left(self.rungs, trial.iterations)
        for rung in range(self._goal[trial.id]):
            self._record(trial, rung)
        (self._not_started if fresh else self._on_the_way)[trial.id] = None

    def look(self, state: StateView) -> None:
        """Apply the segments that have ended."""
        interrupted = []
        for name in list(self._on_the_way):
            trial = state.trials[name]
            if name in state.running:
                continue
            rung = self._goal[name]
            arrived = trial.iterations >= self.rungs[rung]
            if arrived:
                place = self._record(trial, rung)
                if trial.completed is None:
                    self._waiting[rung][name] = place
            if arrived or trial.completed is not None:
                del self._on_the_way[name]
            else:
                interrupted.append((-rung, trial.index, name))
        self._interrupted = [name for *_, name in sorted(interrupted)]

    def order(self) -> Iterator[TrialId]:
        """The trials that may run, in the order in which they are served."""
        yield from self._interrupted
        for rung in reversed(range(len(self.rungs))):
            yield from self._promotable(rung)
        yield from list(self._not_started)

    def start(self, trial: TrialId) -> None:
        """A segment of the trial starts."""
        rung = self._goal[trial]
        if trial in self._waiting[rung]:
            del self._waiting[rung][trial]
            self._goal[trial] = rung + 1
        self._not_started.pop(trial, None)
        self._on_the_way[trial] = None

    def drop(self, trial: TrialId) -> None:
        """The trial waits no more. It keeps its places at the rungs that it has reached."""
        self._not_started.pop(trial, None)
        for waiting in self._waiting:
            waiting.pop(trial, None)

    def stop_losers(self) -> Iterator[Stop]:
        """Stop the trials that wait at rungs that nothing can change any more."""
        for rung, iterations in enumerate(self.rungs):
            if self._not_started or any(self._goal[trial] <= rung for trial in self._on_the_way):
                return
            promotable = self._promotable(rung)
            places = self._places[rung]
            for trial, place in list(self._waiting[rung].items()):
                if trial not in promotable:
                    del self._waiting[rung][trial]
                    rank = f"rank {places.index(place) + 1} of {len(places)} at rung {rung} ({iterations} iterations)"
                    yield Stop(trial, f"{rank}, the best {len(places) // self._eta} go on")
            if promotable:
                return

    def _promotable(self, rung: int) -> list[TrialId]:
        places, waiting = self._places[rung], self._waiting[rung]
        best = places[: len(places) // self._eta] if waiting else []
        return [place.trial for place in best if place.trial in waiting]

    def _record(self, trial: Trial, rung: int) -> RungPlace:
        place = RungPlace(-self._metric.rank(trial.score), trial.index, trial.id)
        self._places[rung].add(place)
        return place
