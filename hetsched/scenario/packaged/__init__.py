"""The scenarios that come with the package. Each is a TOML file, and its name is the file's name
without `.toml`."""

from pathlib import Path

from hetsched.errors import InputError, closest, nearest
from hetsched.scenario.packaged.suite import held_out_names, suite_file, suite_names

FOLDER = Path(__file__).parent


def packaged_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def packaged_scenario(name: str) -> Path:
    """The file of a scenario that comes with the package. Raises InputError, with the known names,
    for another name."""
    of_suite = [*suite_names(), *held_out_names()]
    if name in of_suite:
        return suite_file(name)
    names = packaged_names()
    if name not in names:
        known = nearest(name, [*names, *of_suite] if closest(name, of_suite) else names)
        raise InputError(
            f"{name}: neither a file nor a scenario that comes with hetsched: {known}; 'hetsched suite list' has more; "
            "a scenario of your own is a TOML file, such as my-scenario.toml"
        )
    return FOLDER / f"{name}.toml"


def scenario_file(path: Path) -> Path:
    """The file of a scenario that a user names. A bare name that is no file names a packaged
    scenario.

    Raises InputError for a bare name that is neither a file nor a packaged scenario.
    """
    bare = path.name == str(path) and not path.suffix
    return packaged_scenario(path.name) if bare and not path.is_file() else path
