"""The files that may be shown: those in the served folder, after all names and links are
resolved."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from hetsched.core.log import LOG_NAME
from hetsched.errors import InputError
from hetsched.report.printable import printable
from hetsched.scenario.loading import load_tables
from hetsched.studies.named_folder import results_folder
from hetsched.studies.results import scenario_of


class NotHereError(Exception):
    """The served folder has no such place."""


class Served:
    """The served folder. A place in it is named by a path relative to it, "" for the folder itself.

    Raises InputError if there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self.root = results_folder(folder, "one with results in it").resolve()

    def place(self, written: bytes) -> Path:
        """The file or folder that a percent-encoded path of an address names.

        Raises NotHereError if it is outside the served folder, also through a link, and if it is
        neither a file nor a folder.
        """
        named = os.fsdecode(unquote_to_bytes(written)).removesuffix("/")
        parts = named.split("/") if named else []
        if "\0" in named or not {"", ".", ".."}.isdisjoint(parts):
            raise NotHereError
        try:
            path = self.root.joinpath(*parts).resolve(strict=True)
            mode = path.stat().st_mode
        except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
            raise NotHereError from error
        if not self.holds(path) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise NotHereError
        return path

    def holds(self, path: Path) -> bool:
        """Whether a path is inside the served folder, after all links were followed."""
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):
            return False

    def written(self, path: Path) -> str:
        """The percent-encoded path of a place, which `place` resolves."""
        relative = path.relative_to(self.root)
        return quote(os.fsencode(relative)) if relative.parts else ""

    def check(self, folder: Path) -> None:
        """Raise InputError, naming the file, if showing the folder may read a file outside the
        served folder.

        Such a file may be behind a link, be named by a scenario, or be a scenario further up. A
        path that is no file, such as a pipe, raises the error, too.
        """
        for entry in entries(folder):
            path = Path(entry.path)
            if entry.is_symlink() and not self.holds(path):
                raise InputError(f"{self.shown(path)}: a link out of the folder that is served: not followed")
            if not (entry.is_dir() or entry.is_file()) and path.exists():
                raise InputError(f"{self.shown(path)}: neither a file nor a folder: not read")
            if entry.name == LOG_NAME:
                self._check_scenario(scenario_of(path.parent))

    def _check_scenario(self, path: Path) -> None:
        if not path.is_relative_to(self.root):
            raise InputError(f"{path.name}: is not in the folder that is served, but above: serve {path.parent}")
        if not self.holds(path):
            raise InputError(f"{self.shown(path)}: a link out of the folder that is served: not followed")
        scenario = load_tables(path)
        trace = scenario.workload.trace
        for name in (*scenario.profile.sources, *([] if trace is None else [trace])):
            if not self.holds(scenario.path(name)):
                raise InputError(f"{self.shown(path)}: names {name!r}, outside the folder that is served: not read")

    def shown(self, path: Path) -> str:
        """A path as a reader sees it, relative to the served folder."""
        relative = path.relative_to(self.root) if path != self.root else self.root.name
        return printable(os.fsencode(relative).decode(errors="backslashreplace"))


Found = tuple[os.DirEntry[str], os.stat_result]
"""A file, and its stat after links were followed."""


def _nobody(closed: Path) -> None:
    """Ignore a folder that cannot be read."""


def files(folder: Path, closed: Callable[[Path], object] = _nobody) -> Iterator[Found]:
    """The files in a folder and below it. A file that has vanished meanwhile is left out. See
    `entries`."""
    for entry in entries(folder, closed):
        with suppress(OSError):
            if entry.is_file():
                yield entry, entry.stat()


def entries(folder: Path, closed: Callable[[Path], object] = _nobody) -> Iterator[os.DirEntry[str]]:
    """Everything in a folder and below it, by name. Links are not followed.

    A name that is not UTF-8 is left out, and so is the content of a folder that cannot be read:
    `closed` receives this folder.
    """
    try:
        with os.scandir(folder) as found:
            listed = sorted(found, key=lambda entry: entry.name)
        os.stat(os.path.join(folder, "."))  # a folder may be listed but not entered: then its files are unknown
    except OSError:
        closed(folder)
        return
    for entry in listed:
        if not entry.name.isascii() and os.fsencode(entry.name).decode(errors="ignore") != entry.name:
            continue
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from entries(Path(entry.path), closed)
