"""The data of a run's charts: utilisation, resources, the lineage of the best score, and the search
spaces."""

from msgspec.structs import replace

from hetsched.analysis.lineage import Family, Forebear
from hetsched.analysis.resources_over_time import Resources
from hetsched.analysis.utilisation_over_time import WorkerTimes, utilisation_over_time
from hetsched.core.events import Event, TrialExploited
from hetsched.core.state import State
from hetsched.domain.hyperparameters import Choice, Domain, Float, Integer
from hetsched.domain.workload import Experiment
from hetsched.report.page.document import Ancestor, Axis, PageExperiment, PageRun, Series


class RunCharts:
    """Follows a run. Call it with the state and every event, after the event was applied to the
    state."""

    def __init__(self) -> None:
        self._times = WorkerTimes()
        self._resources = Resources()
        self._family = Family()
        self._after_exploits: list[tuple[int, float | None]] = []

    def __call__(self, state: State, event: Event) -> None:
        self._times(event)
        self._resources(event)
        self._family(event)
        if isinstance(event, TrialExploited):
            trial = state.trials[event.trial]
            self._after_exploits.append((trial.iterations, trial.score))

    def on(self, run: PageRun, state: State) -> PageRun:
        """The run, with the data of its charts filled in."""
        return replace(
            run,
            exploits=[
                replace(exploit, iterations=iterations, score=score)
                for exploit, (iterations, score) in zip(run.exploits, self._after_exploits, strict=True)
            ],
            utilisation=[
                Series(found.name, found.group, "share", found.time_s, found.value, found.mean)
                for found in utilisation_over_time(self._times, run.end_s)
            ],
            resources=[
                Series(found.name, found.resource, "share", found.time_s, found.value)
                for found in self._resources.over_time(run.end_s)
            ],
            ancestors=[_ancestor(forebear, state) for forebear in self._family.winners_line()],
            experiments=[_experiment(experiment) for experiment in state.experiments.values()],
        )


def _ancestor(forebear: Forebear, state: State) -> Ancestor:
    return Ancestor(
        trial=state.trials[forebear.trial].index,
        source=None if forebear.source is None else state.trials[forebear.source].index,
        from_s=round(forebear.from_s, 3),
        to_s=round(forebear.to_s, 3),
        iterations=forebear.iterations,
        score=forebear.score,
        changed=dict(forebear.changed),
    )


def _experiment(experiment: Experiment) -> PageExperiment:
    searched = {name: _axis(domain) for name, domain in experiment.searched.items()}
    return PageExperiment(experiment.id, experiment.metric, experiment.stop_score, experiment.counts_lineage, searched)


def _axis(domain: Domain) -> Axis:
    match domain:
        case Float(scale=scale) | Integer(scale=scale):
            return Axis(scale)
        case Choice(values=values):
            return Axis("choice", list(values))
        case _:
            raise AssertionError(f"a constant is not searched: {domain}")
