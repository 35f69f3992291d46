"""A log may say anything: what leaves for a terminal, a figure or a page is text that no terminal
obeys."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.core.events import TrialExploited, WorkerLeft
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId
from hetsched.report.page.document import Fact, Mark
from hetsched.report.page.page import page, write_report
from hetsched.report.printable import all_printable, printable
from hetsched.report.tables import policies_table
from hetsched.report.terminal import Terminal
from hetsched.report.whole_tables import print_table
from tests.report.page.runs import faulty, simulated
from tests.report.test_live import Watched, scenario

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")
HOSTILE = "\x1b]0;title\x07\x1b[31m\x00\x01\x9b2J\u202e\uffff"
SHOWN = r"\x1b]0;title\x07\x1b[31m\x00\x01\x9b2J\u202e\uffff"
COLOURS = re.compile("\x1b\\[[0-9;?]*[mhlKAJG]|\r")
"""What the terminal is told by rich itself."""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose log has control characters in the names of a trial, a worker, a node, and in
    every reason."""
    folder = simulated(faulty(), tmp_path_factory.mktemp("hostile"))
    log = folder / "events.jsonl"
    lines = [json.dumps(_hostile(json.loads(line))) for line in log.read_text().splitlines()]
    log.write_text("".join(f"{line}\n" for line in lines))
    return folder


def _hostile(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: one + HOSTILE if key in ("reason", "node") and isinstance(one, str) else _hostile(one)
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_hostile(one) for one in value]
    return value + HOSTILE if value in ("e-0", "a/cpu0") else value


def test_text_is_shown_and_not_obeyed() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("a plain\ttext\nof two lines, ä, 日本, 🙂") == "a plain\ttext\nof two lines, ä, 日本, 🙂"
    assert printable("\udc80") == r"\udc80"
    mark = Mark(1.0, "lost", HOSTILE, 2, 3)
    assert all_printable([mark, {HOSTILE: (HOSTILE,)}]) == [Mark(1.0, "lost", SHOWN, 2, 3), {SHOWN: (SHOWN,)}]
    assert all_printable(Fact("log", HOSTILE, HOSTILE)) == Fact("log", SHOWN, HOSTILE), "a link is an address"


def test_the_terminal_shows_it(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(hostile)]) == 0
    said = capsys.readouterr()
    assert SHOWN in said.out
    assert not OBEYED.search(said.out + said.err)


def test_the_document_on_stdout_is_the_same_and_not_obeyed(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watch", str(hostile), "--json"]) == 0
    said = capsys.readouterr().out
    assert f"a/cpu0{HOSTILE}" in json.loads(said)["workers"], "a document says what the log says"
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", said)


def test_errors_do_not_write_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "no\x1b[2Jthing")]) == 2
    assert r"no\x1b[2Jthing: no such folder" in (said := capsys.readouterr().err)
    assert not OBEYED.search(said)


def test_the_live_view_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    run = Watched(scenario(), height=None)
    bad = TrialId("e-1")
    with run.view:
        run.tell(TrialExploited(20.0, bad, TrialId("e-0"), {f"lr{HOSTILE}": f"[/red]{HOSTILE}"}))
        run.tell(WorkerLeft(21.0, WorkerId("b/cpu0"), f"died: {HOSTILE}"))
    said = capsys.readouterr().err
    assert f"b/cpu0 left: died: {SHOWN}" in said and not OBEYED.search(said)
    terminal = Terminal(file=StringIO(), width=250, force_terminal=True)
    terminal.print(run.view.drawing())
    drawn = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert f"[/red]{SHOWN}" in drawn, "brackets in a value are text, too"
    assert not OBEYED.search(COLOURS.sub("", drawn))


def test_tables_keep_their_columns() -> None:
    console = Terminal(file=StringIO(), width=200)
    print_table(policies_table({HOSTILE: {"fifo": "a", "[/b] :x:": "b"}}), console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len({len(line) for line in lines}) == 1 and SHOWN in lines[3] and "[/b] :x:" in lines[4]


def test_the_page_shows_it(hostile: Path, tmp_path: Path) -> None:
    [run] = page(hostile).runs
    assert f"a/cpu0{SHOWN}" in [lane.worker for lane in run.lanes]
    assert f"e-0{SHOWN}" in [trial.id for trial in run.trials]
    assert any(SHOWN in mark.text for mark in run.marks)
    text = write_report(hostile, tmp_path / "report.html").read_text()
    assert not OBEYED.search(text) and "\\u0000" not in text


def test_figures_are_valid_files(hostile: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra 'figures'")
    files = hetsched.figures(hostile, tmp_path, formats=["svg", "pdf"])
    for svg in (file for file in files if file.suffix == ".svg"):
        texts = [element.text or "" for element in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")]
        assert texts and not any(OBEYED.search(text) for text in texts)
    assert {file.suffix for file in files} == {".svg", ".pdf"}


def test_the_log_keeps_what_it_says(hostile: Path) -> None:
    before = (hostile / "events.jsonl").read_bytes()
    write_report(hostile)
    assert (hostile / "events.jsonl").read_bytes() == before


def test_the_list_of_the_server_shows_it(hostile: Path) -> None:
    pytest.importorskip("starlette", reason="the server needs the extra 'serve'")
    from hetsched.report.server.listing import Listing
    from hetsched.report.server.places import Served

    [study] = Listing(Served(hostile.parent)).studies()
    assert study.state.endswith(SHOWN) and study.runs[0].state == study.state
