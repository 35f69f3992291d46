"""Recordings: the scores that real trials reported over their iterations, with the hyperparameters
that they had.

A recording file is a CSV file with one line per evaluation. The lines of a recording are in the
order of `iteration`:

    recording,model,dataset,batch_size,seed,evaluation_images,iteration,lr,momentum,weight_decay,accuracy,loss

`lr`, `momentum` and `weight_decay` are those of the iterations since the line before. Every other
hyperparameter has a column `hyperparameters.NAME`. The line of iteration 0 is the untrained
network. `loss` is the mean over the iterations since the line before. A file with scores of another
metric has a column with its name instead of `accuracy`. Its further columns are ignored. The score
of a line is empty if it was not finite.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import groupby, pairwise
from math import isnan, nan
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model, model_validator

from hetsched.domain.hyperparameters import OF_SGD
from hetsched.domain.metric import DEFAULT, MOST_SCORE
from hetsched.domain.random_streams import stream
from hetsched.domain.recordings import OF_TRIAL, PREFIX, column_of, value_of
from hetsched.domain.workload import BATCH_SIZE, TrialKind
from hetsched.errors import InputError
from hetsched.scenario.csv_rows import columns_of, read_rows
from hetsched.scenario.search_space import MOST

SHIPPED = Path(str(files("sim.learning.recordings_data")))
"""The folder of the recordings that come with hetsched (docs/learning.md says how they were
made)."""


def _is_other(column: str) -> bool:
    return column.startswith(PREFIX)


def _value_of(column: str, cell: str) -> Any:
    try:
        return value_of(cell)
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from error


class Evaluation(BaseModel):
    """A line of a recording file."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    recording: str
    model: str
    dataset: str
    batch_size: int = Field(gt=0, le=10**9)
    seed: int
    evaluation_images: int | None = Field(default=None, gt=0, le=10**9)
    iteration: int = Field(ge=0, le=10**12)
    lr: float | None = Field(default=None, ge=0, le=MOST)
    momentum: float = Field(default=0.0, ge=0, le=MOST)
    weight_decay: float = Field(default=0.0, ge=0, le=MOST)
    others: dict[str, Any] = Field(default={}, validation_alias=AliasChoices(PREFIX))
    score: float = Field(default=nan, ge=0, le=1, validation_alias=AliasChoices("accuracy"))
    loss: float | None = Field(default=None, ge=-MOST_SCORE, le=MOST_SCORE)

    @model_validator(mode="before")
    @classmethod
    def _gathers(cls, cells: dict[str, Any]) -> dict[str, Any]:
        """The cells, with the hyperparameters that are not of SGD in one dictionary by name."""
        for key in filter(_is_other, cells):
            if (column := column_of(key.removeprefix(PREFIX))) != key:
                raise ValueError(f"{key}: expected the column {column!r} for this hyperparameter")
        others = {key.removeprefix(PREFIX): _value_of(key, cell) for key, cell in cells.items() if _is_other(key)}
        kept = {key: cell for key, cell in cells.items() if not _is_other(key)}
        return kept | {PREFIX: others} if others else kept

    @model_validator(mode="after")
    def _one_batch_size(self) -> Self:
        if (other := self.others.get(BATCH_SIZE, self.batch_size)) != self.batch_size:
            raise ValueError(f"{PREFIX}{BATCH_SIZE}: expected {self.batch_size}, as in batch_size, found {other}")
        return self

    @property
    def kind(self) -> TrialKind:
        return TrialKind(self.model, self.dataset, self.batch_size)

    @property
    def given(self) -> set[str]:
        """The hyperparameters that have a cell."""
        return {*self.others, *self.model_fields_set.intersection(OF_SGD)}

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The hyperparameters. Those of SGD that have no cell are 0, except the rate."""
        rate = {} if self.lr is None else {"lr": self.lr}
        return {**rate, "momentum": self.momentum, "weight_decay": self.weight_decay, **self.others}


@cache
def _lines_of(metric: str) -> type[Evaluation]:
    """The lines of a file whose scores are of this metric."""
    if metric == DEFAULT.name:
        return Evaluation
    limits = Field(default=nan, ge=-MOST_SCORE, le=MOST_SCORE, validation_alias=AliasChoices(metric))
    return create_model(f"Evaluation by {metric}", __base__=_EvaluationByAnother, score=(float, limits))


class _EvaluationByAnother(Evaluation):
    model_config = ConfigDict(extra="ignore")


class Recording(NamedTuple):
    """One trial's evaluations in the order of their iterations. The first is of the untrained
    network. `unscored` are the lines whose score was not finite."""

    name: str
    kind: TrialKind
    evaluations: tuple[Evaluation, ...]
    unscored: tuple[Evaluation, ...] = ()

    @property
    def lines(self) -> list[Evaluation]:
        """All lines in the order of their iterations, with a score or without one."""
        return sorted([*self.evaluations, *self.unscored], key=lambda line: line.iteration)

    @property
    def has_schedule(self) -> bool:
        """Whether its hyperparameters changed during the recording. Those of the untrained network do
        not count."""
        trained = [line.hyperparameters for line in self.lines if line.iteration]
        return any(each != trained[0] for each in trained)

    @property
    def configuration(self) -> tuple[TrialKind, str]:
        """The common key of recordings that differ only by their seeds: the kind of trial, and from
        which iterations on it had which hyperparameters. Which lines have a score does not
        matter."""
        lines = self.lines
        changes = [(0, (lines[1] if len(lines) > 1 else lines[0]).hyperparameters)]
        for before, line in pairwise(lines[1:]):
            if line.hyperparameters != before.hyperparameters:
                changes.append((before.iteration, line.hyperparameters))
        return self.kind, repr(changes)

    @property
    def final_score(self) -> float:
        return self.evaluations[-1].score


def read_recordings(path: Path, chance: float | None = None, metric: str = DEFAULT.name) -> list[Recording]:
    """The recordings of a file, with scores of the metric. A recording that begins later than the
    untrained network starts from the score `chance` at iteration 0. A recording that has no score
    has no evaluations.

    Raises InputError, naming file and line, for a line that is no recording. It also raises if
    `chance` is needed and missing.
    """
    _refuse_another_metric(path, metric)
    numbered = read_rows(path, _lines_of(metric), "recording file", _needed(path, metric), prefix=PREFIX)
    recordings: dict[str, Recording] = {}
    trained: dict[int, Evaluation] = {}
    for name, of_one in groupby(numbered, key=lambda line: line[1].recording):
        lines = dict(of_one)
        _check_lines(path, name, lines)
        number, first = next(iter(lines.items()))
        if name in recordings:
            raise InputError(
                f"{path}:{number}: recording {name!r} has lines before: the lines of a recording must stand "
                "together, and their names differ"
            )
        scored = {number: line for number, line in lines.items() if not isnan(line.score)}
        starts = (_start(f"{path}:{number}", line, chance) for number, line in scored.items())
        evaluations = (*next(starts, ()), *scored.values())
        unscored = tuple(line for line in lines.values() if isnan(line.score) and line.iteration > 0)
        recordings[name] = Recording(name, first.kind, evaluations, unscored)
        trained |= {number: line for number, line in lines.items() if line.iteration > 0}
    if not recordings:
        raise InputError(f"{path}: the file has no recordings; make some with 'hetsched record --out {path}'")
    _refuse_gaps(path, trained)
    return list(recordings.values())


def read_once(path: Path, chance: float | None = None, metric: str = DEFAULT.name) -> Sequence[Recording]:
    """`read_recordings`, of a file that is read again only after it has changed. Every run of a study
    makes its own learning model."""
    try:
        found = path.resolve().stat()
    except OSError:
        return read_recordings(path, chance, metric)  # which says what is wrong
    version = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return _read_version(version, path, chance, metric)


@lru_cache(maxsize=8)
def _read_version(version: tuple[int, ...], path: Path, chance: float | None, metric: str) -> tuple[Recording, ...]:
    return tuple(read_recordings(path, chance, metric))


def _refuse_gaps(path: Path, trained: Mapping[int, Evaluation]) -> None:
    """Raise InputError, naming file, line and column, for a line of a trained network that lacks a
    hyperparameter which another line has. Such a trial would be like none that has a value."""
    first: dict[str, int] = {}
    for number, line in trained.items():
        for name in line.given:
            first.setdefault(name, number)
    for number, line in trained.items():
        for name, known in sorted(first.items()):
            if name not in line.given:
                raise InputError(
                    f"{path}:{number}: {column_of(name)}: empty, and line {known} has a value: fill it in, or leave "
                    "the line out"
                )


def mixed_columns(recordings: Iterable[Recording]) -> list[str]:
    """A line for each hyperparameter that has a number in some recordings and none in others. Its
    values are not near or far then, but equal or not."""
    found: dict[str, dict[bool, tuple[str, Any]]] = {}
    for recording in recordings:
        for name, value in recording.lines[-1].others.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            found.setdefault(name, {}).setdefault(is_number, (recording.name, value))
    return [
        f"{column_of(name)} has {of[False][1]!r} in recording {of[False][0]!r} and numbers in others, so its values "
        "are equal or not, and never near"
        for name, of in found.items()
        if len(of) > 1
    ]


def _check_lines(path: Path, name: str, lines: Mapping[int, Evaluation]) -> None:
    """Raise InputError, naming file and line, if the lines are not of one recording."""
    for (_, line), (number, later) in pairwise(lines.items()):
        where = f"{path}:{number}: recording {name!r}"
        if later.kind != line.kind:
            raise InputError(f"{where} is of several kinds of trial; a recording is one trial's")
        if later.iteration <= line.iteration:
            raise InputError(f"{where}: its lines must be in the order of iterations")


def _needed(path: Path, metric: str) -> list[str]:
    """The columns that a file must have. A file with columns `hyperparameters.NAME` need not have
    those of SGD."""
    own = any(column.startswith(PREFIX) for column in columns_of(path))
    return [*_REQUIRED, *(() if own else ("lr",)), metric]


_REQUIRED = [name for name, field in Evaluation.model_fields.items() if field.is_required()]


def _refuse_another_metric(path: Path, metric: str) -> None:
    """Raise InputError for a metric that no file has scores of, and for a file of recordings whose
    scores are of other metrics."""
    if metric in (*OF_TRIAL, *OF_SGD) or metric.startswith(PREFIX):
        raise InputError(
            f"{path}: column {metric!r} says what was recorded, and is no score: name a column of scores, 'hetsched "
            "fit' by --metric, a scenario by learning.options.metric"
        )
    columns = columns_of(path)
    if metric in columns or not set(_REQUIRED) <= set(columns):
        return
    known = (*OF_TRIAL, *OF_SGD)
    others = [name for name in columns if name not in known and not name.startswith(PREFIX)]
    if others:
        raise InputError(
            f"{path}: has no column {metric!r}, and has {', '.join(map(repr, others))}: say which is the metric, and "
            f"which scores are better: 'hetsched fit' by --metric {others[0]} --mode min (or max), a scenario by "
            "learning.options.metric and mode"
        )


def _start(place: str, first: Evaluation, chance: float | None) -> tuple[Evaluation, ...]:
    """The line of the untrained network, if a recording that begins with `first` lacks it. Raises
    InputError if its score is unknown."""
    if first.iteration == 0:
        return ()
    if chance is None:
        raise InputError(
            f"{place}: recording {first.recording!r} begins at iteration {first.iteration}, and nothing says what came "
            "before: add a line of iteration 0 (the untrained network) with its score, or give this score to 'fit' "
            "by --chance, to the 'tabular' model by learning.options.chance = 0.1 (guessing among ten classes)"
        )
    return (first.model_copy(update={"iteration": 0, "score": chance, "loss": None}),)


def split(recordings: Iterable[Recording], lot: int = 0) -> tuple[list[Recording], list[Recording]]:
    """Three quarters for fitting and one quarter for judging, at random, with and without a
    schedule alike. Shipped constants are fitted with lot 0. Other lots show the random part of the
    figures."""
    to_fit: list[Recording] = []
    held_out: list[Recording] = []
    rng = stream(lot, "held-out recordings")
    by_schedule: dict[bool, list[Recording]] = {False: [], True: []}
    for recording in recordings:
        by_schedule[recording.has_schedule].append(recording)
    for alike in by_schedule.values():
        chosen = set(rng.permutation(len(alike))[: round(len(alike) / 4)].tolist())
        for number, recording in enumerate(alike):
            (held_out if number in chosen else to_fit).append(recording)
    return to_fit, held_out


def mean_curve(recordings: Iterable[Recording]) -> dict[int, float]:
    """The mean score after each number of iterations. A model must beat it."""
    by_iteration: dict[int, list[float]] = {}
    for recording in recordings:
        for line in recording.evaluations:
            by_iteration.setdefault(line.iteration, []).append(line.score)
    return {iteration: float(np.mean(scores)) for iteration, scores in sorted(by_iteration.items())}
