"""Which recordings are held out together, and a model's predictions of each while it is held
out."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hetsched.domain.random_streams import stream
from hetsched.studies.fit_result import Errors
from sim.learning.candidates import Candidate
from sim.learning.errors import errors_of, recorded_scores
from sim.learning.recordings import Recording


class Labelled(NamedTuple):
    """A recording and the file that it is from."""

    file: str
    recording: Recording


class HeldOut(NamedTuple):
    """A recording, and its scores as predicted by a model that was not fitted to its fold."""

    labelled: Labelled
    predicted: Sequence[float]

    @property
    def pair(self) -> tuple[Sequence[float], Sequence[float]]:
        return self.predicted, recorded_scores(self.labelled.recording)


def folds_of(recordings: Sequence[Labelled], folds: int, seed: int) -> list[list[Labelled]]:
    """The recordings in folds, dealt at random. Those of each file are spread evenly, with and
    without a schedule.

    Recordings of one configuration that differ by their seeds are in one fold, because one would
    reveal the others. No fold is empty.
    """
    groups: dict[object, list[Labelled]] = {}
    for labelled in recordings:
        groups.setdefault(labelled.recording.configuration, []).append(labelled)
    alike: dict[tuple[str, bool], list[list[Labelled]]] = {}
    for group in groups.values():
        alike.setdefault((group[0].file, group[0].recording.has_schedule), []).append(group)
    rng = stream(seed, "folds")
    dealt = [some[place] for some in alike.values() for place in rng.permutation(len(some)).tolist()]
    found: list[list[Labelled]] = [[] for _ in range(min(folds, len(dealt)))]
    for number, group in enumerate(dealt):
        found[number % len(found)] += group
    return found


def held_out(
    candidate: Candidate, folds: Sequence[Sequence[Labelled]], on_fit: Callable[[], object] = lambda: None
) -> list[HeldOut]:
    """What the candidate predicts of each fold, fitted to the others."""
    found = []
    for number, fold in enumerate(folds):
        others = [each.recording for place, other in enumerate(folds) if place != number for each in other]
        predict = candidate(others).predict
        on_fit()
        found += [HeldOut(each, predict(each.recording)) for each in fold]
    return found


def by_file(predictions: Sequence[HeldOut]) -> Mapping[str, Errors]:
    """The errors on the recordings of each file."""
    files = dict.fromkeys(each.labelled.file for each in predictions)
    return {
        file: errors_of([each.pair for each in predictions if each.labelled.file == file]) for file in sorted(files)
    }
