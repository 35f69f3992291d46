"""A suite that several tests look at."""

import pytest

from hetsched.studies.suite.result import SuiteResult
from hetsched.studies.suite.suite import suite

NAMES = ["homogeneous", "small-population"]


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory) -> SuiteResult:
    """`lookahead`, `asha` and the baseline on two scenarios, under two seeds, simulated here."""
    return suite(NAMES, ["lookahead", "asha"], 2, tmp_path_factory.mktemp("suite") / "out", use_cached=False)
