"""Policies by name: built in, from an installed package's entry points, or from a user's own file."""

import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping
from functools import cache
from hashlib import blake2b
from importlib.metadata import entry_points
from math import isfinite
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Generic, NamedTuple, TypeVar, get_args

from hetsched.errors import InputError, PolicyError, closest, nearest

P = TypeVar("P")
C = TypeVar("C", bound=Callable[..., Any])

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What policies, nodes, experiments and jobs may be called: names are parts of ids and of folders."""


_REGISTRIES: "list[Registry[Any]]" = []


class Registry(Generic[P]):
    """Policies, or other parts that users may bring, of one `kind`, such as "scheduling policy". `group` is the
    entry-point group in which packages offer theirs."""

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._factories: dict[str, Callable[..., P]] = {}
        _REGISTRIES.append(self)

    def register(self, name: str) -> Callable[[C], C]:
        """A class decorator: `name` is what the policy is called on the command line and in scenarios.

        Raises TypeError and ValueError for what is no name, and for that of a policy which another module registered.
        """
        if not isinstance(name, str):
            raise TypeError(f"@register(NAME) takes a name, such as @register('mine'), not {name!r}")
        if not re.fullmatch(NAME, name):
            raise ValueError(f"@register({name!r}): a {self.kind}'s name is of letters, digits and . _ - after one")

        def add(factory: C) -> C:
            if not callable(factory):
                raise TypeError(f"@register({name!r}) goes before a class, not {factory!r}")
            before = self._factories.get(name, factory)
            if before.__module__ != factory.__module__:
                home = _FILES.get(before.__module__, before.__module__)
                raise ValueError(f"{home} has a {self.kind} {name!r} already: choose another name")
            self._factories[name] = factory
            return factory

        return add

    def forget(self, modules: Collection[str]) -> None:
        """What these modules registered is not known any more."""
        self._factories = {
            name: one for name, one in self._factories.items() if getattr(one, "__module__", None) not in modules
        }

    def names(self) -> list[str]:
        offered = {point.name for point in entry_points(group=self.group)}
        return sorted(self._factories.keys() | offered)

    def create(self, name: str, options: Mapping[str, Any] = MappingProxyType({})) -> P:
        """A new policy, made with these keyword arguments.

        Raises InputError with the nearest right spelling if there is none of that name or it has no such option,
        PolicyError if it raises; a TypeError or ValueError with options says that a value is wrong: an InputError.
        """
        factory = self.factory(name)
        self._check_options(name, factory, options)
        try:
            return factory(**options)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            if options and isinstance(error, (TypeError, ValueError)):
                raise InputError(f"{self.kind} {name!r}: {error}") from error
            given = ", ".join(f"{key} = {value!r}" for key, value in options.items()) or "without arguments"
            message = f"{self.kind} {name!r} cannot be made {given}: {type(error).__name__}: {error}"
            raise PolicyError(message) from error

    def _check_options(self, name: str, factory: Callable[..., P], options: Mapping[str, Any]) -> None:
        parameters = _parameters(factory)
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        for option in options:
            if option not in parameters:
                hint = nearest(option, parameters) if parameters else "it has none"
                raise InputError(f"{self.kind} {name!r} has no option {option!r}: {hint}")
        for option, value in options.items():
            annotation = parameters[option].annotation
            if not _fits(value, annotation):
                expected = getattr(annotation, "__name__", str(annotation))
                raise InputError(f"{self.kind} {name!r}: option {option!r} must be {expected}, got {value!r}")

    def factory(self, name: str) -> Callable[..., P]:
        if name not in self._factories:
            for point in entry_points(group=self.group, name=name):
                self._factories[name] = point.load()
        if name not in self._factories:
            known = self.names()
            own = "" if closest(name, known) else " (one of your own needs its file, such as --policy-file)"
            raise InputError(f"unknown {self.kind} {name!r}: {nearest(name, known)}{own}")
        return self._factories[name]

    def summary(self, name: str) -> str:
        """The first line of the policy's docstring."""
        return (self.factory(name).__doc__ or "").strip().split("\n", 1)[0]


@cache  # as slow as a small simulation
def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(factory).parameters


def _fits(value: object, annotation: Any) -> bool:
    """Whether an option's value is what its annotation says, as far as that is a plain type or a union of some."""
    arms = get_args(annotation) or (annotation,)
    if annotation is inspect.Parameter.empty or not all(arm in (bool, int, float, str, NoneType) for arm in arms):
        return True
    if isinstance(value, float) and not isfinite(value):
        return False
    return type(value) in arms or (type(value) is int and float in arms)


class Strategy(NamedTuple):
    """One allocation policy and one scheduling policy, written `fusion+hrfs`."""

    allocation: str
    scheduling: str

    def __str__(self) -> str:
        return f"{self.allocation}+{self.scheduling}"


_FILES: dict[str, Path] = {}
"""The files that were loaded, by the names of their modules."""


def load_file(path: Path | str, what: str = "policy", origin: Path | None = None) -> None:
    """Import a user's own file, whose `@register` lines add its policies, or `what` it is that they add.

    Loaded again, it takes the place of what it was. `origin` is where the file comes from, if it is a copy. Raises
    InputError if the file is missing or raises, as it does for the name of a policy that another file has.
    """
    path = Path(path)
    origin = (origin or path).resolve()
    digest = blake2b(str(origin).encode(), digest_size=8).hexdigest()  # two files may have one name
    name = f"hetsched_{what}_file_{path.stem}_{digest}"
    _FILES[name] = origin
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path}: not a Python file with a {what}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error


def forget_files() -> None:
    """Nothing is known any more of what users' files registered: others may be loaded in their place."""
    for registry in _REGISTRIES:
        registry.forget(_FILES)
    _FILES.clear()
