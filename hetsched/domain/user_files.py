"""Files of users: what they register counts from now on, or only within a context.

Each process has one register of names. So the files of a scenario count only while that scenario is
studied.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

from hetsched.domain.registry import FILES, REGISTERING, REGISTRIES, Registry, replacing
from hetsched.errors import RAISED, InputError, path_of, where

Registered = dict[Registry[Any], dict[str, Callable[..., Any]]]
"""What each registry has, by name."""


class UserFile(NamedTuple):
    """A file of a user, its text, and what it registers in words."""

    path: Path
    source: bytes
    what: str = "policy"

    @classmethod
    def read(cls, path: Path | str, what: str = "policy") -> "UserFile":
        """The file as it is now. Raises InputError if there is no such Python file."""
        path = path_of(path, f"the file of a {what}")
        if path.suffix != ".py" or not path.is_file():
            problem = "not a Python file" if path.exists() else "no such file"
            raise InputError(f"{path}: {problem}: expected a Python file with a {what}, such as mine.py")
        try:
            return cls(path, path.read_bytes(), what)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error

    @property
    def module(self) -> str:
        """The name of its module. Two files may have one name."""
        digest = blake2b(str(self.path.resolve()).encode(), digest_size=8).hexdigest()
        return f"hetsched_{self.what}_file_{self.path.stem}_{digest}"

    @property
    def has_run(self) -> bool:
        """Whether this process has executed this text of the file."""
        return self.module in _RAN and _RAN[self.module][0] == self.source


_RAN: dict[str, tuple[bytes, Registered]] = {}
"""By module, the text that was executed last, and what it registered."""


def load_file(path: Path | str, what: str = "policy", *, replaces: bool = False) -> None:
    """Import a user's own file. Its `@register` lines add its policies. `what` says what they add
    instead.

    A file that is loaded again replaces what it registered before. With `replaces` it also replaces
    policies of other files that have its names. Raises InputError if the file is missing, or
    raises. It also raises for a name that is taken.
    """
    _run(UserFile.read(path, what), replaces)


@contextmanager
def registered(files: Sequence[UserFile], *, again: bool = False) -> Iterator[None]:
    """Within this context, what the files register counts, in the place of what other files have
    registered. After it, what counted before counts again.

    A file is executed if its text is new to this process, and always if `again` is true. Raises
    InputError as `load_file` does.
    """
    if not files:
        yield
        return
    before, own = _registered(), []
    try:
        for file in files:
            if again or not file.has_run:
                _run(file, replaces=True)
            else:
                _put(file)
            own.append(_RAN[file.module][1])  # a context within this one may run the file again
        yield
    finally:
        for registry, parts in _registered().items():
            others = {
                name: one
                for name, one in parts.items()
                if not any(of_file.get(registry, {}).get(name) is one for of_file in own)
            }
            registry.put_back(others | before.get(registry, {}))


@contextmanager
def registered_again(files: Iterable[Path]) -> Iterator[None]:
    """`registered` for those of the files that this process has executed. No file is executed."""
    there = [UserFile.read(file) for file in files if file.is_file()]
    with registered([file for file in there if file.has_run]):
        yield


def _run(file: UserFile, replaces: bool) -> None:
    name = file.module
    spec = spec_from_file_location(name, file.path)
    assert spec is not None  # the path ends in .py
    FILES[name] = file.path.resolve()
    module = module_from_spec(spec)
    sys.modules[name] = module
    with _in_place_of(name), replacing(replaces):
        known, modules = _registered(), {name, *sys.modules}
        try:
            exec(compile(file.source, str(file.path), "exec", dont_inherit=True), module.__dict__)
        except RAISED as error:
            raise InputError(
                f"{file.path}: cannot be imported: {type(error).__name__}{where(error)}: {error}"
            ) from error
        if (now := _registered()) != known:
            REGISTERING.add(name)
    new = {  # a module that the file imports is imported once, and what it registers stays
        registry: {
            key: one
            for key, one in parts.items()
            if one is not known.get(registry, {}).get(key) and getattr(one, "__module__", name) in modules
        }
        for registry, parts in now.items()
    }
    _RAN[name] = file.source, new


def _put(file: UserFile) -> None:
    """Register what the file registered when it was executed last."""
    for registry, own in _RAN[file.module][1].items():
        registry.forget([file.module])
        registry.put_back(registry.registered() | own)


def _registered() -> Registered:
    return {registry: registry.registered() for registry in REGISTRIES}


@contextmanager
def _in_place_of(module: str) -> Iterator[None]:
    """Within this context, what the module registered before is removed. After an error it is
    restored."""
    before = _registered()
    for registry in before:
        registry.forget([module])
    try:
        yield
    except BaseException:
        for registry, known in before.items():
            registry.put_back(known)
        raise


def forget_files() -> None:
    """Remove everything that users' files registered, so that other files may be loaded."""
    for registry in REGISTRIES:
        registry.forget(FILES)
    FILES.clear()
    REGISTERING.clear()
    _RAN.clear()
