"""Where the scenario of a run is looked for."""

from pathlib import Path

import pytest

from hetsched.errors import InputError
from hetsched.studies.named_folder import scenario_in_suite
from hetsched.studies.results import scenario_of


@pytest.mark.parametrize("folder", ["/", "/results-that-are-not-there", "/a/b"])
def test_a_folder_near_the_root_has_no_suite_above_it(folder: str) -> None:
    """As in a container."""
    assert scenario_in_suite(Path(folder)) == []
    with pytest.raises(InputError, match=r"there is no scenario.toml in it or above it"):
        scenario_of(Path(folder))
