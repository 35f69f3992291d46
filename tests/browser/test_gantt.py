"""The Gantt in a browser: its numbers are the log's; it zooms, pans, tells and is quick."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from playwright.sync_api import Page

from hetsched.core.events import SegmentEnded, SegmentLost, SegmentStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.report.page.encoding import document
from hetsched.report.page.page import html, page, write_report
from tests.browser.conftest import PageOf, await_true
from tests.report.page.runs import faulty, page_of_size, simulated

CANVAS = "#gantt canvas[role=img]"
REDRAW = """async ([from, to]) => {
  const { figures, view } = hetsched;
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  figures.show(from * view.end, to * view.end);
  await frame();
  document.querySelector("#gantt canvas[role=img]").getContext("2d").getImageData(0, 0, 1, 1);
}"""
"""Changes the zoom, and ends when the pixels are there."""

COLOURS = """() => {
  const context = document.querySelector("#gantt canvas[role=img]").getContext("2d");
  const { data } = context.getImageData(300, 100, 400, 100);
  const hex = (value) => value.toString(16).padStart(2, "0");
  const found = new Set();
  for (let i = 0; i < data.length; i += 4) found.add("#" + hex(data[i]) + hex(data[i + 1]) + hex(data[i + 2]));
  return [...found];
}"""
"""The colours of a part of the Gantt."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with faults, and its report."""
    folder = simulated(faulty(), tmp_path_factory.mktemp("gantt"))
    write_report(folder)
    return folder


def of_size(segments: int, folder: Path, **size: int) -> Path:
    path = folder / "sized.html"
    path.write_text(html(page_of_size(segments, **size)))
    return path


def shown(page: Page) -> list[float]:
    """From when to when the page shows."""
    found: list[float] = page.evaluate("hetsched.figures.range()")
    return found


def pixel(page: Page, second: float, lane: int) -> tuple[float, float]:
    """Where a moment of a lane is on the screen."""
    page.locator(CANVAS).scroll_into_view_if_needed()
    box = page.locator(CANVAS).bounding_box()
    assert box is not None
    left, right, row = box["x"] + 118, box["x"] + box["width"] - 10, 20
    first, last = shown(page)
    return left + (second - first) / (last - first) * (right - left), box["y"] + 18 + (lane + 0.5) * row


def test_the_pages_numbers_are_those_of_the_log(run: Path, page_of: PageOf) -> None:
    events = list(read_log(run / LOG_NAME))
    opened = page_of(run / "report.html")
    held: dict[str, Any] = opened.evaluate("hetsched.document.runs[0].segments")
    starts = [event for event in events if isinstance(event, SegmentStarted)]
    ends = {event.segment: event for event in events if isinstance(event, SegmentEnded | SegmentLost)}
    assert held["number"] == [start.segment for start in starts]
    assert held["start_s"] == [round(start.time, 3) for start in starts]
    assert held["end_s"] == [round(ends[start.segment].time, 3) for start in starts]
    kinds = Counter(type(ends[start.segment]) for start in starts)
    lost = kinds[SegmentLost]
    assert Counter(held["state"]) == {0: kinds[SegmentEnded], 1: lost} and lost
    summary = opened.locator("#gantt .summary").first.inner_text()
    assert f"8 trials, {len(starts)} segments" in summary and f"{lost} lost" in summary


def test_the_document_is_read_as_it_was_written(run: Path, page_of: PageOf) -> None:
    [written] = page(run).runs
    held: dict[str, Any] = page_of(run / "report.html").evaluate("hetsched.document.runs[0]")
    assert [lane["worker"] for lane in held["lanes"]] == [lane.worker for lane in written.lanes]
    assert [trial["status"] for trial in held["trials"]] == [trial.status for trial in written.trials]
    assert [(mark["kind"], mark["text"], mark["lane"], mark["trial"]) for mark in held["marks"]] == [
        (mark.kind, mark.text, mark.lane, mark.trial) for mark in written.marks
    ]
    assert [exploit["hyperparameters"] for exploit in held["exploits"]] == [
        {key: pytest.approx(value, rel=1e-5) for key, value in exploit.hyperparameters.items()}
        for exploit in written.exploits
    ]


