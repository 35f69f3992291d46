"""The order of trials by their progress, which several policies keep."""

from hetsched.core.kept_orders import Place
from hetsched.core.trial import Trial
from hetsched.core.view import StateView


def progress(_: StateView, trial: Trial) -> Place:
    """The trial's place by its iterations, the fewest first. Of equal trials the trial that was
    added first comes first."""
    return trial.iterations, trial.index
