"""The addresses of `hetsched serve` and their answers.

| address | answer |
| --- | --- |
| `/` | the list of runs and studies |
| `/list` | a stream of events: the list, whenever it changes |
| `/at/FOLDER/` | the page of a folder |
| `/at/FOLDER/FILE` | a file |
| `/document/FOLDER/` | the document of a folder's page, as JSON |
| `/changes/FOLDER/` | a stream of events: one whenever something in the folder changes |
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from hetsched.report.server.access import Access
from hetsched.report.server.documents import Documents, listing_html, policy_of
from hetsched.report.server.listing import Listing
from hetsched.report.server.places import NotHereError, Served

TEXT = {".csv", ".json", ".jsonl", ".log", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
"""The endings of files that a browser shows as text. A browser saves all other files."""

LOOK_EVERY_S = 1.0
BREATH_EVERY_S = 15.0
"""The seconds after which a stream without news sends a comment, so that no proxy closes it."""

PIECE_BYTES = 2**16


class PlaceConvertor(PathConvertor):
    """Matches any path, also one with a line break in a name."""

    regex = r"[\s\S]*"


register_url_convertor("place", PlaceConvertor())


class Pages:
    """Answers requests for the served folder. `stopping` says whether the server is about to
    end."""

    def __init__(self, served: Served, stopping: Callable[[], bool]) -> None:
        self._served = served
        self._stopping = stopping
        self._listing = Listing(served)
        self._documents = Documents(served)

    def app(self, token: str, host: str, port: int) -> Access:
        """The whole application. It answers only requests that have the token."""
        routes = [
            Route("/", self.list),
            Route("/list", self.list_changes),
            Route("/at/{place:place}", self.folder_or_file),
            Route("/document/{place:place}", self.document),
            Route("/changes/{place:place}", self.changes),
        ]
        return Access(Starlette(routes=routes, exception_handlers={NotHereError: not_here}), token, host, port)

    async def list(self, request: Request) -> Response:
        return page_response(listing_html(self._served))

    async def list_changes(self, request: Request) -> Response:
        def listed() -> bytes:
            return msgspec.json.encode(self._listing.studies())

        return self._stream(request, listed)

    async def folder_or_file(self, request: Request) -> Response:
        place = await self._place(request)
        if place.is_dir():
            if not request.url.path.endswith("/"):
                return RedirectResponse(f"/at/{self._served.written(place)}/")
            return page_response(await run_in_threadpool(self._documents.html, place))
        try:
            return await run_in_threadpool(file_response, place)
        except OSError as error:  # it was removed meanwhile, or must not be read
            raise NotHereError from error

    async def document(self, request: Request) -> Response:
        folder = await self._folder(request)
        return Response(await run_in_threadpool(self._documents.document, folder), media_type="application/json")

    async def changes(self, request: Request) -> Response:
        folder = await self._folder(request)
        return self._stream(request, lambda: b"%x" % hash(self._documents.signature(folder)))

    async def _place(self, request: Request) -> Path:
        """The place in the address. Raw bytes are read, because the server has already decoded the
        path."""
        written: bytes = request.scope["raw_path"]
        kind, slash, place = written.removeprefix(b"/").partition(b"/")
        if not slash or kind not in (b"at", b"document", b"changes"):
            raise NotHereError
        return await run_in_threadpool(self._served.place, place)

    async def _folder(self, request: Request) -> Path:
        place = await self._place(request)
        if not place.is_dir():
            raise NotHereError
        return place

    def _stream(self, request: Request, look: Callable[[], bytes]) -> Response:
        """A stream of server-sent events: the result of `look`, now and after each change of the
        result."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(self._news(look), media_type="text/event-stream")

    async def _news(self, look: Callable[[], bytes]) -> AsyncIterator[bytes]:
        told, breathed = None, asyncio.get_running_loop().time()
        while not self._stopping():
            found, now = await run_in_threadpool(look), asyncio.get_running_loop().time()
            if found != told:
                yield b"event: changed\ndata: %b\n\n" % found
                told, breathed = found, now
            elif now - breathed > BREATH_EVERY_S:
                yield b":\n\n"
                breathed = now
            await asyncio.sleep(LOOK_EVERY_S)


def page_response(text: str) -> Response:
    """The answer with a page of hetsched.

    The page may do what the Content-Security-Policy in its head allows. No other page may show it
    in a frame.
    """
    return HTMLResponse(text, headers={"content-security-policy": f"{policy_of(text)}; frame-ancestors 'none'"})


def file_response(path: Path) -> Response:
    """The answer with the file in its present size. A log may grow during the answer."""
    file = path.open("rb")
    size = file.seek(0, 2)
    file.seek(0)
    known = path.suffix.lower() in TEXT
    headers = {"content-length": str(size)}
    if not known:
        headers["content-disposition"] = f"attachment; filename*=utf-8''{quote(path.name.encode(errors='replace'), '')}"
    kind = "text/plain; charset=utf-8" if known else "application/octet-stream"
    return StreamingResponse(_pieces(file, size), headers=headers, media_type=kind)


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    with file:
        while size and (piece := file.read(min(size, PIECE_BYTES))):
            size -= len(piece)
            yield piece


async def not_here(request: Request, error: Exception) -> Response:
    return PlainTextResponse("there is no such file or folder here\n", 404)
