"""Users' own files that a scenario names: contexts in which their policies count, and copies in a
results folder, so that the same code can be run again."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path

from hetsched.domain.user_files import UserFile, load_file, registered
from hetsched.errors import InputError
from hetsched.scenario.whole_file import write_whole

POLICIES = "policies"
"""The folder of the copies of policy files."""

TRAINING = "training"
"""The folder of the copy of a training's file."""

OPTIONS = "options"
"""The folder of the copies of files that options name."""

SUMS = "SHA256SUMS"
"""The file with the SHA-256 sums of the copies, in the format of `sha256sum --check`."""


@contextmanager
def _naming_the_key() -> Iterator[None]:
    """Within this context, an InputError begins with the key of the scenario."""
    try:
        yield
    except InputError as error:
        raise InputError(f"policy_files: {error}") from error


def read_files(files: Iterable[Path]) -> list[UserFile]:
    """The files of policies. Raises InputError, naming the key, if one does not exist."""
    with _naming_the_key():
        return [UserFile.read(file) for file in files]


def load_files(files: Iterable[Path]) -> None:
    """Run the files, which registers their policies, also in the place of other files' policies.
    Raises InputError, naming the key, if a file cannot be run."""
    with _naming_the_key():
        for file in files:
            load_file(file, replaces=True)


@contextmanager
def policies_of(files: Iterable[Path], *, again: bool = False) -> Iterator[None]:
    """Within this context, the policies of these files count, in the place of others of their
    names. `again` is as in `registered`. Raises InputError, naming the key, if a file cannot be
    run."""
    read = read_files(files)
    with ExitStack() as stack:
        with _naming_the_key():
            stack.enter_context(registered(read, again=again))
        yield


def copy_files(files: Iterable[Path], folder: Path, into: str) -> list[str]:
    """Copy the files into the folder `into` of the results folder, and write their SHA-256 sums
    beside them.

    Returns the paths of the copies relative to the results folder.
    """
    names: list[str] = []
    sums = []
    for file in files:
        source = file.read_bytes()
        name = _unused(file.name, [SUMS, *names])
        copy = folder / into / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(copy, source)
        names.append(name)
        sums.append(f"{sha256(source).hexdigest()}  {name}\n")
    if sums:
        write_whole(folder / into / SUMS, "".join(sums).encode())
    return [f"{into}/{name}" for name in names]


def _unused(name: str, used: list[str]) -> str:
    """An unused path for a file: its name, or 2/NAME for the second file of this name.

    The file keeps its name, because a module is called after its file.
    """
    candidate, number = name, 2
    while candidate in used:
        candidate, number = f"{number}/{name}", number + 1
    return candidate
