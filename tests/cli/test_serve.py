"""`hetsched serve` as a process: the line that it prints, what goes over the wire, and how it
ends."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import NamedTuple

import pytest

from hetsched.cli.main import main
from tests.slow_log import SlowLog

pytest.importorskip("uvicorn")

LONG_S = 120.0


class Server(NamedTuple):
    process: "subprocess.Popen[str]"
    line: str
    port: int
    token: str

    def get(self, address: str, method: str = "GET", token: bool = True) -> HTTPResponse:
        """The answer, whose body is still to be read."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONG_S)
        connection.request(method, address, headers={"cookie": f"hetsched-{self.port}={self.token}"} if token else {})
        return connection.getresponse()

    def raw(self, request: bytes) -> bytes:
        """The answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LONG_S) as connection:
            connection.sendall(request.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
            return b"".join(iter(lambda: connection.recv(4096), b""))

    def ended(self, number: int) -> tuple[int, str]:
        """Its exit status after this signal, and what it said on stderr."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=LONG_S)
        return self.process.returncode, errors


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "hetsched", "serve", str(folder), "--port", "0", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+:(\d+)/\?token=(\S+)", line)
        assert found is not None, (line, process.stderr)
        yield Server(process, line, int(found[1]), found[2])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for the tests that only ask."""
    folder = tmp_path_factory.mktemp("results")
    SlowLog(folder / "one").finished()
    (folder.parent / "secret.txt").write_text("the-secret")
    with serving(folder) as started:
        yield started


def test_it_prints_one_line_and_answers_at_its_address(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.line == f"{tmp_path}: http://127.0.0.1:{server.port}/?token={server.token}\n"
        assert len(server.token) >= 40
        with serving(tmp_path) as other:
            assert (other.port, other.token) != (server.port, server.token)
        cookie = server.get(f"/?token={server.token}", token=False).headers["set-cookie"]
        assert cookie.startswith(f"hetsched-{server.port}={server.token}; HttpOnly")
        assert server.get("/").status == 200 and server.get("/", token=False).status == 403
        assert server.process.stdout is not None
        assert server.ended(signal.SIGINT) == (130, "hetsched: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_though_somebody_follows_a_run(number: int, tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "live")
    run.write(0.5)
    with serving(tmp_path) as server:
        streams = [server.get("/changes/live/"), server.get("/list")]
        for stream in streams:
            assert stream.readline() == b"event: changed\n"
        began = time.monotonic()
        status, errors = server.ended(number)
        assert (status, "Traceback" in errors) == (128 + number, False)
        assert time.monotonic() - began < LONG_S / 4
        for stream in streams:
            assert stream.read().endswith(b"\n\n"), "a whole answer"


def test_a_stream_tells_when_the_log_grows(tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "live")
    run.write(0.3)
    with serving(tmp_path) as server:
        stream = server.get("/changes/live/")
        first = [stream.readline() for _ in range(3)]
        run.write(0.6)
        second = [stream.readline() for _ in range(3)]
        assert first[0] == second[0] == b"event: changed\n" and first[1] != second[1]


def test_others_are_answered_while_a_large_page_is_made(tmp_path: Path) -> None:
    SlowLog(tmp_path / "large", population=64, stop_iterations=1000).finished()
    SlowLog(tmp_path / "small").finished()
    with serving(tmp_path) as server:
        large = HTTPConnection("127.0.0.1", server.port, timeout=LONG_S)
        began = time.monotonic()
        large.request("GET", "/document/large/", headers={"cookie": f"hetsched-{server.port}={server.token}"})
        assert server.get("/at/small/events.jsonl").status == 200
        small_s = time.monotonic() - began
        assert large.getresponse().status == 200
        assert small_s < time.monotonic() - began


@pytest.mark.parametrize(
    ("address", "status"),
    [("/", 200), ("/list", 200), ("/at/one/", 200), ("/at/one/events.jsonl", 200), ("/changes/one/", 200), ("/x", 404)],
)
def test_head(address: str, status: int, server: Server) -> None:
    answer = server.get(address, "HEAD")
    assert (answer.status, answer.read()) == (status, b"")


TARGETS = ["/at/../secret.txt", "/at/%2e%2e/secret.txt", "/at/..%2Fsecret.txt", "/../secret.txt", "//secret.txt", "*"]
TARGETS += ["http://localhost/at/../secret.txt", "/at%2f../secret.txt", "/at/one/%00", "at/one/"]


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_outside_comes_over_the_wire(target: str, server: Server) -> None:
    cookie = f"cookie: hetsched-{server.port}={server.token}"
    request = f"GET {target} HTTP/1.1\r\nhost: localhost\r\n{cookie}\r\n\r\n"
    answer = server.raw(request.encode())
    assert re.match(rb"HTTP/1.1 (404|400) ", answer), answer
    assert b"the-secret" not in answer


@pytest.mark.parametrize(
    "request_",
    [
        b"no http\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
    ],
    ids=["no HTTP", "no host", "two hosts", "HTTP 1.0"],
)
def test_what_is_no_request_of_a_browser(request_: bytes, server: Server) -> None:
    assert re.match(rb"HTTP/1.1 (400|403) ", server.raw(request_))
    assert server.get("/").status == 200


def test_a_request_without_end_is_not_read_to_its_end(server: Server) -> None:
    with suppress(ConnectionResetError):  # the server may close while the rest is on its way, and the answer is lost
        answer = server.raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert re.match(rb"HTTP/1.1 (400|403) ", answer)
    assert server.get("/").status == 200


def test_a_websocket_is_not_opened(server: Server) -> None:
    upgrade = b"upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAA\r\n"
    answer = server.raw(b"GET /list HTTP/1.1\r\nhost: localhost\r\n" + upgrade + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")


def test_a_port_that_is_taken(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path), "--port", str(server.port)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"hetsched: --host 127.0.0.1 --port {server.port}: cannot listen there: ")
    assert said.endswith("--port 0 picks a free port\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "none: no such folder; name one with results in it"),
        ([".", "--port", "65536"], "expected a port from 0 to 65535"),
        ([".", "--host", "no.such.host.invalid"], "cannot listen there"),
    ],
)
def test_what_is_wrong_in_the_input(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        status = main(["serve", *words])
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2 and said in capsys.readouterr().err


def test_a_server_for_others_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0") as server:
        status, errors = server.ended(signal.SIGINT)
        assert (status, errors.count("unencrypted")) == (130, 1)


def test_with_json_the_document_comes_at_the_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hetsched", "serve", str(tmp_path), "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    line = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LONG_S)
    assert line == f"{tmp_path}: {json.loads(out)['address']}\n"
