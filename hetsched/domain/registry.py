"""Policies by name: built in, from an installed package's entry points, or from a user's own
file."""

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from math import inf, isfinite
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_args, get_origin

from hetsched.errors import MOST_NUMBER, RAISED, InputError, PolicyError, brief, closest, nearest, nearest_key, where

P = TypeVar("P")
C = TypeVar("C", bound=Callable[..., Any])

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""The pattern of names of policies, nodes, experiments and jobs: names are parts of ids and of
folders."""

OWN = (
    "one of your own is known when its file is loaded: --policy-file FILE on the command line, load_policies in Python"
)

REGISTERS_NOTHING = "registers no policy; put @register(NAME) before the class"


REGISTRIES: "list[Registry[Any]]" = []

FILES: dict[str, Path] = {}
"""The loaded files of users, by the names of their modules."""

REGISTERING: set[str] = set()
"""The modules of loaded files that have registered something."""

_replacing = False
"""Whether the file that is being loaded may take names of policies that another file has."""


@contextmanager
def replacing(replaces: bool) -> Iterator[None]:
    """Within this context, a file may take names of policies that another file has, or may not."""
    global _replacing
    before, _replacing = _replacing, replaces
    try:
        yield
    finally:
        _replacing = before


def idle_files() -> list[Path]:
    """The loaded files that have registered nothing."""
    return [file for module, file in FILES.items() if module not in REGISTERING]


class Registry(Generic[P]):
    """Policies, or other parts that users may bring. `kind` names them, such as "scheduling
    policy".

    `group` is the entry-point group in which packages offer their parts. `methods` are the methods
    that every part must have. `what_is_wrong` says what else is wrong with a part (None: nothing).
    `reserved` are names of hetsched's own that no part may have.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        methods: Sequence[str] = (),
        what_is_wrong: Callable[[object], str | None] = lambda part: None,
        reserved: Collection[str] = (),
    ) -> None:
        self.kind = kind
        self.group = group
        self.methods = methods
        self._what_is_wrong = what_is_wrong
        self._reserved = reserved
        self._factories: dict[str, Callable[..., P]] = {}
        REGISTRIES.append(self)

    def register(self, name: str) -> Callable[[C], C]:
        """A class decorator. `name` is the policy's name on the command line and in scenarios.

        Raises TypeError or ValueError for a wrong name, for a name that another module or the file
        itself has registered or that a package offers, and for a class that lacks one of the
        methods.
        """
        check_name(name, self.kind)

        def add(factory: C) -> C:
            if not callable(factory):
                raise TypeError(f"@register({name!r}) goes before a class, not {factory!r}")
            if (home := self._offered_by(name, factory.__module__)) is not None:
                raise ValueError(f"{home} has a {self.kind} {name!r} already: choose another name")
            before = self._factories.get(name, factory)
            if before.__module__ != factory.__module__ and not (_replacing and before.__module__ in FILES):
                home = FILES.get(before.__module__, before.__module__)
                raise ValueError(f"{home} has a {self.kind} {name!r} already: choose another name")
            if before is not factory and before.__module__ == factory.__module__ in FILES:
                raise ValueError(f"the file has a {self.kind} {name!r} already, {before.__qualname__}: rename one")
            if isinstance(factory, type) and (wrong := self._wrong(factory)):
                raise TypeError(f"@register({name!r}) before class {factory.__name__}: {wrong}")
            self._factories[name] = factory
            return factory

        return add

    def _offered_by(self, name: str, module: str) -> str | None:
        """The package that offers a part of that name. None: no package does, or the module belongs
        to the package."""
        own = module.partition(".")[0]
        if name in self._reserved:
            return "hetsched"
        if own == "hetsched":  # to look for entry points takes milliseconds
            return None
        homes = (point.module for point in entry_points(group=self.group, name=name))
        return next((home for home in homes if home.partition(".")[0] != own), None)

    def forget(self, modules: Collection[str]) -> None:
        """Remove everything that these modules registered."""
        self._factories = {
            name: one for name, one in self._factories.items() if getattr(one, "__module__", None) not in modules
        }

    def put_back(self, known: Mapping[str, Callable[..., P]]) -> None:
        """Restore what was `registered` at an earlier time."""
        self._factories = dict(known)

    def names(self) -> list[str]:
        offered = {point.name for point in entry_points(group=self.group)}
        return sorted(self._factories.keys() | offered)

    def is_shipped(self, name: str) -> bool:
        """Whether the policy of that name comes with hetsched, not with a user's file or another
        package."""
        return name in self.names() and getattr(self.factory(name), "__module__", "").partition(".")[0] == "hetsched"

    def of_file(self, path: Path) -> list[str]:
        """The names that this loaded file has registered."""
        modules = [module for module, origin in FILES.items() if origin == path.resolve()]
        return [name for name, one in self._factories.items() if getattr(one, "__module__", None) in modules]

    def registered(self) -> dict[str, Callable[..., P]]:
        """What this process has registered or looked up so far, by name."""
        return dict(self._factories)

    def create(self, name: str, options: Mapping[str, Any] = MappingProxyType({})) -> P:
        """A new policy, made with these keyword arguments.

        Raises InputError if no policy has the name, or if the policy has no such option; the
        message has the nearest right spelling. Raises PolicyError if the policy raises. But a
        TypeError or ValueError of a policy with options says that a value is wrong: it becomes an
        InputError.
        """
        factory = self.factory(name)
        self._check_options(name, factory, options)
        try:
            made = factory(**options)
        except InputError:
            raise
        except RAISED as error:
            if options and isinstance(error, (TypeError, ValueError)):
                raise InputError(f"{self.kind} {name!r}: {error}") from error
            given = ", ".join(f"{key} = {value!r}" for key, value in options.items()) or "without arguments"
            message = f"{self.kind} {name!r} cannot be made {given}: {type(error).__name__}{where(error)}: {error}"
            raise PolicyError(message) from error
        if not isinstance(factory, type) and (wrong := self._wrong(made)):
            raise PolicyError(f"{self.kind} {name!r} is made as {made!r}: {wrong}")
        return made

    def _wrong(self, part: object) -> str | None:
        """What is wrong with a class, or with what a function made. None: nothing."""
        return self._lacking(part) or self._what_is_wrong(part)

    def _lacking(self, part: object) -> str | None:
        """Which methods a class lacks, or what a function made. None: it has all."""
        for method in self.methods:
            if not callable(getattr(part, method, None)):
                others = [name for name in dir(part) if not name.startswith("__")]
                close = closest(method, others)
                hint = f"; did you mean {method!r} by {close!r}?" if close else ""
                one = f"an {self.kind}" if self.kind[0] in "aeiou" else f"a {self.kind}"
                return f"{one} has a method {method!r}, and there is none{hint}"
        return None

    def _check_options(self, name: str, factory: Callable[..., P], options: Mapping[str, Any]) -> None:
        for option, value in options.items():
            if isinstance(value, int | float) and float(MOST_NUMBER) < abs(value) < inf:
                raise InputError(f"{self.kind} {name!r}: option {option!r}: expected at most 1e30, got {brief(value)}")
        parameters = parameters_of(factory) if options else {}  # the first signature takes as long as 50 segments
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        for option in options:
            if option not in parameters:
                hint = nearest_key(option, parameters) if parameters else "it has none"
                raise InputError(f"{self.kind} {name!r} has no option {option!r}: {hint}")
        for option, value in options.items():
            annotation = parameters[option].annotation
            if not _fits(value, annotation):
                wrong = f"must be {_expected(annotation)}, got {brief(value)}"
                raise InputError(f"{self.kind} {name!r}: option {option!r} {wrong}")

    def factory(self, name: str) -> Callable[..., P]:
        """The class or function that makes the policy. Raises InputError if no policy has the name,
        or if its package cannot be used."""
        if name not in self._factories:
            for point in entry_points(group=self.group, name=name):
                self._factories[name] = self._loaded(point)
        if name not in self._factories:
            known = self.names()
            own = "" if closest(name, known) else f" ({OWN})"
            idle = "".join(f"; {file} {REGISTERS_NOTHING}" for file in idle_files())
            raise InputError(f"unknown {self.kind} {name!r}: {nearest(name, known)}{own}{idle}")
        return self._factories[name]

    def _loaded(self, point: EntryPoint) -> Callable[..., P]:
        """The part that a package offers. Raises InputError, naming the package, if it cannot be
        loaded or is of another kind."""
        package = f"{self.kind} {point.name!r}, of the package {point.dist.name if point.dist else point.module}"
        if point.name in self._reserved:
            raise InputError(f"{package}: hetsched has a {self.kind} {point.name!r} already: it needs another name")
        try:
            found: Callable[..., P] = point.load()
        except InputError:
            raise
        except RAISED as error:
            raise InputError(f"{package}: cannot be imported: {type(error).__name__}: {error}") from error
        if not callable(found):
            raise InputError(f"{package}: expected a class, found {found!r}")
        if isinstance(found, type) and (wrong := self._wrong(found)):
            raise InputError(f"{package}: {wrong}")
        return found

    def takes(self, name: str, option: str) -> bool:
        """Whether the policy of that name has that option."""
        return option in parameters_of(self.factory(name))

    def files(self, name: str, options: Mapping[str, Any]) -> dict[str, str]:
        """The options that are paths of files: their annotation is `Path`, or a union with it. An
        unknown part has none."""
        is_known = name in self._factories or name in self.names()  # to look for entry points takes milliseconds
        parameters = parameters_of(self.factory(name)) if options and is_known else {}
        return {
            option: value
            for option, value in options.items()
            if option in parameters and _is_path(parameters[option].annotation) and isinstance(value, str) and value
        }

    def summary(self, name: str) -> str:
        """The first paragraph of the policy's docstring, on one line."""
        return first_paragraph(self.factory(name))


