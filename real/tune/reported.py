"""What an evaluation reported: the experiment's metric, by which trials are ranked, and further metrics."""

from collections.abc import Mapping

from hetsched.domain.workload import Experiment, TrialId
from hetsched.errors import InputError, nearest


def divided(
    experiment: Experiment, trial: TrialId, reported: Mapping[str, float | None]
) -> tuple[float | None, dict[str, float | None]]:
    """The score of the trial, and the further metrics.

    Raises InputError, which ends the run, if the metric is not among them: nothing could be ranked.
    """
    name = experiment.metric.name
    if name not in reported:
        raise InputError(
            f"trial {trial}: its evaluation did not report {name!r}, the metric of experiment {experiment.id!r}: "
            f"{nearest(name, reported)}; have evaluate return it, or set metric.name of the experiment"
        )
    further = dict(reported)
    return further.pop(name), further
