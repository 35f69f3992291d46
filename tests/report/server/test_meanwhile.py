"""What becomes of the folder while the server looks at it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hetsched.report.page import page as page_module
from hetsched.report.page.document import Page
from hetsched.report.server import app, documents
from tests.report.server.asking import asking
from tests.slow_log import SlowLog


@contextmanager
def vanishing(name: str) -> Iterator[None]:
    """Files of folders of that name are gone as soon as they have been listed."""
    scandir = os.scandir

    @contextmanager
    def listed(folder: Any) -> Iterator[Iterator[os.DirEntry[str]]]:
        with scandir(folder) as found:
            entries = [*found]
        if Path(folder).name == name:
            for entry in entries:
                os.unlink(entry.path)
        yield iter(entries)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", listed)
        yield


@pytest.mark.parametrize("address", ["/list", "/changes/", "/document/", "/document/gone/"])
def test_a_file_goes_between_the_listing_and_a_look_at_it(address: str, results: Path) -> None:
    SlowLog(results / "gone").finished()
    looks = iter([False, True])
    client = asking(results, stopping=lambda: next(looks))
    with vanishing("gone"):
        assert client.get(address).status == 200
    assert not (results / "gone" / "events.jsonl").exists()


def test_a_file_goes_before_it_is_sent(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(path: Path) -> None:
        raise FileNotFoundError(path)

    monkeypatch.setattr(app, "file_response", gone)
    assert asking(results).get("/at/one/events.jsonl").status == 404


def test_a_document_may_be_dropped_while_it_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "KEPT", 1)
    runs = {name: SlowLog(tmp_path / name).finished() for name in "abc"}
    client, others = asking(tmp_path), iter(["", "b"])

    def page(folder: Path) -> Page:
        if folder.name == "a" and (other := next(others)):
            assert client.get(f"/document/{other}/").status == 200
        return page_module.page(folder)

    monkeypatch.setattr(documents, "page", page)
    assert client.get("/document/a/").status == 200
    runs["a"].append(b"\n")
    assert [client.get(f"/document/{name}/").status for name in "ac"] == [200, 200]
