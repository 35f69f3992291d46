"""What the charts of a run show beside its segments: utilisation, the winner's line, and what was searched."""

from collections.abc import Sequence

from msgspec.structs import replace

from hetsched.analysis.lineage import Forebear, winners_line
from hetsched.analysis.utilisation_over_time import utilisation_over_time
from hetsched.core.events import Event, ExperimentArrived
from hetsched.domain.hyperparameters import Choice, Domain, Float, Integer
from hetsched.domain.workload import Experiment
from hetsched.report.page.document import Ancestor, Axis, PageExperiment, PageRun, Series


def with_charts(run: PageRun, events: Sequence[Event]) -> PageRun:
    """The run with everything that its charts need. Trials of the run are those of the log."""
    place = {trial.id: number for number, trial in enumerate(run.trials)}
    return replace(
        run,
        utilisation=_utilisation(events, run.end_s),
        ancestors=[_ancestor(forebear, place) for forebear in winners_line(events)],
        experiments=[_experiment(event.experiment) for event in events if isinstance(event, ExperimentArrived)],
    )


def _utilisation(events: Sequence[Event], end_s: float) -> list[Series]:
    return [
        Series(found.name, found.group, "share", found.time_s, found.value)
        for found in utilisation_over_time(events, end_s)
    ]


def _ancestor(forebear: Forebear, place: dict[str, int]) -> Ancestor:
    return Ancestor(
        trial=place[forebear.trial],
        source=None if forebear.source is None else place[forebear.source],
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
