"""The page of a folder of recordings."""

from pathlib import Path
from shutil import copytree

from hetsched.report.fidelity_tables import listings
from hetsched.report.page.page import html, write_report
from hetsched.report.page.study import page_of
from hetsched.studies.fidelity.fidelity import fidelity
from hetsched.studies.fidelity.recordings import RECORDINGS
from tests.test_architecture import ROOT


def some(folder: Path) -> Path:
    for name in ("four-eta", "two-fifo"):
        copytree(ROOT / "fidelity" / RECORDINGS / name, folder / RECORDINGS / name)
    return folder


def test_a_page_has_the_tables_of_the_command(tmp_path: Path) -> None:
    folder = some(tmp_path)
    page = page_of(folder)
    assert page.title == "Fidelity: 2 recorded real runs, predicted again"
    for table, listing in zip(page.tables, listings(fidelity(folder)), strict=True):
        assert (table.columns, table.rows) == (list(listing.headings), [list(row) for row in listing.rows])
    assert {fact.name: fact.value for fact in page.facts}["policies"] == "eta, fifo"
    assert "four-eta" in html(page)


def test_the_report_is_written_beside_the_recordings(tmp_path: Path) -> None:
    assert write_report(some(tmp_path)) == tmp_path / "report.html"
