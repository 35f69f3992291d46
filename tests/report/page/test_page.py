"""The file: one, whole, closed to the network, whatever is in names; and what cannot be read."""

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest

import hetsched
from hetsched.core.log import LOG_NAME
from hetsched.errors import InputError
from hetsched.report.page import page as page_module
from hetsched.report.page.document import Fact, Page
from hetsched.report.page.page import html, page, write_report
from tests.conftest import make_setup
from tests.report.page.runs import page_of_size, simulated

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>@@STYLE@@"


def empty(title: str = "t") -> Page:
    return Page(title=title, kind="run", complete=True, facts=[Fact("name", HOSTILE)], remarks={}, runs=[])


def test_the_report_is_in_the_folder_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    folder = simulated(make_setup(), tmp_path)
    (folder / "report.html").write_text("an earlier one")
    assert hetsched.write_report(folder) == folder / "report.html"
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]


def test_the_report_is_written_elsewhere_if_told(tmp_path: Path) -> None:
    folder = simulated(make_setup(), tmp_path)
    assert write_report(str(folder), tmp_path / "x.html") == tmp_path / "x.html"
    assert not (folder / "report.html").exists()


def test_names_are_data_and_never_markup() -> None:
    text = html(empty(HOSTILE))
    assert "alert(1)</script>" not in text and "<img" not in text
    assert text.count("</script>") == len(re.findall(r"<script[ >]", text))


def test_every_script_and_the_style_have_their_hash_and_nothing_else_is_allowed() -> None:
    text = html(empty(), scripts=["window.more = 1;"])
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    allowed = unescape(policy)
    for source in [
        *re.findall(r"<script>(.*?)</script>", text, re.DOTALL),
        *re.findall(r"<style>(.*?)</style>", text, re.DOTALL),
    ]:
        assert f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'" in allowed
    assert "default-src 'none'" in allowed and "unsafe" not in allowed and "connect-src" not in allowed
    assert "connect-src 'self'" in html(empty(), connect=True)


def test_nothing_is_loaded_from_a_network() -> None:
    text = html(empty())
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r"\bsrc=[\"']|@import|url\(|\beval\(|innerHTML", text)


def test_ten_thousand_segments_are_less_than_a_megabyte() -> None:
    assert len(html(page_of_size(10_000)).encode()) < 1_000_000


def test_a_log_that_was_cut_off_has_a_page(tmp_path: Path) -> None:
    folder = simulated(make_setup(), tmp_path)
    log = folder / LOG_NAME
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])
    found = page(folder)
    [run] = found.runs
    assert not found.complete and run.ended is None and 2 in run.segments.state
    assert write_report(folder).is_file()


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty; name the results"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="folder: expected a path"):
        write_report(None)  # type: ignore[arg-type]
    folder = simulated(make_setup(), tmp_path)
    with pytest.raises(InputError, match="x.html: cannot be written: No such file"):
        write_report(folder, tmp_path / "nowhere" / "x.html")
    log = (folder / LOG_NAME).read_bytes()
    (folder / LOG_NAME).write_bytes(log + b"no event\n")
    with pytest.raises(InputError, match=rf"{LOG_NAME}:\d+: not an event"):
        write_report(folder)


def test_the_axis_of_time_is_called_the_same_in_every_figure() -> None:
    sources = [path.read_text() for path in Path(page_module.__file__).parent.glob("*.js")]
    labels = [
        label for source in sources for label in re.findall(r'xLabel[ :=]+(?:[^"\n]*"time" \? )?"(time[^"]*)"', source)
    ]
    assert len(labels) > 4 and {*labels} - {"time of a call"} == {"time since the start"}
