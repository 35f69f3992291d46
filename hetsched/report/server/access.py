"""The rules for requests: which requests get an answer, and the headers that every answer has."""

import secrets
from ipaddress import ip_address
from socket import gethostname
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = ("GET", "HEAD")

HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

NOTHING = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""The Content-Security-Policy of every answer that is not a page of hetsched."""

BARE = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of the page `ONWARD`.

It has no sandbox, because a page in a sandbox may not lead to another page and does not send the
cookie.
"""

ONWARD = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>hetsched</title></head>
<body><p><a href="/">The runs</a></p></body></html>
"""
"""The page that leads from the address with the token to the list of runs.

It is not a redirection, because after a link from another site the browser would not send the
cookie.
"""


class Access:
    """Answers only requests that have the token, only read, and use a name of this machine.

    The token comes once, in the address (`?token=`). The browser then keeps it in a cookie, which
    scripts cannot read, and which goes to no other site. `host` is the address at which the server
    listens. The check of names stops DNS rebinding, by which a page of another site gives this
    machine a name of its own.
    """

    def __init__(self, app: ASGIApp, token: str, host: str, port: int) -> None:
        self._app = app
        self._token = token
        self._host = host
        self._cookie = f"hetsched-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", NOTHING)
            await send(message)

        answer = self._refusal(Request(scope)) or self._app
        await answer(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that the application must not see. None: the request is
        allowed."""
        if request.method not in METHODS:
            return PlainTextResponse("read-only: GET and HEAD\n", 405, {"allow": ", ".join(METHODS)})
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not is_known(hosts[0], self._host):
            return PlainTextResponse("the address has a name under which this server does not answer\n", 400)
        if self._is_right(*parse_qs(request.url.query).get("token", [])):
            onward = HTMLResponse(ONWARD, headers={"content-security-policy": BARE})
            onward.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return onward
        if not self._is_right(request.cookies.get(self._cookie, "")):
            return PlainTextResponse("open the address that 'hetsched serve' printed: it has the token\n", 403)
        return None

    def _is_right(self, *given: str) -> bool:
        return len(given) == 1 and secrets.compare_digest(given[0].encode(), self._token.encode())


def is_known(host: str, bound: str) -> bool:
    """Whether a Host header names this machine, for a server that listens at `bound`.

    The port is ignored, because a tunnel may have another one. IP addresses are allowed if the
    server can be reached from other machines, because no site can give an IP address to another
    machine.

    >>> is_known("localhost:8000", "127.0.0.1"), is_known("evil.example:8000", "127.0.0.1")
    (True, False)
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", bound.lower()):
        return True
    try:
        return ip_address(name).is_loopback or not is_local(bound)
    except ValueError:
        return not is_local(bound) and name == gethostname().lower()


def is_local(bound: str) -> bool:
    """Whether a server that listens at `bound` can be reached only from this machine."""
    try:
        return ip_address(bound).is_loopback
    except ValueError:
        return bound == "localhost"
