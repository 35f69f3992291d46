"""Checks that a learning model predicts the metrics of a scenario's experiments."""

from collections.abc import Iterable
from typing import get_args

from hetsched.domain.learning import LearningModel, OfOneMetric, OfOneMode, RefusesMetrics
from hetsched.domain.metric import Metric, Mode
from hetsched.domain.workload import Experiment
from hetsched.errors import RAISED, HetschedError, InputError, where


def check_metrics(name: str, model: LearningModel, experiments: Iterable[Experiment]) -> None:
    """Raise InputError if the model of that name cannot predict the metric of an experiment.

    Raises HetschedError, naming the model, if the model fails at the question.
    """
    for experiment in experiments:
        if experiment.evaluation_images:
            _check(name, model, experiment)


def _check(name: str, model: LearningModel, experiment: Experiment) -> None:
    wanted, better = experiment.metric.name, experiment.metric.mode
    if isinstance(model, OfOneMetric) and model.metric != wanted:
        raise InputError(
            f"learning.model {name!r}: predicts {model.metric!r}, and the metric of experiment {experiment.id!r} is "
            f"{wanted!r}: name a model of that, or 'unknown', which predicts no scores"
        )
    if isinstance(model, OfOneMode) and model.mode in get_args(Mode) and model.mode != better:
        raise InputError(
            f"learning.options.mode is {model.mode!r}, and experiment {experiment.id!r} has metric.mode {better!r}: "
            f"set both to the one that holds of {wanted!r}"
        )
    if isinstance(model, RefusesMetrics) and (why := _refusal(name, model, experiment.metric)) is not None:
        raise InputError(f"learning.model {name!r}: experiment {experiment.id!r}: {why}")


def _refusal(name: str, model: RefusesMetrics, metric: Metric) -> str | None:
    try:
        return model.refuses(metric)
    except InputError:
        raise
    except RAISED as error:
        message = f"learning model {name!r}: refuses raised {type(error).__name__}{where(error)}: {error}"
        raise HetschedError(message) from error