def first_paragraph(of: object) -> str:
    """The first paragraph of the docstring, on one line. Empty without a docstring."""
    first, _, _ = inspect.cleandoc(of.__doc__ or "").partition("\n\n")
    return " ".join(first.split())


def check_name(name: object, kind: str) -> None:
    """Raise TypeError or ValueError if no part of that kind may have the name."""
    if not isinstance(name, str):
        raise TypeError(f"@register(NAME) takes a name, such as @register('mine'), not {name!r}")
    if not re.fullmatch(NAME, name):
        raise ValueError(f"@register({name!r}): a {kind}'s name is of letters, digits and . _ - after one")


@cache  # as slow as a small simulation
def parameters_of(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The arguments that make a policy, by name: its options."""
    try:
        return inspect.signature(factory, eval_str=True).parameters
    except NameError:  # an annotation in quotes of what only type checkers import
        return inspect.signature(factory).parameters


def arms_of(annotation: Any) -> tuple[Any, ...]:
    """The arms of a union. Of another annotation, the annotation itself."""
    return (annotation,) if get_origin(annotation) is Literal else get_args(annotation) or (annotation,)


def choices_of(annotation: Any) -> list[Any]:
    """The values of an annotation `Literal[...]`, or of a union with it."""
    return [value for arm in arms_of(annotation) if get_origin(arm) is Literal for value in get_args(arm)]


def _is_path(annotation: Any) -> bool:
    return Path in arms_of(annotation)


def _expected(annotation: Any) -> object:
    """What an option's annotation asks for, in words."""
    if not (choices := choices_of(annotation)):
        return "the path of a file" if _is_path(annotation) else getattr(annotation, "__name__", annotation)
    others = [arm.__name__ for arm in arms_of(annotation) if get_origin(arm) is not Literal and arm is not NoneType]
    return " or ".join([f"one of {', '.join(map(repr, choices))}", *others])


def _fits(value: object, annotation: Any) -> bool:
    """Whether an option's value fits its annotation. Only plain types, `Literal`, paths and unions
    of them are checked."""
    if _is_path(annotation) and isinstance(value, str | Path):
        return True
    if any(value == choice and _fits(value, type(choice)) for choice in choices_of(annotation)):
        return True
    arms = tuple(arm for arm in arms_of(annotation) if arm is not Path and get_origin(arm) is not Literal)
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
