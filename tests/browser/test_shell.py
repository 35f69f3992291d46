"""The page around its figures: one run of several, files, and what is read without seeing."""

from pathlib import Path

from msgspec.structs import replace

from hetsched.report.page.document import Fact
from hetsched.report.page.page import html
from tests.browser.conftest import PageOf
from tests.report.page.runs import page_of_size


def written(folder: Path, **changes: object) -> Path:
    path = folder / "page.html"
    path.write_text(html(replace(page_of_size(300, workers=4, trials=10), **changes)))
    return path


def test_one_of_several_runs_is_chosen(tmp_path: Path, page_of: PageOf) -> None:
    [short], [long] = page_of_size(300, workers=4).runs, page_of_size(4000, workers=400).runs
    opened = page_of(written(tmp_path, kind="several", runs=[short, replace(long, strategy="cpu-only+fifo")]))
    summary = opened.locator("#gantt .summary").first
    assert "4 workers" in summary.inner_text() and opened.get_by_role("button", name="Workers below").count() == 0
    opened.evaluate("hetsched.figures.show(1, 2)")
    opened.get_by_label("One run").select_option(index=1)
    assert "400 workers" in summary.inner_text()
    assert opened.evaluate("hetsched.figures.range()") == [0, long.end_s]
    opened.get_by_role("button", name="Workers below").click()
    assert opened.evaluate("hetsched.view.lane") == 100


def test_runs_that_are_compared_have_one_axis(tmp_path: Path, page_of: PageOf) -> None:
    [short], [long] = page_of_size(300, workers=4).runs, page_of_size(900, workers=4).runs
    opened = page_of(written(tmp_path, kind="comparison", runs=[short, long]))
    assert opened.evaluate("hetsched.view.end") == long.end_s > short.end_s


def test_files_are_links_within_the_folder_whatever_they_are_called(tmp_path: Path, page_of: PageOf) -> None:
    names = ["a b/events.jsonl", "javascript:alert(1)", "50%#?.csv"]
    opened = page_of(written(tmp_path, facts=[Fact("file", name, name) for name in names]))
    links = [link.get_attribute("href") for link in opened.get_by_role("link").all()]
    assert links == ["./a%20b/events.jsonl", "./javascript%3Aalert(1)", "./50%25%23%3F.csv"]


def test_every_figure_is_told_in_words_and_reached_by_the_tab_key(tmp_path: Path, page_of: PageOf) -> None:
    opened = page_of(written(tmp_path))
    for figure in opened.locator("figure:visible").all():
        drawing = figure.locator("[role=img]")
        if drawing.count():
            label = drawing.get_attribute("aria-label") or ""
            assert label.startswith(figure.locator("h3").inner_text()) and len(label) > 40
            assert drawing.get_attribute("tabindex") == "0" or drawing.evaluate("(it) => it.tagName") == "svg"
            assert figure.get_by_text("Data as a table").is_visible()


def test_nothing_is_wider_than_a_telephone(tmp_path: Path, page_of: PageOf) -> None:
    opened = page_of(written(tmp_path), width=400)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400
