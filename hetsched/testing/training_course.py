"""Calls trainings as a worker does, and records the calls as a program."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any, NamedTuple

from hetsched.domain.hyperparameters import nested
from hetsched.domain.metric import DEFAULT, Metric
from hetsched.domain.training import Resources, Training, TrainingClass, metrics_of
from hetsched.errors import RAISED, closest, where


class Subject(NamedTuple):
    """The training that is checked: what makes it, its name, and its arguments.

    `hyperparameters` are flat. `changed` has another value for each one that may change. Two
    numbers are the same if they differ by at most `tolerance` of the larger one. Every evaluation
    must report these `metrics`.
    """

    make: TrainingClass
    name: str
    options: Mapping[str, Any]
    resources: Resources
    hyperparameters: Mapping[str, Any]
    changed: Mapping[str, Any]
    tolerance: float
    metrics: tuple[str, ...] = ()


class RaisedError(Exception):
    """A method of the training raised, or returned a wrong value. The message says which."""


class Saved(NamedTuple):
    """A saved folder: its place, its name in the program, the place of its copy, and its
    content."""

    folder: Path
    name: str
    copy: Path
    content: dict[str, str]


class Course:
    """One course of calls, in which any number of trainings take part. `lines` are the calls as a
    program.

    Folders are made in `home`, which must be empty.
    """

    def __init__(self, subject: Subject, home: Path) -> None:
        self.subject = subject
        self.lines: list[str] = []
        self._home = home
        self._trainings = self._folders = 0

    def make(self) -> "Played":
        """Make one more training."""
        name = "abcdefgh"[self._trainings]
        self._trainings += 1
        subject = self.subject
        self.lines.append(f"{name} = {subject.name}({dict(subject.options)!r}, resources)")
        return Played(self, name, self.called("__init__", lambda: subject.make(subject.options, subject.resources)))

    def folder(self) -> tuple[Path, str]:
        """A new empty folder, and its name in the program."""
        self._folders += 1
        folder = self._home / f"folder{self._folders}"
        folder.mkdir()
        return folder, folder.name

    def called(self, method: str, call: Callable[[], Any]) -> Any:
        """The result of a call. Raises RaisedError if it raises."""
        try:
            return call()
        except RAISED as error:
            raise RaisedError(f"{method} raised {type(error).__name__}{where(error)}: {error}") from error


class Played:
    """A training that takes part in a course under a `name`. Its methods are those of a
    training."""

    def __init__(self, course: Course, name: str, training: Training) -> None:
        self._course, self._name, self._training = course, name, training

    def start(self, seed: int = 1) -> None:
        given = nested(self._course.subject.hyperparameters)
        self._call("start", f"{given!r}, seed={seed}", lambda: self._training.start(given, seed))

    def change(self, **changed: Any) -> None:
        """Change to the hyperparameters of `start`, with these values in place of its values."""
        given = nested({**self._course.subject.hyperparameters, **changed})
        self._call("change", f"{given!r}", lambda: self._training.change(given))

    def train(self, iterations: int) -> None:
        self._call("train", str(iterations), lambda: self._training.train(iterations))

    def evaluate(self) -> dict[str, float]:
        """The metrics. Raises RaisedError if the result is no metrics, lacks one that is
        required, or has a value that the metric cannot have."""
        returned = self._call("evaluate", "", self._training.evaluate)
        try:
            metrics = metrics_of(returned)
        except TypeError as error:
            raise RaisedError(str(error)) from error
        self._course.lines[-1] += f"  # {metrics}"
        ranked = self._course.subject.metrics
        for name in ranked:
            if name not in metrics:
                raise RaisedError(f"evaluate did not report the scenario's metric: {_which(name, metrics)}")
        for name in ranked or (metrics if len(metrics) == 1 else ()):  # of several, the scenario says which counts
            if (wrong := Metric(name).beyond(metrics[name])) is not None:
                raise RaisedError(f"evaluate reported {wrong}")
        return metrics

    def save(self) -> Saved:
        """Save into a new folder, and copy it at once. Raises RaisedError if no file is there."""
        folder, name = self._course.folder()
        self._call("save", name, lambda: self._training.save(folder))
        if not (content := content_of(folder)):
            raise RaisedError("save wrote no file into its folder")
        return Saved(folder, name, Path(copytree(folder, folder.with_name(f"copy-of-{name}"))), content)

    def load(self, saved: Saved) -> None:
        """Load the copy, which is at another place than the saved folder: that is deleted."""
        rmtree(saved.folder)
        self._call("load", f"copy_of_{saved.name}", lambda: self._training.load(saved.copy))

    def _call(self, method: str, arguments: str, call: Callable[[], Any]) -> Any:
        self._course.lines.append(f"{self._name}.{method}({arguments})")
        return self._course.called(method, call)


def content_of(folder: Path) -> dict[str, str]:
    """The files of a folder and the digests of what is in them."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): blake2b(path.read_bytes()).hexdigest() for path in files}


def _which(expected: str, reported: Mapping[str, float]) -> str:
    """Which metric was expected and which ones were reported, and what to do."""
    near = f" (did you mean {close!r}?)" if (close := closest(expected, reported)) else ""
    return (
        f"expected {expected!r}, found {', '.join(map(repr, reported))}{near}; set metric.name of the experiment "
        f"(default: {DEFAULT.name!r}) to a reported metric, or have evaluate return {expected!r}"
    )
