"""What simulations assume of scores that nobody recorded."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from math import sqrt
from typing import Any, TypeVar

from hetsched.domain.learning import (
    ChecksHyperparameters,
    KnowsRecordedValues,
    NamesHyperparameters,
    SaysAssumptions,
    SaysImages,
    SaysLimits,
    SaysNoise,
)
from hetsched.domain.metric import DEFAULT
from hetsched.domain.workload import Experiment, TrialKind
from hetsched.errors import RAISED, HetschedError, InputError, where
from hetsched.scenario.scenario import Setup
from hetsched.studies.beyond_values import beyond_values
from hetsched.studies.no_exploits import copies, exploits_by_order
from hetsched.studies.pairs import some

T = TypeVar("T")


def scores(setup: Setup) -> Iterator[str]:
    """What the learning model assumes, which scores are unknown because nothing is evaluated, and
    which hyperparameters have no effect."""
    yield from _of_model(setup)
    yield from _ignored(setup)


def _of_model(setup: Setup) -> Iterator[str]:
    if unseen := [e for e in setup.workload.experiments if not e.evaluation_images]:
        yield f"scores: not evaluated, and unknown, for {some(e.id for e in unseen)}{exploits_by_order(unseen)}"
    model = setup.learning_model()
    evaluated = [e for e in setup.workload.experiments if e.evaluation_images]
    if isinstance(model, SaysLimits):
        for experiment in evaluated:
            yield from limits(setup, model, experiment, experiment.stop_iterations)
    if isinstance(model, KnowsRecordedValues):
        for experiment in evaluated:
            yield from _values(setup, model, experiment)
    if isinstance(model, SaysImages):
        for experiment in evaluated:
            yield from _images(setup, model, experiment)
    if isinstance(model, SaysNoise) and setup.scenario.training is None:
        yield from _few_images(setup, model, evaluated)
    if not isinstance(model, SaysAssumptions):
        return
    kinds = list(dict.fromkeys(kind for experiment in evaluated for kind in experiment.kinds))
    named = " and ".join(dict.fromkeys(experiment.metric.name for experiment in evaluated))
    rest = ["exploits"] if any(map(copies, evaluated)) else []
    rest += ["stop_score"] if any(e.stop_score is not None for e in evaluated) else []
    for line in _answered(setup, "assumed", lambda: model.assumed(kinds)):
        yield f"{named}: {line}" + (f"; {' and '.join(rest)} go by it" if rest else "")


def limits(setup: Setup, model: SaysLimits, experiment: Experiment, iterations: int) -> list[str]:
    """What of so many iterations of the experiment's trials lies beyond everything that the
    learning model was made from, a line each."""
    told = _answered(
        setup,
        "beyond",
        lambda: [line for kind in experiment.kinds if (line := model.beyond(kind, iterations)) is not None],
    )
    return [f"{experiment.metric.name}: {line}" for line in dict.fromkeys(told)]


def _values(setup: Setup, model: KnowsRecordedValues, experiment: Experiment) -> list[str]:
    """Which values of the experiment's hyperparameters are far beyond all recorded ones. `_ignored`
    names those that are searched in vain."""
    in_vain = _searched_in_vain(setup, model, experiment)

    def recorded(kind: TrialKind) -> dict[str, Collection[Any]]:
        return {name: values for name, values in model.recorded_values(kind).items() if name not in in_vain}

    told = _answered(
        setup,
        "recorded_values",
        lambda: [line for kind in experiment.kinds for line in beyond_values(experiment, recorded(kind))],
    )
    return [f"{experiment.metric.name}: beyond the recordings: {line}" for line in dict.fromkeys(told)]


def _images(setup: Setup, model: SaysImages, experiment: Experiment) -> list[str]:
    """How the images on which the experiment trains differ from those of the recordings."""
    augment = setup.scenario.real.augment and setup.scenario.training is None
    told: list[str] = []
    for kind in experiment.kinds:
        ask = partial(model.unlike_recorded, kind, experiment.train_images, augment)
        told += _answered(setup, "unlike_recorded", ask)
    return [f"{experiment.metric.name}: {line}" for line in dict.fromkeys(told)]


def _few_images(setup: Setup, model: SaysNoise, evaluated: Iterable[Experiment]) -> Iterator[str]:
    """Which experiments evaluate so few images that these alone make an accuracy noisier than the
    learning model does. The accuracy of right answers in half of n images has the binomial spread
    sqrt(1/4 / n)."""
    noise = _asked(setup, "score_noise", lambda: float(model.score_noise()))
    few: dict[int, list[str]] = {}
    for each in evaluated:
        if each.metric == DEFAULT and 0 < noise < sqrt(0.25 / each.evaluation_images):
            few.setdefault(each.evaluation_images, []).append(each.id)
    for images, names in few.items():
        yield (
            f"{DEFAULT.name}: a noise of {noise:g} for {some(names)}, though {images} evaluation images alone "
            f"give up to {sqrt(0.25 / images):.2g}; set learning.options.noise"
        )


def _ignored(setup: Setup) -> Iterator[str]:
    """The searched hyperparameters that have no effect, because the learning model does not use
    them."""
    model = setup.learning_model()
    evaluated = [experiment for experiment in setup.workload.experiments if experiment.evaluation_images]
    if ignored := [name for experiment in evaluated for name in _searched_in_vain(setup, model, experiment)]:
        yield f"learning: the curve knows nothing of {some(ignored)}: no value is better than another"


def _searched_in_vain(setup: Setup, model: object, experiment: Experiment) -> list[str]:
    """The searched hyperparameters of the experiment that the learning model does not use."""
    if not isinstance(model, NamesHyperparameters):
        return []
    known = _answered(setup, "known_hyperparameters", lambda: model.known_hyperparameters)
    return [name for name in experiment.searched if name not in known]


def _answered(setup: Setup, what: str, ask: Callable[[], Iterable[Any]]) -> list[str]:
    """What the learning model says of itself. Raises HetschedError, naming the model, if its answer
    is no list of texts."""
    found = _asked(setup, what, ask)
    answer = _asked(setup, what, lambda: list(found))
    if isinstance(found, str) or not all(isinstance(line, str) for line in answer):
        raise HetschedError(
            f"learning model {setup.scenario.learning.model!r}: {what}: expected a list of texts, found {found!r}"
        )
    return answer


def _asked(setup: Setup, what: str, ask: Callable[[], T]) -> T:
    """The answer of the learning model. Raises HetschedError, naming the model, if the model fails."""
    try:
        return ask()
    except InputError:
        raise
    except RAISED as error:
        name = f"learning model {setup.scenario.learning.model!r}: {what}"
        raise HetschedError(f"{name} raised {type(error).__name__}{where(error)}: {error}") from error


def check_learning(setup: Setup) -> None:
    """Ask the learning model what it says of itself and of the scenario, before anything is simulated
    or measured. Raises InputError if the model does not suit the scenario, and HetschedError if it
    fails."""
    _ = list(scores(setup))
    model = setup.learning_model()
    if not isinstance(model, ChecksHyperparameters):
        return
    for experiment in [each for each in setup.workload.experiments if each.evaluation_images]:
        values = {name: domain.at(0.5) for name, domain in experiment.search_space.items()}
        for kind in experiment.kinds:
            _asked(setup, "check_hyperparameters", partial(model.check_hyperparameters, kind, values))
