"""Trainables that a training of hetsched's holds itself, without Tune."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ray.train._internal import session as tune_sessions
from ray.tune import Checkpoint, Trainable


@contextmanager
def tune_session(session: Any) -> Iterator[None]:
    """Within the context, `tune.report`, `tune.get_checkpoint` and `tune.get_context` find this
    session."""
    before = tune_sessions._session
    tune_sessions._session = session
    try:
        yield
    finally:
        tune_sessions._session = before


def with_logdir(trainable: type[Trainable], folder: str) -> type[Trainable]:
    """A subclass of the trainable whose instances have that folder as their `logdir`. Ray would
    make a folder in ~/ray_results."""

    def setup_logdir(self: Any) -> None:
        self._logdir = folder

    own = {"_setup_logdir": setup_logdir, "__module__": vars(trainable)["__module__"]}
    placed: type[Trainable] = type(trainable.__name__, (trainable,), own)
    return placed


def restore(trainable: Trainable, folder: str, result: dict[str, Any]) -> None:
    """Let the trainable load what `save` left in the folder. `result` is the result at that time,
    with the number of iterations."""
    trainable.restore(tune_sessions._TrainingResult(Checkpoint.from_directory(folder), result))
