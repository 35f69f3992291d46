"""The server's pages without a socket between: a client that has the token."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from hetsched.report.server.app import Pages
from hetsched.report.server.places import Served
from tests.slow_log import SlowLog

TOKEN = "a-token"
PORT = 8765

ClientOf = Callable[[Path], TestClient]


def app_of(folder: Path, host: str = "127.0.0.1", stopping: Callable[[], bool] = lambda: False) -> TestClient:
    """A client without the token."""
    app = Pages(Served(folder), stopping).app(TOKEN, host, PORT)
    return TestClient(app, base_url="http://localhost", follow_redirects=False)


def client_of(folder: Path, stopping: Callable[[], bool] = lambda: False) -> TestClient:
    """A client with the token in its cookie. `stopping` ends streams."""
    client = app_of(folder, stopping=stopping)
    client.get("/", params={"token": TOKEN})
    return client


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder `results` with a finished run in `one`; what is beside it is outside."""
    folder = tmp_path / "results"
    SlowLog(folder / "one").finished()
    return folder


@pytest.fixture
def client(results: Path) -> TestClient:
    return client_of(results)
