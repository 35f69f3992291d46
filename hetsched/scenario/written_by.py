"""The version of hetsched that wrote a scenario file. The first line of the file has it, and so
have messages."""

from pathlib import Path

from hetsched.version import __version__

SAYS = "# written by hetsched "


def signed(document: str) -> str:
    """The TOML document, with the version in its first line."""
    return f"{SAYS}{__version__}\n{document}"


def other_version(path: Path) -> list[str]:
    """A line for an error about a scenario file: the version of hetsched that wrote the file, if it
    is another one."""
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    version = first.removeprefix(SAYS).strip()
    if not first.startswith(SAYS) or version == __version__:
        return []
    return [f"{path}: was written by hetsched {version}, this is {__version__}: correct the above, or use that version"]
