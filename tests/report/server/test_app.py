"""What the addresses give: pages that follow the logs, streams of what changes, files as they
are."""

import errno
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hetsched.report.page import page as page_module
from hetsched.report.page.document import Page
from hetsched.report.printable import printable
from hetsched.report.server import app, documents
from hetsched.studies.sittings import begin_study
from tests.report.server.asking import Client, asking
from tests.slow_log import SlowLog


def looks(many: int, then: Callable[[int], object] = lambda look: None) -> Callable[[], bool]:
    """Ends a stream after so many looks; before each one something happens."""
    done = 0

    def stopping() -> bool:
        nonlocal done
        done += 1
        then(done)
        return done > many

    return stopping


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams look again at once."""
    monkeypatch.setattr(app, "LOOK_EVERY_S", 0.001)


def events(text: str) -> list[str]:
    """The data of the events of a stream."""
    return re.findall("event: changed\ndata: (.*)\n\n", text)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders whose pages were made."""
    names = []

    def page(folder: Path) -> Page:
        names.append(folder.name)
        return page_module.page(folder)

    monkeypatch.setattr(documents, "page", page)
    return names


def remark(client: Client, folder: str = "one") -> str:
    """Why a folder cannot be shown; fails if it can be."""
    page = client.get(f"/at/{folder}/")
    [found] = client.get(f"/document/{folder}/").document["remarks"]["Cannot be shown"]
    assert page.status == 200
    assert json.dumps(found).strip('"').replace("<", "\\u003c") in page.text
    return str(found)


def test_a_page_has_its_document_and_the_document_follows_the_log(tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "live")
    client = asking(tmp_path)
    before = client.get("/document/live/").document
    assert before["runs"] == [] and not before["complete"]
    assert "this run has not begun: its log has no line yet" in before["remarks"]["Nothing to say yet"][0]
    run.write(0.5)
    half = client.get("/document/live/").document
    run.write()
    whole = client.get("/document/live/").document
    assert not half["complete"] and whole["complete"]
    assert half["runs"][0]["segments"]["rows"] < whole["runs"][0]["segments"]["rows"] == 8
    stated = re.search('<script type="application/json" id="document">(.*?)</script>', client.get("/at/live/").text)
    assert stated is not None and json.loads(stated[1]) == whole


def test_a_document_is_made_once_while_nothing_changes(client: Client, made: list[str]) -> None:
    first = client.get("/document/one/").content
    assert client.get("/document/one/").content == first
    client.get("/at/one/")
    assert made == ["one"]


def test_only_the_newest_documents_are_kept(tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "KEPT", 2)
    for name in "abc":
        SlowLog(tmp_path / name).finished()
    client = asking(tmp_path)
    for name in "abcca":
        assert client.get(f"/document/{name}/").status == 200
    assert made == ["a", "b", "c", "a"]


@pytest.mark.usefixtures("quick")
def test_a_stream_tells_of_every_change(tmp_path: Path) -> None:
    run = SlowLog(tmp_path)
    client = asking(tmp_path, stopping=looks(5, lambda look: run.write(look / 5) if look in (3, 4) else None))
    assert len(set(events(client.get("/changes/").text))) == 3


