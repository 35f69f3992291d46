"""The rules for every training, so that trials can move, stop, go on and exploit each other
(docs/training.md)."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import isclose, isnan
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

from hetsched.domain.hyperparameters import flat
from hetsched.domain.training import Resources, TrainingClass
from hetsched.domain.training_class import source_of, training_class, what_is_wrong
from hetsched.errors import InputError
from hetsched.testing.check_error import CheckError
from hetsched.testing.training_course import Course, Played, RaisedError, Subject, content_of

ITERATIONS = 100
"""The iterations of the longest course."""

TOLERANCE = 1e-6
"""The relative difference up to which two numbers count as the same."""

SETTLE_S = 0.3
"""Seconds to wait for something that still writes in the background."""

ONE_CORE = Resources("cpu", 1, 0.0)
"""The default resources of a training."""

Sizes = tuple[int, int]
"""How many iterations are done before something happens, and how many after that."""

Play = Callable[[Course, Sizes], str | None]
"""Makes the calls of a course. Returns what happened instead of what is expected. None: all is as
expected."""


class TrainingError(CheckError):
    """A training fails a check. `course` is the smallest course of calls found in which it does, as
    a program."""

    KIND, CASE = "training", "course"

    @property
    def training(self) -> str:
        return self.subject

    @property
    def course(self) -> str:
        return self.smallest


class TrainingVerdict(NamedTuple):
    """The result of one check. It was not `made` if there is nothing to check, or if the training
    raised before."""

    check: str
    failure: TrainingError | None = None
    made: bool = True

    @property
    def result(self) -> str:
        if not self.made:
            return "not made"
        return "pass" if self.failure is None else "fail"

    def document(self) -> dict[str, object]:
        """The verdict as plain data."""
        return {"result": self.result, **(self.failure.document() if self.failure is not None else {})}


class Check(NamedTuple):
    """A check. `plays` are courses, shorter ones first. It fails if one of them fails in any size.
    With `once`, it fails only if one fails in every size."""

    name: str
    expected: str
    plays: list[Play]
    once: bool = False


def evaluated_twice(course: Course, sizes: Sizes) -> str | None:
    a = _started(course, sizes[0])
    return _difference(course, a.evaluate(), a.evaluate())


def started_twice(course: Course, sizes: Sizes) -> str | None:
    """The second training has trained another trial before."""
    a = _started(course, sizes[0]).evaluate()
    b = _started(course, sizes[1], seed=2)
    b.start(seed=1)
    b.train(sizes[0])
    return _difference(course, a, b.evaluate())


def interrupted(course: Course, sizes: Sizes, by: Callable[[Played], object]) -> str | None:
    whole = _started(course, sum(sizes)).evaluate()
    b = _started(course, sizes[0])
    by(b)
    b.train(sizes[1])
    return _difference(course, whole, b.evaluate())


def loaded(course: Course, sizes: Sizes, after_another: bool, changed: Mapping[str, Any]) -> str | None:
    """After load, evaluate, change and train give the same as on the training that was saved."""
    a = _started(course, sizes[0])
    saved = a.save()
    here = a.evaluate()
    a.change(**changed)
    a.train(sizes[1])
    later = a.evaluate()
    b = _started(course, 1, seed=2) if after_another else course.make()
    b.load(saved)
    b.change(**changed)
    if not changed and (different := _difference(course, here, b.evaluate())) is not None:
        return f"right after load, {different}"
    b.train(sizes[1])
    return _difference(course, later, b.evaluate())


def still_written(course: Course, sizes: Sizes) -> str | None:
    a = _started(course, sizes[0])
    saved = a.save()
    a.train(sizes[1])
    time.sleep(SETTLE_S)
    now = content_of(saved.folder)
    different = [name for name in {**saved.content, **now} if saved.content.get(name) != now.get(name)]
    return f"{different[0]!r} in {saved.name} was written to after save had returned" if different else None


def changed_in_vain(course: Course, sizes: Sizes, key: str) -> str | None:
    """A change makes no difference. Metrics may be too coarse to show one. What is saved after the
    value is back shows it, too, if the same calls always save the same."""
    a = _started(course, sum(sizes))
    b = _started(course, sizes[0])
    b.change(**{key: course.subject.changed[key]})
    b.train(sizes[1])
    if repr(a.evaluate()) != repr(b.evaluate()):
        return None
    shown = len(course.lines)
    b.change()
    if a.save().content != b.save().content and a.save().content == _started(course, sum(sizes)).save().content:
        return None
    del course.lines[shown:]
    return f"with the change of {key!r} evaluate returns the same numbers as without"


def checks(changed: Mapping[str, Any]) -> list[Check]:
    """All checks of a training whose hyperparameters may change to these values."""
    asides: list[Callable[[Played], object]] = [lambda b: None, Played.evaluate, Played.save, Played.change]
    load = partial(loaded, after_another=False, changed={})
    return [
        Check(
            "train and evaluate",
            "evaluate returns metrics, and the same ones when it is asked again",
            [evaluated_twice],
        ),
        Check("seed", "hyperparameters and seed alone decide: evaluate returns the same for both", [started_twice]),
        Check(
            "iterations",
            "n + m iterations are n and then m, whether evaluate, save or change to the same values come in between",
            [partial(interrupted, by=aside) for aside in asides],
        ),
        Check(
            "save and load",
            "the state that is loaded is the state that was saved: it evaluates and goes on alike",
            [load, partial(loaded, after_another=True, changed={})],
        ),
        Check("save is complete", "nothing is written to the folder once save has returned", [still_written]),
        *(
            Check(f"change {key}", "a change makes a difference to what is trained after it", [play], once=True)
            for key in changed
            for play in [partial(changed_in_vain, key=key)]
        ),
        Check(
            "load, then change",
            "after load, changed hyperparameters hold as they do where the state was saved",
            [partial(loaded, after_another=False, changed=changed)] if changed else [],
        ),
    ]


def check_training(
    training: str | TrainingClass,
    options: Mapping[str, Any] = MappingProxyType({}),
    hyperparameters: Mapping[str, Any] = MappingProxyType({}),
    changed: Mapping[str, Any] = MappingProxyType({}),
    *,
    resources: Resources = ONE_CORE,
    iterations: int = ITERATIONS,
    tolerance: float = TOLERANCE,
) -> None:
    """Check a training: a class, or its name, FILE.py:CLASS or MODULE:CLASS.

    It trains with `hyperparameters`. `changed` has other values of those that may change while a
    trial trains. The longest course has `iterations` iterations. Two numbers are equal if they
    differ by at most `tolerance` of the larger one.

    Raises TrainingError with the smallest course of calls that fails. Raises InputError if it is no
    training, and for a tolerance with which every training would pass, or none.
    """
    if not 0 <= tolerance < 1:
        raise InputError(f"tolerance: expected a number from 0 to below 1, got {tolerance!r}")
    made_by, name = _found(training)
    subject = Subject(made_by, name, options, resources, flat(hyperparameters), flat(changed), tolerance)
    for verdict in training_verdicts(subject, iterations):
        if verdict.failure is not None:
            raise verdict.failure


def training_verdicts(subject: Subject, iterations: int = ITERATIONS) -> Iterator[TrainingVerdict]:
    """The verdict of each check, one after another. After a method that raised, no further check is
    made."""
    has_raised = False
    for check in checks(subject.changed):
        if has_raised or not check.plays:
            yield TrainingVerdict(check.name, made=False)
            continue
        failure, has_raised = _failure(check, subject, iterations)
        yield TrainingVerdict(check.name, failure)


def _failure(check: Check, subject: Subject, iterations: int) -> tuple[TrainingError | None, bool]:
    """The first failure, in the smallest course. Also whether the failure is a method that
    raised."""
    last = None
    for sizes in _sizes(iterations):
        for play in check.plays:
            with TemporaryDirectory(prefix="hetsched-") as home:
                course, has_raised = Course(subject, Path(home)), False
                try:
                    happened = play(course, sizes)
                except RaisedError as error:
                    happened, has_raised = str(error), True
            if happened is not None:
                last = TrainingError(subject.name, check.name, check.expected, happened, "\n".join(course.lines))
                if has_raised or not check.once:
                    return last, has_raised
            elif check.once:
                return None, False
    return last, False


def _sizes(iterations: int) -> list[Sizes]:
    """1 + 1 iterations, 3 + 7 and, by default, 30 + 70."""
    totals = sorted({max(2, total) for total in (2, iterations // 10, iterations)})
    return [(first := max(1, round(0.3 * total)), total - first) for total in totals]


def _started(course: Course, iterations: int, seed: int = 1) -> Played:
    """A new training that has started a trial and done that many iterations."""
    training = course.make()
    training.start(seed)
    training.train(iterations)
    return training


def _difference(course: Course, first: Mapping[str, float], second: Mapping[str, float]) -> str | None:
    """In which metric two evaluations differ."""
    for name in {**first, **second}:
        if name not in first or name not in second:
            return f"{name!r} was returned once, and once not"
        one, other = first[name], second[name]
        if not isclose(one, other, rel_tol=course.subject.tolerance, abs_tol=1e-12) and not (
            isnan(one) and isnan(other)
        ):
            return f"{name!r} was {one!r} and is {other!r}"
    return None


def _found(training: str | TrainingClass) -> tuple[TrainingClass, str]:
    """The class, and its name in programs. Raises InputError if it is no training."""
    if isinstance(training, str):
        training = training_class(source_of(training))
    elif (wrong := what_is_wrong(training)) is not None:
        raise InputError(f"{getattr(training, '__name__', training)}: {wrong}")
    return training, getattr(training, "__name__", repr(training))
