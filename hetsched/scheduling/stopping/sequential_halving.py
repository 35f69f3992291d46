"""The best score for a budget of money or time: equal parts of the budget for ever fewer trials."""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from itertools import islice
from math import ceil, floor, inf, isfinite, log
from typing import NamedTuple

import numpy as np

from hetsched.core.decisions import Decision, Stop
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, NodeId, Worker
from hetsched.domain.prices import HOUR_S, cost, prices_per_h
from hetsched.domain.profiles import StepTimes
from hetsched.domain.rounding import ROUNDING
from hetsched.domain.workload import Experiment, ExperimentId, TrialId, TrialKind, Workload
from hetsched.scheduling import register
from hetsched.scheduling.free_workers import FreeWorkers
from hetsched.scheduling.stopping.one_segment import one_segment
from hetsched.scheduling.teams import iterations_within


@register("sequential-halving")
class SequentialHalving:
    """The best score for a budget of money or time: equal parts of it, each for the better half of
    the trials.

    Sequential Halving (Karnin, Koren and Somekh, "Almost Optimal Exploration in Multi-Armed
    Bandits", ICML 2013), which Jamieson and Talwalkar (AISTATS 2016) apply to hyperparameters. The
    budget is known before. For a population of n it is divided evenly among

        K = ceil(log_eta(n))

    rounds. Round k, 0 to K - 1, begins when the share k / K of the budget is spent, and some trial
    has a score. From then on the ceil(n / eta^k) trials with the best last scores train. Trials
    without a score count as the worst. Of equal scores the least `Trial.index` is first.

    Each experiment has its own rounds. They divide what is left of the budget when the policy first
    sees the experiment. If an experiment arrives while all workers are busy, the policy sees it
    when a segment ends.

    Three rules are not in the paper:

    - What is spent is the share of the money or the share of the time, whichever is greater. Nodes
      are paid while they are in the cluster, not for what they train. So money is a clock that runs
      slower with fewer nodes, and an idle worker saves nothing. Therefore trials outside the round
      are not stopped. They take workers that no other trial waits for, the best score first. They
      may be among the best of the next round.
    - Workers are unequal. The trials of a round train evenly, as in the paper: the least advanced
      trial is first, of equals the trial with the better score. Each takes the fastest idle worker.
    - A segment that would end after the budget is spent is cut to end before, by the profile. Then
      all waiting trials are stopped.

    Without a budget and a deadline there is one round, and nothing is stopped. `budget` is in the
    unit of the nodes' prices. `deadline_s` is in seconds since the start of the run. Both default
    to the key of the same name in `[metrics]`. `eta` is the reduction factor. Raises ValueError for
    values out of range.
    """

    def __init__(self, budget: float | None = None, deadline_s: float | None = None, eta: float = 2.0) -> None:
        for name, limit in (("budget", budget), ("deadline_s", deadline_s)):
            if limit is not None and not (isfinite(limit) and limit > 0):
                raise ValueError(f"{name}: expected a number above 0, got {limit!r}")
        if not (isfinite(eta) and eta > 1):
            raise ValueError(f"eta: expected a number above 1, got {eta!r}")
        self._budget = inf if budget is None else budget
        self._deadline_s = inf if deadline_s is None else deadline_s
        self._eta = eta
        self._prices: dict[NodeId, float] = {}
        self._rounds: dict[ExperimentId, Round] = {}
        self._ends: list[tuple[float, ExperimentId]] = []  # a heap: when rounds end

    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None:
        self._prices = prices_per_h(cluster) if self._budget < inf else {}

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        money = cost(self._prices, state.node_seconds)
        spent = max(money / self._budget, state.now / self._deadline_s)
        if spent >= 1 - ROUNDING:
            return [Stop(trial.id, "the budget is spent") for trial in state.ready_trials]
        self._halve(state, spent)
        starts, too_late = self._starts(state, self._seconds_left(state, money))
        if starts or state.running:
            return starts
        return [Stop(trial, f"{spent:.1%} of the budget is spent, the rest buys no iteration") for trial in too_late]

    def never_stops(self, experiment: Experiment, cluster: ClusterSpec) -> str | None:
        if self._deadline_s < inf or (self._budget < inf and any(prices_per_h(cluster).values())):
            one_round = self._number_of_rounds(experiment) == 1
            return f"eta = {self._eta:g} makes one round of it" if one_round else one_segment(experiment)
        return "no node has a price" if self._budget < inf else "neither budget nor deadline_s is set"

    def _seconds_left(self, state: StateView, money: float) -> float:
        """Seconds until the budget is spent, if no node comes or goes."""
        per_s = sum(price for node, price in self._prices.items() if state.is_there(node)) / HOUR_S
        for_money_s = (self._budget - money) / per_s if per_s else inf
        return min(for_money_s, self._deadline_s - state.now)

    def _halve(self, state: StateView, spent: float) -> None:
        """Begin the rounds that are due, and the first rounds of new experiments."""
        due = list(islice(state.experiments, len(self._rounds), None))
        while self._ends and self._ends[0][0] <= spent:
            due.append(heappop(self._ends)[1])
        if not due:
            return
        for name in due:
            experiment = state.experiments[name]
            now = self._rounds.get(name) or Round(spent, 0, frozenset(experiment.trial_ids()))
            self._rounds[name] = now = self._round(state, experiment, now, spent)
            heappush(self._ends, (self._end(experiment, now), name))
        order = state.ordered(self._turn)
        for trial in [state.trials[trial] for name in due for trial in state.experiments[name].trial_ids()]:
            if trial in order:
                order.put(trial, self._turn(state, trial))

    def _round(self, state: StateView, experiment: Experiment, now: "Round", spent: float) -> "Round":
        """The experiment's round when the share `spent` of the budget is spent. `now` is the round
        before."""
        rounds = self._number_of_rounds(experiment)
        number = min(rounds - 1, floor(rounds * (spent - now.since) / (1 - now.since) + ROUNDING))
        trials = [state.trials[trial] for trial in experiment.trial_ids()] if number > now.number else []
        if not any(state.rank(trial) > -inf for trial in trials):
            return now
        keep = ceil(experiment.population / self._eta**number - ROUNDING)
        best = sorted(trials, key=lambda trial: (-state.rank(trial), trial.index))[:keep]
        return Round(now.since, number, frozenset(trial.id for trial in best))

    def _number_of_rounds(self, experiment: Experiment) -> int:
        return max(1, ceil(log(experiment.population, self._eta) - ROUNDING))

    def _end(self, experiment: Experiment, now: "Round") -> float:
        """The share of the budget that is spent when the round ends. Infinity for the last round:
        it ends with the budget."""
        rounds = self._number_of_rounds(experiment)
        is_last = now.number + 1 == rounds
        return inf if is_last else now.since + (1 - now.since) * (now.number + 1) / rounds - ROUNDING

    def _turn(self, state: StateView, trial: Trial) -> tuple[bool, int, float, int]:
        """The key by which trials are served, the least first."""
        is_out = trial.id not in self._rounds[trial.experiment].trials
        return is_out, 0 if is_out else trial.iterations, -state.rank(trial), trial.index

    def _starts(self, state: StateView, seconds_left: float) -> tuple[list[Decision], list[TrialId]]:
        """What starts now, and the trials for which even the fastest idle worker is too slow."""
        free = FreeWorkers(state)
        by_speed: dict[tuple[ExperimentId, TrialKind], list[Worker]] = {}
        starts: list[Decision] = []
        too_late: list[TrialId] = []
        for trial in state.ordered(self._turn):
            if free.all_taken:
                break
            key = (trial.experiment, trial.kind)
            if key not in by_speed:
                by_speed[key] = _slowest_first(state, trial, free)
            team = _fastest(by_speed[key], trial, free)
            iterations = iterations_within(state, trial, team, seconds_left) if team else 0
            if iterations:
                starts.append(free.start(trial, team, iterations))
            elif team:
                too_late.append(trial.id)
        return starts, too_late


class Round(NamedTuple):
    """An experiment's present round: its number, and the trials that train in it. Also the share of
    the budget that was spent when the experiment was first seen."""

    since: float
    number: int
    trials: frozenset[TrialId]


def _slowest_first(state: StateView, trial: Trial, free: FreeWorkers) -> list[Worker]:
    """The workers that suit the trial, the slowest first. Unknown ones come last, so that they are
    tried."""
    suitable = [worker for worker in free if free.suits(trial, worker)]
    return sorted(suitable, key=lambda worker: -(state.seconds_per_iteration(trial, worker) or 0.0))


def _fastest(workers: list[Worker], trial: Trial, free: FreeWorkers) -> Sequence[Worker]:
    """The fastest free worker, with further ones if the trial is a gang. Empty: there are too few.
    Workers that are not free are taken off the end of the list."""
    while workers:
        if workers[-1] in free:
            team = free.team(trial, workers[-1])
            if team:
                return team
            free.hold(workers[-1].type)
        workers.pop()
    return []