@pytest.mark.usefixtures("quick")
def test_a_stream_without_news_breathes(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BREATH_EVERY_S", 0.0)
    stream = asking(results, stopping=looks(3)).get("/changes/one/")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert len(events(stream.text)) == 1 and stream.text.endswith(":\n\n:\n\n")


def test_the_list_has_runs_and_studies_and_how_they_stand(tmp_path: Path) -> None:
    SlowLog(tmp_path / "one").finished()
    SlowLog(tmp_path / "live", "uniform+fifo", seed=3).write(0.5)
    SlowLog(tmp_path / "begins")
    for seed in (0, 1):
        SlowLog(tmp_path / "study" / "fusion+fifo" / f"seed-{seed}", seed=seed).finished()
    (tmp_path / "study" / "scenario.toml").write_bytes((tmp_path / "one" / "scenario.toml").read_bytes())
    [listed] = events(asking(tmp_path, stopping=looks(1)).get("/list").text)
    studies = {study["name"]: study for study in json.loads(listed)}
    assert {name: (study["what"], study["state"]) for name, study in studies.items()} == {
        "one": ("fusion+fifo, seed 0 (sim)", "completed"),
        "live": ("uniform+fifo, seed 3 (sim)", "running"),
        "begins": ("", "starting"),
        "study": ("fusion+fifo, 2 runs", "completed"),
    }
    assert [run["name"] for run in studies["study"]["runs"]] == ["study/fusion+fifo/seed-0", "study/fusion+fifo/seed-1"]
    assert studies["study"]["runs"][0]["address"] == "study/fusion%2Bfifo/seed-0"


def test_the_list_has_what_has_no_log_yet_and_what_keeps_none(tmp_path: Path) -> None:
    for name in ("begins", "old", "over", "damaged", "begins/plan"):
        (tmp_path / name).mkdir()
        begin_study(tmp_path / name, "run")
    (tmp_path / "over" / "summary.json").write_text("{}")
    (tmp_path / "damaged" / "study.json").write_text("{")
    os.utime(tmp_path / "old" / "study.json", (time.time() - 300, time.time() - 300))
    [listed] = events(asking(tmp_path, stopping=looks(1)).get("/list").text)
    assert {study["name"]: (study["what"], study["state"], study["runs"]) for study in json.loads(listed)} == {
        "begins": ("run", "starting", []),
        "old": ("run", "silent: starting, or broken off", []),
        "over": ("run", "completed", []),
        "damaged": ("", "cannot be read", []),
    }


def test_a_folder_that_cannot_be_read_is_in_the_list_and_its_page_says_why(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (results / "one" / "closed").mkdir()
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    client = asking(results, stopping=looks(1))
    [listed] = events(client.get("/list").text)
    assert ("one/closed", "cannot be read") in {(study["name"], study["state"]) for study in json.loads(listed)}
    for folder in ("one", "one/closed"):
        assert "cannot be read: Permission denied; have its permissions changed" in remark(client, folder)


def test_a_run_that_is_silent_may_have_broken_off(tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "old")
    run.write(0.5)
    os.utime(run.path, (time.time() - 300, time.time() - 300))
    [listed] = events(asking(tmp_path, stopping=looks(1)).get("/list").text)
    assert json.loads(listed)[0]["state"] == "silent: running, or broken off"


DAMAGE = {
    "no JSON": (b"{", "not an event of a hetsched log"),
    "NUL": (b"\0\0\0", "not an event of a hetsched log"),
    "no UTF-8": (b'{"event":"run-ended","time":0,"reason":"\xff"}', "not an event of a hetsched log"),
    "half a surrogate": (b'{"event":"run-ended","time":0,"reason":"\\ud800"}', "not an event of a hetsched log"),
    "deep": (b"[" * 100_000, "not an event of a hetsched log"),
    "of tomorrow": (b'{"event":"run-resumed","time":9e9,"reason":"x","log_version":99}', "a newer hetsched"),
    "no such trial": (b'{"event":"trial-completed","time":9e9,"trial":"</script>","reason":"x"}', "</script>"),
    "infinite": (b'{"event":"run-ended","time":1e999,"reason":"x"}', ""),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_log_has_a_page_that_says_so(damage: str, tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "one")
    line, said = DAMAGE[damage]
    run.append(b"".join(run.lines[:-1]) + line + b"\n")
    assert said in remark(asking(tmp_path))


def test_so_has_a_scenario_that_is_none(results: Path) -> None:
    (results / "one" / "scenario.toml").write_text("name = ")
    assert "scenario.toml: not TOML" in remark(asking(results))


def test_a_damaged_log_is_in_the_list(tmp_path: Path) -> None:
    SlowLog(tmp_path / "one").append(b"{\n")
    SlowLog(tmp_path / "two").append(b"no end of a line")
    [listed] = events(asking(tmp_path, stopping=looks(1)).get("/list").text)
    assert [study["state"] for study in json.loads(listed)] == ["cannot be read", "cannot be read"]


HOSTILE = "</script><script>alert(1)</script><!--\"'&\u2028"


def test_names_in_a_log_cannot_leave_the_document(tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "one")
    run.append(run.content.replace(b'"e-0"', json.dumps(HOSTILE).encode()))
    client = asking(tmp_path)
    page = client.get("/at/one/").text
    trials = client.get("/document/one/").document["runs"][0]["trials"]["columns"]["id"]
    assert printable(HOSTILE) in trials
    assert "<script>alert" not in page and '<!--"' not in page
    assert client.get("/document/one/").headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["events.jsonl", "scenario.toml", "profile.csv", "notes.txt"])
def test_text_is_shown_as_text(name: str, results: Path) -> None:
    (results / "one" / "notes.txt").write_text("<script>alert(1)</script>")
    answer = asking(results).get(f"/at/one/{name}")
    assert answer.content == (results / "one" / name).read_bytes()
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-disposition" not in answer.headers
    assert answer.headers["content-security-policy"].endswith("sandbox")


@pytest.mark.parametrize(
    "name", ["report.html", "x.svg", "x.js", "x.pt", "x", ".events.jsonl.reserve", "x.HTML", "x.pdf"]
)
def test_all_else_is_saved(name: str, results: Path) -> None:
    (results / "one" / name).write_bytes(b"<script>alert(1)</script>")
    answer = asking(results).get(f"/at/one/{name}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''{name}"


def test_a_log_that_grows_while_it_is_sent(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = results / "one" / "events.jsonl"
    before = path.read_bytes()
    answer = app.file_response(path)
    with path.open("ab") as file:
        file.write(b"more")
    assert answer.headers["content-length"] == str(len(before))
    monkeypatch.setattr(app, "file_response", lambda place: answer)
    assert asking(results).get("/at/one/events.jsonl").content == before


def test_a_folder_without_its_slash(client: Client) -> None:
    answer = client.get("/at/one")
    assert (answer.status, answer.headers["location"]) == (307, "/at/one/")
