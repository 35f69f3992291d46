"""Plan against the bound, and let the last segments end together."""

from collections.abc import Iterable

from hetsched.core.decisions import Decision, Dispatch, WakeAt
from hetsched.core.view import StateView
from hetsched.scheduling import register
from hetsched.scheduling.planning.group_plan import GroupPlan, make_group_plan
from hetsched.scheduling.planning.independent_trials import fill_slot
from hetsched.scheduling.planning.populations import PopulationDispatch


@register("lookahead")
class Lookahead:
    """Trials keep pace with a plan for all the work that is left, on the workers that suit them, and end together.

    From time to time the fluid plan is made for the work that is left: the linear program whose optimum is the bound
    on makespan (`hetsched.scheduling.planning.fluid_plan`), with step times that include the costs of segments. It
    gives the time T at which everything could end, the pace of each trial (seconds per iteration on the mix of workers
    planned for it), and which trials belong on which workers. The slack of a trial is the time until T less what it
    needs at its pace. Then

    - workers whose seconds are worth most choose first, among the trials that belong on them;
    - a worker at least as fast as a trial's pace takes the trial of least slack, so that populations keep together;
    - a slower one uses up slack: it takes the trial of least slack that has enough for a whole segment, else of the
      one of most slack no more than can be made up for;
    - no segment lasts longer than a fraction of the time until T, so that segments get shorter and the last ones end
      together, but none is cut so short that its costs outweigh its training;
    - a worker idles rather than run far past T, or take what a faster one, soon to be free, should have;
    - where trials are fewer than workers, segments on slow workers end one after the other and those on fast workers
      end with them, so that trials can change places, and slow workers leave the fast ones enough to do;
    - a worker stays with the trial in its memory if the restore that it saves is worth the slack.

    Where all trials are independent of each other (no PBT) segments may be long, and the plan's own schedule is
    carried out, slot by slot (`hetsched.scheduling.planning.open_shop`).

    `patience` is the fraction of the time until T that a segment may last and a trial may be behind.
    """

    single_workers_only = True  # it does not place gangs

    def __init__(self, patience: float = 0.2) -> None:
        if not 0 < patience <= 1:
            raise ValueError(f"patience must be above 0 and at most 1, not {patience}")
        self._patience = patience
        self._plan: GroupPlan | None = None

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        plan = self._plan
        if plan is None or plan.is_outdated(state):
            plan = self._plan = make_group_plan(state)
        decisions: list[Decision] = []
        if plan.groups and all(experiment.pbt is None for experiment in state.experiments.values()):
            decisions += fill_slot(state, plan, self._patience)
        elif plan.groups:
            decisions += PopulationDispatch(state, plan, self._patience).decisions()
        if not decisions and not state.running:
            decisions += soonest(state)
        waits = len(decisions) < min(len(state.ready_trials), len(state.idle_workers))
        if waits and (decisions or plan.changes_with_time(state)):
            decisions.append(WakeAt(plan.renew_at))  # what must idle by this plan may run by the next
        return decisions


def soonest(state: StateView) -> list[Dispatch]:
    """When nothing runs something must: the segment that would end first."""
    pairs = (
        (state.segment_seconds(trial, worker, state.interval(trial)) or 0.0, trial.index, place, trial, worker)
        for trial in state.ready_trials
        for place, worker in enumerate(state.idle_workers)
        if state.usable(trial, worker)
    )
    first = min(pairs, key=lambda pair: pair[:3], default=None)
    return [] if first is None else [Dispatch(first[3].id, first[4].id, state.interval(first[3]))]
