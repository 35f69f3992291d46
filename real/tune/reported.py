"""The results of an evaluation: the experiment's metric, by which trials are ranked, and further
metrics."""

from collections.abc import Mapping
from numbers import Real

from hetsched.domain.metric import finite
from hetsched.domain.workload import Experiment, TrialId
from hetsched.errors import InputError, nearest


def checked(reported: object, model: str) -> dict[str, float | None]:
    """What the model's evaluation returned, by the names of the metrics. None: the value is not
    finite.

    Raises InputError, which ends the run, for a value that is no metrics: a further attempt would
    give the same.
    """
    values = reported if isinstance(reported, Mapping) else {}
    if values and all(isinstance(name, str) and isinstance(value, Real) for name, value in values.items()):
        return {name: finite(value) for name, value in values.items()}
    raise InputError(
        f"the trainer of {model!r}: evaluate returned {reported!r}: expected numbers by the names of their metrics, "
        'such as {"accuracy": 0.93}'
    )


def divided(
    experiment: Experiment, trial: TrialId, reported: Mapping[str, float | None]
) -> tuple[float | None, dict[str, float | None]]:
    """The score of the trial, and the further metrics.

    Raises InputError, which ends the run, if the experiment's metric is missing: no trial could be
    ranked. It also raises for a value that the metric cannot have: no target could be trusted.
    """
    name = experiment.metric.name
    if name not in reported:
        raise InputError(
            f"trial {trial}: its evaluation did not report {name!r}, the metric of experiment {experiment.id!r}: "
            f"{nearest(name, reported)}; have evaluate return it, or set metric.name of the experiment"
        )
    if (wrong := experiment.metric.beyond(reported[name])) is not None:
        raise InputError(f"trial {trial}: its evaluation reported {wrong}")
    further = dict(reported)
    return further.pop(name), further