def test_a_tip_tells_of_the_segment_under_the_pointer(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    [held] = page(run).runs
    segments = held.segments
    row = max(range(len(segments.number)), key=lambda row: segments.end_s[row] - segments.start_s[row])
    middle = (segments.start_s[row] + segments.end_s[row]) / 2
    opened.mouse.move(*pixel(opened, middle, segments.lane[row]))
    tip = opened.locator("#gantt .tip").inner_text()
    assert tip.startswith(held.trials[segments.trial[row]].id)
    assert f"segment {segments.number[row]} on {held.lanes[segments.lane[row]].worker}" in tip
    opened.mouse.move(5, 5)
    assert opened.locator("#gantt .tip").is_hidden()


def test_wheel_drag_double_click_and_buttons_zoom_and_pan(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    whole = shown(opened)
    middle = (whole[0] + whole[1]) / 2
    x, y = pixel(opened, middle, 1)
    opened.mouse.move(x, y)
    opened.keyboard.down("Control")
    opened.mouse.wheel(0, -300)
    opened.keyboard.up("Control")
    await_true(opened, "hetsched.view.to !== null")
    zoomed = shown(opened)
    assert zoomed[0] < middle < zoomed[1] and zoomed[1] - zoomed[0] < 0.7 * (whole[1] - whole[0])
    assert (middle - zoomed[0]) / (zoomed[1] - zoomed[0]) == pytest.approx(0.5, abs=0.02)
    opened.mouse.down()
    opened.mouse.move(x - 200, y, steps=4)
    opened.mouse.up()
    dragged = shown(opened)
    assert dragged[0] > zoomed[0] and dragged[1] - dragged[0] == pytest.approx(zoomed[1] - zoomed[0])
    opened.mouse.dblclick(x, y)
    assert (shown(opened)[1] - shown(opened)[0]) == pytest.approx((dragged[1] - dragged[0]) / 2)
    opened.get_by_role("button", name="Show all of the run").first.click()
    assert shown(opened) == whole


def test_the_wheel_scrolls_the_page_where_the_figure_has_no_focus(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    opened.mouse.move(*pixel(opened, 10.0, 1))
    opened.mouse.wheel(0, -300)
    opened.wait_for_timeout(50)
    assert opened.evaluate("hetsched.view.to") is None


def test_fingers_pan_and_pinch(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html", width=400, touch=True)
    opened.evaluate("hetsched.figures.show(0, hetsched.view.end / 2)")
    before = shown(opened)
    cdp = opened.context.new_cdp_session(opened)
    opened.locator(CANVAS).scroll_into_view_if_needed()
    box = opened.locator(CANVAS).bounding_box()
    assert box is not None
    x, y = box["x"] + 200, box["y"] + 60

    def touch(kind: str, *points: tuple[float, int]) -> None:
        at = [{"x": x + dx, "y": y, "id": number} for dx, number in points]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (0, 0))
    touch("touchMove", (-20, 0))
    touch("touchMove", (-60, 0))
    touch("touchEnd")
    panned = shown(opened)
    assert panned[0] > before[0] and panned[1] - panned[0] == pytest.approx(before[1] - before[0])
    touch("touchStart", (0, 0), (40, 1))
    touch("touchMove", (-10, 0), (60, 1))
    touch("touchMove", (-20, 0), (80, 1))
    touch("touchEnd")
    pinched = shown(opened)
    assert pinched[1] - pinched[0] < 0.7 * (panned[1] - panned[0])


def test_keys_go_from_segment_to_segment_and_tell_of_each(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    opened.locator(CANVAS).focus()
    heard = opened.locator("#gantt .heard")
    [held] = page(run).runs
    rows = [row for row, lane in enumerate(held.segments.lane) if lane == held.segments.lane[0]]
    opened.keyboard.press("ArrowRight")
    assert f"segment {held.segments.number[rows[0]]} on" in heard.inner_text()
    opened.keyboard.press("ArrowRight")
    assert f"segment {held.segments.number[rows[1]]} on" in heard.inner_text()
    opened.keyboard.press("ArrowLeft")
    assert f"segment {held.segments.number[rows[0]]} on" in heard.inner_text()
    opened.keyboard.press("ArrowDown")
    assert f"on {held.lanes[held.segments.lane[0] + 1].worker}" in heard.inner_text()
    opened.keyboard.press("Enter")
    assert opened.evaluate("hetsched.view.trial") is not None
    opened.keyboard.press("+")
    zoomed = shown(opened)
    assert zoomed[1] < held.end_s
    opened.keyboard.press("Shift+ArrowRight")
    assert shown(opened)[0] > zoomed[0]
    opened.keyboard.press("0")
    opened.keyboard.press("Escape")
    assert shown(opened)[0] == 0 and opened.evaluate("hetsched.view.trial") is None


def test_a_trial_is_found_by_its_name_and_the_others_fade(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    pixels = "document.querySelector('#gantt canvas[role=img]').toDataURL().length"
    before = opened.evaluate(pixels)
    trial = page(run).runs[0].trials[3].id
    opened.get_by_label("Show one trial").first.fill(trial)
    await_true(opened, f"hetsched.view.trial === 3 && {pixels} !== {before}")


def open_table(opened: Page) -> None:
    """The browser tells the page a moment later that a table was opened."""
    opened.locator("#gantt summary").first.click()
    opened.wait_for_selector("#gantt tbody tr")


def test_the_data_are_a_table(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    open_table(opened)
    rows = opened.locator("#gantt tbody").first.locator("tr")
    [held] = page(run).runs
    assert rows.count() == len(held.segments.number) <= 1000
    assert rows.nth(0).locator("td").all_inner_texts()[:3] == [
        "1",
        held.trials[held.segments.trial[0]].id,
        held.lanes[held.segments.lane[0]].worker,
    ]


def test_a_newer_document_keeps_zoom_choice_and_open_tables(run: Path, page_of: PageOf) -> None:
    whole = page(run)
    [last] = whole.runs
    opened = page_of(run / "report.html")
    open_table(opened)
    opened.evaluate("hetsched.view.trial = 2; hetsched.figures.show(10, 20)")
    newer = replace(whole, runs=[replace(last, end_s=last.end_s + 100, ended=None)], complete=False)
    opened.evaluate("(written) => hetsched.show(written)", msgspec.json.decode(document(newer)))
    assert shown(opened) == [10, 20] and opened.evaluate("hetsched.view.trial") == 2
    opened.wait_for_selector("#gantt tbody tr")
    assert opened.locator(CANVAS).count() == 1 and opened.get_by_text("Not finished").is_visible()
    opened.evaluate("hetsched.figures.show(0, 1e9)")
    assert shown(opened)[1] == pytest.approx(last.end_s + 100)


def test_names_of_a_hostile_log_are_text(run: Path, tmp_path: Path, page_of: PageOf) -> None:
    hostile = '<img src=x onerror="window.hit=1"></script><script>window.hit=1</script>'
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in ("scenario.toml", "profile.csv"):
        (folder / name).write_bytes((run / name).read_bytes())
    [held] = page(run).runs
    escaped = msgspec.json.encode(hostile).decode()[1:-1]
    text = (run / LOG_NAME).read_text()
    for name in (held.trials[0].id, held.lanes[0].worker, "the trial crashed"):
        text = text.replace(f'"{name}"', f'"{escaped} {name}"')
    (folder / LOG_NAME).write_text(text)
    opened = page_of(write_report(folder))
    open_table(opened)
    opened.mouse.move(*pixel(opened, 3.0, 0))
    assert hostile in opened.locator("#gantt .tip").inner_text()
    assert opened.locator("img").count() == 0 and opened.evaluate("window.hit") is None


@pytest.mark.parametrize("dark", [False, True])
def test_themes_follow_the_system_and_the_button(run: Path, page_of: PageOf, dark: bool) -> None:
    opened = page_of(run / "report.html", dark=dark)
    paper = "getComputedStyle(document.body).backgroundColor"
    light, black = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
    assert opened.evaluate(paper) == (black if dark else light)
    opened.get_by_role("button", name="Light or dark").click()
    assert opened.evaluate(paper) == (light if dark else black)
    assert opened.evaluate("kit.palette.panel") == ("#ffffff" if dark else "#14171b")


def test_on_paper_figures_are_light_and_twice_as_fine(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html", dark=True)
    width = f"document.querySelector('{CANVAS}').width"
    before = opened.evaluate(width)
    opened.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.evaluate("kit.palette.panel") == "#ffffff" and opened.evaluate(width) == 2 * before
    opened.evaluate("dispatchEvent(new Event('afterprint'))")
    assert opened.evaluate("kit.palette.panel") == "#14171b" and opened.evaluate(width) == before


class Effort:
    """The processor time that a page takes, which is the same on a busy machine and on an idle
    one."""

    def __init__(self, opened: Page) -> None:
        self._cdp = opened.context.new_cdp_session(opened)
        self._cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    @property
    def seconds(self) -> float:
        metrics = self._cdp.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def test_ten_thousand_segments_are_ready_in_a_second_and_redrawn_in_a_tenth(tmp_path: Path, page_of: PageOf) -> None:
    opened = page_of(of_size(10_000, tmp_path))
    effort = Effort(opened)
    before = effort.seconds
    opened.reload()
    assert opened.evaluate("hetsched.ready_ms") > 0
    assert 0.01 < effort.seconds - before < 1
    for stretch in ([0, 0.9], [0.2, 0.7], [0.4, 0.5], [0, 1]):
        before = effort.seconds
        opened.evaluate(REDRAW, stretch)
        assert 0.001 < effort.seconds - before < 0.1, stretch


@pytest.mark.exhaustive
def test_a_hundred_thousand_segments_open(tmp_path: Path, page_of: PageOf) -> None:
    opened = page_of(of_size(100_000, tmp_path, workers=400, trials=5000))
    assert "100,000 segments" in opened.locator("#gantt .summary").first.inner_text()
    busy, series = opened.evaluate("[kit.palette.busy, kit.palette.series]")
    assert busy in opened.evaluate(COLOURS)  # bins
    opened.evaluate("hetsched.figures.show(0, hetsched.view.end / 100)")
    await_true(opened, f"!({COLOURS})().includes('{busy}')")
    close = opened.evaluate(COLOURS)
    assert busy not in close and set(series) & set(close)  # segments
    opened.get_by_role("button", name="Workers below").click()
    assert opened.evaluate("hetsched.view.lane") > 0


def test_a_worker_that_recovers_is_not_one_that_is_slowed(run: Path, page_of: PageOf) -> None:
    opened = page_of(run / "report.html")
    words = opened.locator("#gantt .legend li").all_inner_texts()
    assert {"worker slowed", "worker recovered"} <= {word.strip() for word in words}
    marks = opened.evaluate("hetsched.document.runs[0].marks.map(({ kind, text }) => [kind, text])")
    assert {text for kind, text in marks if kind == "recovered"} == {"as fast as it should be"}
    assert {text for kind, text in marks if kind == "slowed"} == {"2 x as long"}


def test_on_a_narrow_screen_there_are_as_many_arrows_as_can_be_told_apart(run: Path, page_of: PageOf) -> None:
    """Every arrow begins with a dot: those of 12 exploits cross each other on 300 pixels."""
    dots = """() => {
      let dots = 0;
      const { shape } = kit;
      kit.shape = (c, name, ...rest) => ((dots += name === "circle" && rest[2] === 2), shape(c, name, ...rest));
      hetsched.figures.redraw();
      return new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(dots), 50)));
    }"""
    [written] = page(run).runs
    assert len(written.exploits) > 7
    assert page_of(run / "report.html").evaluate(dots) == len(written.exploits)
    assert page_of(run / "report.html", width=400).evaluate(dots) == 0
