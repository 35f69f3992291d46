"""Finds the class of a training by its name, `my_training.py:Mine` or `package.module:Mine`, and
checks that it is one.

The text of a file travels with its name, so that the machine that trains need not have the file.
"""

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from importlib.abc import SourceLoader
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from msgspec import Struct

from hetsched.domain.training import METHODS, TrainingClass
from hetsched.errors import RAISED, InputError, closest, nearest, unreadable, where

GROUP = "hetsched.training_adapters"
"""The entry-point group of functions that adapt other classes, such as a `ray.tune.Trainable`, to
trainings.

Each function gets the class that was found. It returns a class of the six methods. It returns None
for a class that it does not know.
"""

EXPECTED = "expected FILE.py:CLASS, such as my_training.py:Mine, or MODULE:CLASS"


class TrainingSource(Struct, frozen=True):
    """Where a training's class is: in a `file`, whose `text` is kept here, or in the module `place`
    if there is no file.

    `place` is the part before the colon of its name. Without `class_name` the class is the only
    training there.
    """

    place: str
    class_name: str | None
    file: str | None = None
    text: bytes = b""

    def __str__(self) -> str:
        return self.place if self.class_name is None else f"{self.place}:{self.class_name}"


def split_name(name: str) -> tuple[str, str | None]:
    """The file or module, and the class (None: the name has none). Raises InputError if this is no
    such name."""
    place, colon, class_name = name.rpartition(":") if ":" in name else (name, "", "")
    proper = class_name.isidentifier() if colon else is_file(place)
    if not proper or not (is_file(place) or re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", place)):
        raise InputError(f"{name!r}: {EXPECTED}")
    return place, class_name or None


def is_file(place: str) -> bool:
    return place.endswith(".py")


def source_of(name: str, folder: Path = Path()) -> TrainingSource:
    """The source of that name. It reads a file, relative to the folder. Raises InputError if the
    file cannot be read."""
    place, class_name = split_name(name)
    if not is_file(place):
        return TrainingSource(place, class_name)
    path = folder / place
    try:
        return TrainingSource(place, class_name, str(path.absolute()), path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file: {EXPECTED}") from error
    except OSError as error:
        raise InputError(unreadable(path, error)) from error


@cache  # a file is run once in a process, however often its class is asked for
def training_class(source: TrainingSource) -> TrainingClass:
    """The class that the source names, checked.

    Raises InputError, in one line, if the file or module cannot be imported, or the class does not
    exist, lacks a method or takes other arguments.
    """
    module = _imported(source)
    found = _only_training(source, module) if source.class_name is None else _named(source, module, source.class_name)
    made = _adapted(found)
    if (wrong := what_is_wrong(made)) is not None:
        raise InputError(f"{source}: {wrong}")
    return cast(TrainingClass, made)


class _OfText(SourceLoader):
    """Loads a module from text. Its file need not exist. Tracebacks show its lines all the same."""

    def __init__(self, file: str, text: bytes) -> None:
        self._file, self._text = file, text

    def get_filename(self, fullname: str) -> str:
        return self._file

    def get_data(self, path: str | bytes) -> bytes:
        return self._text


def _imported(source: TrainingSource) -> ModuleType:
    try:
        if source.file is None:
            return importlib.import_module(source.place)
        digest = blake2b(source.file.encode(), digest_size=8).hexdigest()  # two files may have one name
        name = f"hetsched_training_file_{Path(source.file).stem}_{digest}"
        spec = importlib.util.spec_from_file_location(name, source.file, loader=_OfText(source.file, source.text))
        assert spec is not None and spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{source.place}: cannot be imported{where(error)}: {error}{way_out(source, error.name or '')}"
        ) from error
    except RAISED as error:
        raise InputError(
            f"{source.place}: cannot be imported: {type(error).__name__}{where(error)}: {error}"
        ) from error
    return module


def way_out(source: TrainingSource, missing: str) -> str:
    """Advice about a module of that name, which was not found."""
    name = missing.partition(".")[0]
    if source.file is not None and list(Path(source.file).parent.glob(f"{name}*")):
        return (
            f"; of what lies beside {source.place}, workers get nothing: write it into that file, or install all of it "
            "as a package on every node and name MODULE:CLASS"
        )
    return f"; install {name!r} where this is trained, or correct the name"


def _named(source: TrainingSource, module: ModuleType, name: str) -> object:
    if not hasattr(module, name):
        own = [each for each, found in vars(module).items() if getattr(found, "__module__", None) == module.__name__]
        hint = nearest(name, own) if own else "it defines no class"
        raise InputError(f"{source.place}: there is no class {name!r}: {hint}")
    return getattr(module, name)


def _only_training(source: TrainingSource, module: ModuleType) -> object:
    """The only class that the module itself defines and that has methods of a training."""
    own = [each for each in vars(module).values() if getattr(each, "__module__", None) == module.__name__]
    found = [each for each in own if isinstance(each, type) and {*METHODS, "step"} & set(dir(each))]
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.__name__ for each in found) or "no class"
    raise InputError(
        f"{source.place}: has {names} with methods of a training: say which is meant: {source.place}:CLASS"
    )


def _adapted(found: object) -> object:
    """The class that was found, if it has the methods of a training. Otherwise an adapter's class
    for it."""
    if isinstance(found, type) and all(hasattr(found, method) for method in METHODS):
        return found
    if inspect.isfunction(found) or any(hasattr(found, method) for method in ("step", "save_checkpoint")):
        for point in entry_points(group=GROUP):
            adapter: Callable[[object], object | None] = point.load()
            if (adapted := adapter(found)) is not None:
                return adapted
    return found


def what_is_wrong(found: object) -> str | None:
    """Why this is no class of a training, in one line. None: it is one."""
    if not isinstance(found, type):
        return f"expected a class of the six methods {', '.join(METHODS)}, found {found!r}"
    if (wrong := _other_arguments(found, ("options", "resources"))) is not None:
        return f"__init__{wrong}"
    for method, arguments in METHODS.items():
        if not callable(own := getattr(found, method, None)):
            close = closest(method, (name for name in dir(found) if not name.startswith("__")))
            hint = f"; did you mean {method!r} by {close!r}?" if close else ""
            return f"a training has a method {method!r}, and there is none{hint}; the six are {', '.join(METHODS)}"
        if (wrong := _other_arguments(own, ("self", *arguments))) is not None:
            return f"{method}{wrong}"
    return None


def _other_arguments(function: Callable[..., Any], expected: Sequence[str]) -> str | None:
    """The arguments of a class or method that cannot be called with the expected ones in this
    order. None: it can."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # the arguments of code that is not Python are unknown
        return None
    try:
        signature.bind(*expected)
    except TypeError:
        return f" takes {signature}, expected ({', '.join(expected)})"
    return None
