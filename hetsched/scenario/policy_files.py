"""Copies of users' own files in a results folder: what was run can be run again, and is known."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from hetsched.scenario.whole_file import write_whole

POLICIES = "policies"
"""The folder of the copies of policy files."""

TRAINING = "training"
"""The folder of the copy of a training's file."""

OPTIONS = "options"
"""The folder of the copies of files that options name."""

SUMS = "SHA256SUMS"
"""The file of their sums in such a folder, as `sha256sum --check` reads it."""


def copy_files(files: Iterable[Path], folder: Path, into: str) -> list[str]:
    """Copy the files into that folder of the results folder and write their SHA-256 sums beside them. Returns where
    they are, relative to the results folder."""
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
    """The name, or of a second file of that name 2/NAME: a module is called after its file, so the name stays."""
    candidate, number = name, 2
    while candidate in used:
        candidate, number = f"{number}/{name}", number + 1
    return candidate
