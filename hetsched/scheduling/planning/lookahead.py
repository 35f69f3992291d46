"""Plays the run forward by several rules, and follows the rule by which it ends soonest."""

from collections.abc import Iterable
from math import inf

from hetsched.core.decisions import Decision, Dispatch, WakeAt
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.planning.board import Board
from hetsched.scheduling.planning.forecast import best_rule, fill, follow, play_on
from hetsched.scheduling.planning.group_plan import GroupPlan, make_group_plan
from hetsched.scheduling.planning.independent_trials import fill_slot
from hetsched.scheduling.planning.mirror import Mirror
from hetsched.scheduling.planning.rule import Rule

SOUGHT_AGAIN = 0.5
"""The rule is sought again when this share of the time until the end has passed."""

AFTER_A_CHANGE = 0.02
"""After a change of the workers the rule is sought again if this share of the time until the end
has passed since the last search."""

HORIZON = 10
"""The rule is sought once the workers have at most this many segments left, on average."""


@register("lookahead")
class Lookahead:
    """List scheduling by the rule by which the run, played forward, ends soonest.

    Under PBT a segment is an interval, and its seconds on each type of worker are known. So the run
    can be played forward on a board (`hetsched.scheduling.planning.board`) in some microseconds per
    segment, costs included. The policy plays it forward by several rules. It places segments by the
    rule by which the run ends soonest. It seeks the rule again when half of the time until the end
    has passed, and when trials or workers come or go.

    A rule keeps to a planned end T. T is the time in which the fastest workers can do the whole
    segments that are left. There are as many of these workers as trials. Each does floor(time / its
    segment) segments. If kinds of trial differ, T follows from the prices of the fluid plan
    (`hetsched.scheduling.planning.fluid_plan`). That plan also says which kinds belong on which
    workers. The rule is:

    - No segment starts that would end after T.
    - A worker takes the trial of least slack. Slack is the time until T less the seconds of the
      trial's iterations at the planned pace. So populations keep together.
    - A slow worker takes a trial that can still end by T after the slow segment.
    - A worker goes on with the trial in its memory if the restore that this saves is worth the
      slack.
    - If there are at most as many trials as workers, slow workers must leave enough trials to the
      fast ones.
    - If trials stop on a score, the most advanced trials go first while those that are behind can
      wait. These must have slack. Once their experiment has a leader, which they can copy, they must
      also be able to end within half of the time until T. A leader has done three quarters of its
      iterations, or has ended.

    The options of rules are in `hetsched.scheduling.planning.rule`.

    If all trials are independent of each other (no PBT) and take one worker, segments may be long.
    Then the policy carries out the fluid plan's own schedule, slot by slot
    (`hetsched.scheduling.planning.open_shop`).

    `patience` is for rules that cut segments: the share of the time until T that a segment may last
    at most.
    """

    def __init__(self, patience: float = 0.2) -> None:
        if not 0 < patience <= 1:
            raise ValueError(f"patience must be above 0 and at most 1, not {patience}")
        self._patience = patience
        self._plan: GroupPlan | None = None
        self._mirror: Mirror | None = None
        self._rule = Rule()
        self._seek_at = 0.0
        self._seek_again_at = 0.0
        self._known = 0

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        if self._mirror is None and are_independent(state):
            return self._slots(state)
        mirror = self._followed(state)
        return [mirror.decision(started) for started in fill(mirror.board)]

    def _followed(self, state: StateView) -> Mirror:
        """The board of this moment. The old board goes on if only segments have ended. A new board
        is made if something else has happened, if an unknown step time is known now, or if a new
        board brings the end nearer."""
        old, now = self._mirror, state.now
        goes_on = (
            old is not None and old.follow(state) and not (old.guesses and self._known < len(state.first_segments))
        )
        if old is not None and goes_on and now < self._seek_at:
            return old
        if old is None or len(old.trials) < len(state.trials) or (not goes_on and now >= self._seek_again_at):
            self._seek_at = now
        new = Mirror(state, old)
        self._known = len(state.first_segments)
        if now >= self._seek_at:
            if (wait := seconds_to_horizon(new.board)) > 0:
                self._seek_at = self._seek_again_at = now + wait
            elif not self._seek(state, new.board, old.board if old is not None and goes_on else None):
                assert old is not None
                return old
        follow(new.board, self._rule._replace(deep=new.stops_on_score))
        self._mirror = new
        return new

    def _seek(self, state: StateView, board: Board, old: Board | None) -> bool:
        """Seek the rule for the board. Returns False if the run ends as soon when the old board
        goes on. That is not asked if no run could end clearly sooner."""
        rule, end, unbeatable = best_rule(board, self._rule, self._patience)
        kept = inf if old is None or unbeatable else play_on(old.copy(), end)
        if kept > end:
            self._rule = rule
        left = min(kept, end) - state.now
        self._seek_at, self._seek_again_at = state.now + SOUGHT_AGAIN * left, state.now + AFTER_A_CHANGE * left
        return kept > end

    def _slots(self, state: StateView) -> list[Decision]:
        plan = self._plan
        if plan is None or plan.is_outdated(state):
            plan = self._plan = make_group_plan(state)
        decisions: list[Decision] = []
        if plan.groups:
            decisions += fill_slot(state, plan, self._patience)
        if not decisions and not state.running:
            decisions += soonest(state)
        waits = len(decisions) < min(len(state.ready_trials), len(state.idle_workers))
        if waits and (decisions or plan.changes_with_time(state)):
            decisions.append(WakeAt(plan.renew_at))  # what must idle by this plan may run by the next
        return decisions


def are_independent(state: StateView) -> bool:
    """Whether no trial depends on another one (no PBT), and every trial takes one worker."""
    return not state.has_gangs and all(experiment.pbt is None for experiment in state.experiments.values())


def seconds_to_horizon(board: Board) -> float:
    """Seconds until the run is so near its end that the rule matters. Before, any rule keeps the
    workers busy."""
    if board.scarce or not board.rates:
        return 0.0
    segments = board.work[0] / board.kinds[0].interval / len(board.types)
    return (1 - HORIZON / segments) * board.work[0] * board.kinds[0].price if segments > HORIZON else 0.0


def soonest(state: StateView) -> list[Dispatch]:
    """The segment that would end first. It starts if nothing runs, since then something must."""
    pairs = (
        (state.segment_seconds(trial, worker, state.interval(trial)) or 0.0, trial.index, place, trial, worker)
        for trial in state.ready_trials
        for place, worker in enumerate(state.idle_workers)
        if state.usable(trial, worker)
    )
    first = min(pairs, key=lambda pair: pair[:3], default=None)
    return [] if first is None else [Dispatch(first[3].id, first[4].id, state.interval(first[3]))]
