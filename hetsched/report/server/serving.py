"""The server of `hetsched serve`, from its start to Ctrl-C."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from hetsched.errors import InputError
from hetsched.report.server.app import Pages
from hetsched.report.server.places import Served

GRACE_S = 3
"""The most seconds that a begun answer may take after Ctrl-C."""


def serve(folder: Path, host: str, port: int, began: Callable[[str], None]) -> None:
    """Serve the folder until Ctrl-C or SIGTERM. Both signals raise the same error as outside the
    server.

    `began` receives the address with the token. Port 0 chooses a free port. Raises InputError if
    the folder does not exist, and if the server cannot listen at the host and port.
    """
    served, token = Served(folder), secrets.token_urlsafe(32)
    with listening(host, port) as listener:
        port = listener.getsockname()[1]
        pages = Pages(served, lambda: server.should_exit)
        config = uvicorn.Config(
            pages.app(token, host, port),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = uvicorn.Server(config)
        began(f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}")
        server.run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens at the host and port. Raises InputError if this is impossible."""
    try:
        [(family, *_, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        why = error.strerror or error
        raise InputError(
            f"--host {host} --port {port}: cannot listen there: {why}; --port 0 picks a free port"
        ) from error
