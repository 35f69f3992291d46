"""Fits learning models to recordings, and chooses among them by cross-validation (`hetsched
fit`)."""

from collections.abc import Callable, Sequence
from typing import Any

from hetsched.domain.rounding import level
from hetsched.errors import InputError, nearest
from hetsched.studies.fit_result import FitOrder, Fitted, Judged, Noise
from sim.learning.candidates import SGD, Candidate, candidates_for
from sim.learning.cross_validation import Labelled, by_file, folds_of, held_out
from sim.learning.divergence import has_diverged
from sim.learning.errors import errors_of
from sim.learning.noise import noise_of
from sim.learning.recordings import SHIPPED, mixed_columns, read_recordings


def fit(order: FitOrder, on_fit: Callable[[str], object]) -> Fitted:
    """Fit every possible model to all recordings. Also compute its errors on recordings that were
    held out.

    Raises InputError for a file that has no recordings, for recordings of several networks, for
    unknown constants, and for too few recordings.
    """
    if wrong := [name for name in order.constants if name not in SGD]:
        raise InputError(f"--constants: 'sgd' has no {wrong[0]!r}: {nearest(wrong[0], SGD)}")
    recordings, unscored = recordings_of(order)
    only = [each.recording for each in recordings]
    folds = folds_of(recordings, order.folds, order.seed)
    if len(folds) < 2:
        raise InputError(
            f"{', '.join(sorted({each.file for each in recordings}))}: one configuration was recorded: to hold "
            "some out, record at least two"
        )
    candidates, left_out = candidates_for(order, only)
    noise = noise_of(only, order.metric)
    judged = []
    for name, candidate in candidates.items():
        try:
            judged.append(_judged(name, candidate, folds, noise, on_fit))
        except InputError as error:  # such as of a fold without which too few recordings are left
            left_out[name] = str(error)
    files = [each.file for each in recordings]
    return Fitted(
        network=only[0].kind.model,
        metric=order.metric,
        files={file: files.count(file) for file in dict.fromkeys(files)},
        folds=len(folds),
        judged=tuple(_in_order(judged)),
        left_out=left_out,
        noise=noise,
        diverged=tuple(each.recording.name for each in recordings if has_diverged(each.recording)),
        unscored=unscored,
        mixed=tuple(mixed_columns(only)),
    )


def _in_order(judged: Sequence[Judged]) -> list[Judged]:
    """The models, the best first. Models whose errors differ only by rounding stay as they are."""
    errors = level([each.held_out.mean_absolute_error for each in judged])
    return [each for _, each in sorted(zip(errors, judged, strict=True), key=lambda pair: pair[0])]


def _judged(
    name: str,
    candidate: Candidate,
    folds: Sequence[Sequence[Labelled]],
    noise: Noise,
    on_fit: Callable[[str], object],
) -> Judged:
    predictions = held_out(candidate, folds, lambda: on_fit(name))
    final = candidate([each.recording for fold in folds for each in fold])
    on_fit(name)
    learning: dict[str, Any] | None = None
    if final.learning is not None:
        spread = noise.by_images if noise.between_seeds is None else noise.between_seeds
        said = {} if spread is None or noise.changes else {"noise": float(f"{spread:.2g}")}
        learning = {**final.learning, "options": {**final.learning["options"], **said}}
    overall = errors_of([each.pair for each in predictions])
    return Judged(name, final.constants, overall, by_file(predictions), learning, final.undecided)


def recordings_of(order: FitOrder) -> tuple[list[Labelled], tuple[str, ...]]:
    """The recordings that the order names, and the names of those without a score after the first
    line, which are left out. Raises InputError if none is left, if they are of several networks, or
    if one has only one line."""
    paths = order.files or sorted(SHIPPED.glob("*.csv"))
    found = [Labelled(str(path), each) for path in paths for each in read_recordings(path, order.chance, order.metric)]
    networks = sorted({each.recording.kind.model for each in found})
    if order.network is None and len(networks) > 1:
        raise InputError(f"--model: a fit is of one network: name one of {', '.join(networks)}")
    if order.network is not None and order.network not in networks:
        raise InputError(f"--model {order.network}: no recording of it in {', '.join(map(str, paths))}")
    of_network = [each for each in found if order.network in (None, each.recording.kind.model)]
    for file, recording in of_network:
        if len(recording.lines) < 2:
            name = recording.name
            raise InputError(f"{file}: recording {name!r} has no line after its first; at least one is needed")
    kept = [each for each in of_network if len(each.recording.evaluations) > 1]
    if not kept:
        raise InputError(f"{', '.join(map(str, paths))}: no recording has a score after its first line: record again")
    return kept, tuple(each.recording.name for each in of_network if each not in kept)
