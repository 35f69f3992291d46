"""Which best weights have more iterations behind them than the learning model knows. A trial may
copy weights, and then train them further than any trial trains alone."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from hetsched.analysis.lineage import Family
from hetsched.core.events import TrialAdded
from hetsched.core.log import read_log
from hetsched.domain.learning import SaysLimits
from hetsched.domain.workload import Experiment, ExperimentId, TrialId
from hetsched.errors import HetschedError
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumptions import limits
from hetsched.studies.one_run import RunResult


def beyond_recordings(setup: Setup, runs: Iterable[RunResult]) -> list[str]:
    """A line for each limit of the learning model that the best weights of some runs are beyond.
    `assumptions` has said the limits that a trial without copies is beyond."""
    evaluated = [experiment for experiment in setup.workload.experiments if experiment.evaluation_images]
    shortest = min((experiment.stop_iterations for experiment in evaluated), default=0)
    longer = [run for run in runs if (run.metrics.lineage_iterations or 0) > shortest]
    if not longer:
        return []
    try:
        model = setup.learning_model()
        return _lines(setup, model, evaluated, longer) if isinstance(model, SaysLimits) else []
    except HetschedError as error:  # the runs are over: their figures stay
        return [str(error)]


def _lines(setup: Setup, model: SaysLimits, evaluated: Sequence[Experiment], runs: Iterable[RunResult]) -> list[str]:
    said = {line for each in evaluated for line in limits(setup, model, each, each.stop_iterations)}
    most: defaultdict[str, int] = defaultdict(int)
    for run in runs:
        behind = round(run.metrics.lineage_iterations or 0)
        of_each = {each.id: limits(setup, model, each, behind) for each in evaluated}
        home = evaluated[0].id if len({*map(tuple, of_each.values())}) == 1 else _home_of_best(run)
        for line in of_each[home]:
            most[line] = max(most[line], behind)
    copied = "by copies, best weights have up to"
    return [f"{line}; {copied} {behind} iterations behind them" for line, behind in most.items() if line not in said]


def _home_of_best(run: RunResult) -> ExperimentId:
    """The experiment whose trial has the best weights, by the log of the run."""
    family, homes = Family(), dict[TrialId, ExperimentId]()
    for event in read_log(run.log):
        family(event)
        if isinstance(event, TrialAdded):
            homes[event.trial] = event.experiment
    return homes[family.winners_line()[-1].trial]
