"""Which best weights have more iterations behind them than the learning model knows. A trial may
copy weights, and then train them further than any trial trains alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from hetsched.analysis.lineage import Family
from hetsched.core.events import TrialAdded
from hetsched.core.log import read_log
from hetsched.domain.learning import SaysLimits
from hetsched.domain.workload import Experiment, ExperimentId, TrialId
from hetsched.errors import HetschedError
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_scores import limits
from hetsched.studies.one_run import RunResult


def beyond_recordings(setup: Setup, runs: Iterable[RunResult]) -> list[str]:
    """A line for each limit of the learning model that the best weights of some runs are beyond.
    `assumptions` has said the limits that a trial without copies is beyond."""
    return beyond_in_words(iterations_beyond(setup, runs))


def iterations_beyond(setup: Setup, runs: Iterable[RunResult]) -> dict[str, int]:
    """By limit, the most iterations behind the best weights of the runs that are beyond it. 0: the
    learning model failed, and the error takes the place of a limit."""
    evaluated = [experiment for experiment in setup.workload.experiments if experiment.evaluation_images]
    shortest = min((experiment.stop_iterations for experiment in evaluated), default=0)
    longer = [run for run in runs if (run.metrics.lineage_iterations or 0) > shortest]
    if not longer:
        return {}
    try:
        model = setup.learning_model()
        return _beyond(setup, model, evaluated, longer) if isinstance(model, SaysLimits) else {}
    except HetschedError as error:  # the runs are over: their figures stay
        return {str(error): 0}


def beyond_in_words(most: Mapping[str, int]) -> list[str]:
    """The limits, with how many iterations are behind the best weights.

    >>> beyond_in_words({"nobody saw more than 40": 55})
    ['nobody saw more than 40; by copies, best weights have up to 55 iterations behind them']
    """
    copied = "by copies, best weights have up to"
    return [f"{line}; {copied} {behind} iterations behind them" if behind else line for line, behind in most.items()]


def the_most(of_runs: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """By limit, the most iterations of all runs."""
    most: defaultdict[str, int] = defaultdict(int)
    for line, behind in (pair for of_run in of_runs for pair in of_run.items()):
        most[line] = max(most[line], behind)
    return dict(most)


def _beyond(
    setup: Setup, model: SaysLimits, evaluated: Sequence[Experiment], runs: Iterable[RunResult]
) -> dict[str, int]:
    said = {line for each in evaluated for line in limits(setup, model, each, each.stop_iterations)}
    found = []
    for run in runs:
        behind = round(run.metrics.lineage_iterations or 0)
        of_each = {each.id: limits(setup, model, each, behind) for each in evaluated}
        home = evaluated[0].id if len({*map(tuple, of_each.values())}) == 1 else _home_of_best(run)
        found.append({line: behind for line in of_each[home] if line not in said})
    return the_most(found)


def _home_of_best(run: RunResult) -> ExperimentId:
    """The experiment whose trial has the best weights, by the log of the run."""
    family, homes = Family(), dict[TrialId, ExperimentId]()
    for event in read_log(run.log):
        family(event)
        if isinstance(event, TrialAdded):
            homes[event.trial] = event.experiment
    return homes[family.winners_line()[-1].trial]
