from pathlib import Path

import pytest

from tests.report.server.asking import Client, asking
from tests.slow_log import SlowLog


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder `results` with a finished run in `one`; what is beside it is outside."""
    folder = tmp_path / "results"
    SlowLog(folder / "one").finished()
    return folder


@pytest.fixture
def client(results: Path) -> Client:
    """One who has the token; streams end at once."""
    return asking(results, stopping=lambda: True)
