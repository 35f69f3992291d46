"""Asks the server's pages without a socket between, and without a client that tidies addresses
up."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import pytest

pytest.importorskip("starlette")

from hetsched.report.server.access import Access
from hetsched.report.server.app import Pages
from hetsched.report.server.places import Served

TOKEN = "a-token"
PORT = 8765
COOKIE = f"hetsched-{PORT}={TOKEN}"

LONG_S = 60.0


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.content)
        return found


class Client:
    """Asks an app, with that cookie. An address goes as it is written."""

    def __init__(self, app: Access, cookie: str = COOKIE) -> None:
        self._app = app
        self._cookie = cookie

    def get(self, address: str, *, host: str = "localhost", method: str = "GET", cookie: str | None = None) -> Answer:
        path, _, query = address.partition("?")
        headers = {"host": host, "cookie": self._cookie if cookie is None else cookie}
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        with ThreadPoolExecutor(1) as beside:  # tests of pages in a browser leave a loop running in this thread
            return beside.submit(lambda: asyncio.run(self._answer(scope))).result()

    async def _answer(self, scope: dict[str, Any]) -> Answer:
        told: list[Any] = []

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(LONG_S)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in told[0]["headers"]}
        return Answer(told[0]["status"], headers, b"".join(message.get("body", b"") for message in told))


def asking(folder: Path, *, host: str = "127.0.0.1", stopping: Callable[[], bool] = lambda: False) -> Client:
    """A client of a server for that folder, which has the token. `stopping` ends streams."""
    return Client(Pages(Served(folder), stopping).app(TOKEN, host, PORT))
