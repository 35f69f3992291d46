"""The scenarios of `hetsched suite`: each is a TOML file in this folder, whose first line says what it is for.

Results name `VERSION`. Whoever adds a scenario, or changes what one simulates, raises it.
"""

from pathlib import Path

from hetsched.errors import InputError, nearest

VERSION = "1"

FOLDER = Path(__file__).parent

RESULTS = FOLDER / "results.csv"
"""The runs of the policies that come with the package."""


def suite_names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def suite_file(name: str) -> Path:
    """Raises InputError, with the nearest name, for a scenario that the suite does not have."""
    if name not in (names := suite_names()):
        raise InputError(f"{name}: no scenario of the suite: {nearest(name, names)}")
    return FOLDER / f"{name}.toml"


def purpose(name: str) -> str:
    """What the scenario is for, in a sentence."""
    first, *_ = suite_file(name).read_text().splitlines()
    return first.removeprefix("# ")
