"""`hetsched serve` in a browser: a run appears in the list and on its page, goes on there and comes
to its end."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from hetsched.core.events import SegmentEnded
from hetsched.core.log import read_log
from tests.browser.conftest import PageOf, await_true
from tests.cli.test_serve import Server, serving
from tests.slow_log import SlowLog

pytest.importorskip("uvicorn")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as started:
        yield started


def opened(page_of: PageOf, server: Server, *, dark: bool = False, width: int = 1200) -> Page:
    """The list, by the address that the server printed."""
    address = re.search(r"http\S+", server.line)
    assert address is not None
    page = page_of(address[0], dark=dark, width=width)
    expect(page).to_have_url(f"http://127.0.0.1:{server.port}/")
    return page


def segments(page: Page) -> int:
    """How many segments that are over the page has."""
    states: list[int] = page.evaluate("window.hetsched.document.runs.flatMap((run) => run.segments.state)")
    return len([state for state in states if state == 0])


def ended(run: SlowLog) -> int:
    """How many the log has now."""
    return sum(isinstance(event, SegmentEnded) for event in read_log(run.path))


def test_a_run_appears_goes_on_and_ends(server: Server, page_of: PageOf, tmp_path: Path) -> None:
    page = opened(page_of, server)
    expect(page.locator("#following")).to_have_text("There is no run in this folder yet.")
    page.evaluate("window.never_reloaded = true")
    run = SlowLog(tmp_path / "live")
    row = page.locator("#studies tr", has_text="live")
    expect(row).to_contain_text("starting")
    run.write(0.4)
    expect(row).to_contain_text("fusion+fifo, seed 0 (sim)")
    expect(row).to_contain_text("running")
    assert page.evaluate("window.never_reloaded")

    row.get_by_role("link").click()
    await_true(page, "window.hetsched && window.hetsched.ready_ms && window.hetsched.document.runs.length")
    assert segments(page) == ended(run)
    expect(page.locator(".verdict")).to_have_text("Not finished: the figures cover only what was trained.")
    page.evaluate("window.never_reloaded = true; hetsched.view.from = 1.5; hetsched.view.to = 20.5")
    for share in (0.7, 1.0):
        run.write(share)
        await_true(page, f"hetsched.document.runs[0].segments.state.filter((s) => s === 0).length === {ended(run)}")
    assert page.evaluate("hetsched.document.runs[0].ended") == "completed"
    expect(page.locator(".verdict")).to_have_count(0)
    expect(page.locator("#following")).to_contain_text("As of")
    assert page.evaluate("[window.never_reloaded, hetsched.view.from, hetsched.view.to]") == [True, 1.5, 20.5]
    page.get_by_role("link", name="All runs").click()
    expect(page.locator("#studies tr", has_text="live")).to_contain_text("completed")


def test_a_page_that_is_open_before_the_run_begins(server: Server, page_of: PageOf, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    page = opened(page_of, server)
    page.goto(f"http://127.0.0.1:{server.port}/at/later/")
    expect(page.locator(".remarks")).to_contain_text("is empty; name the results folder of a study")
    run = SlowLog(tmp_path / "later").finished()
    await_true(page, "window.hetsched.document.runs.length === 1")
    assert segments(page) == ended(run)
    expect(page.locator(".remarks")).not_to_contain_text("is empty")


def test_damage_is_said_on_the_page_and_mended_there(server: Server, page_of: PageOf, tmp_path: Path) -> None:
    run = SlowLog(tmp_path / "one").finished()
    page = opened(page_of, server)
    page.get_by_role("link", name="one").click()
    await_true(page, "window.hetsched.document.runs.length === 1")
    run.append(b"{\n")
    expect(page.locator(".remarks")).to_contain_text("not an event of a hetsched log")
    run.path.write_bytes(run.content)
    await_true(page, "window.hetsched.document.runs.length === 1")


HOSTILE = "<img src=x onerror=window.harmed=1></script><script>window.harmed=1</script>"


def test_hostile_names_are_text(server: Server, page_of: PageOf, tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")
    run = SlowLog(tmp_path / name)
    run.append(run.content.replace(b'"e-0"', f'"{HOSTILE}"'.encode()).replace(b"fusion+fifo", f"{HOSTILE}+x".encode()))
    page = opened(page_of, server)
    page.get_by_role("link", name=name).click()
    await_true(page, "window.hetsched && window.hetsched.document && window.hetsched.document.runs.length === 1")
    assert page.evaluate("window.hetsched.document.runs[0].trials[0].id") == HOSTILE
    assert page.evaluate("[window.harmed === undefined, document.images.length]") == [True, 0]


def test_a_study_opens_to_its_runs(server: Server, page_of: PageOf, tmp_path: Path) -> None:
    for seed in range(3):
        run = SlowLog(tmp_path / "study" / f"seed-{seed}", seed=seed).finished()
    (tmp_path / "study" / "scenario.toml").write_bytes((run.folder / "scenario.toml").read_bytes())
    page = opened(page_of, server)
    page.get_by_text("The 3 runs").click()
    expect(page.get_by_role("listitem")).to_have_count(3)
    SlowLog(tmp_path / "another").finished()
    expect(page.get_by_role("link", name="another")).to_be_visible()
    expect(page.get_by_role("listitem")).to_have_count(3)
    page.get_by_role("link", name="study/seed-2").click()
    await_true(page, "window.hetsched && window.hetsched.document && window.hetsched.document.runs[0]?.seed === 2")


def test_a_page_that_nobody_sees_asks_for_nothing(server: Server, page_of: PageOf, tmp_path: Path) -> None:
    SlowLog(tmp_path / "one").finished()
    page = opened(page_of, server)
    expect(page.get_by_role("link", name="one")).to_be_visible()
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    SlowLog(tmp_path / "two").finished()
    page.wait_for_timeout(1500)
    expect(page.get_by_role("link", name="two")).to_have_count(0)
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("link", name="two")).to_be_visible()


def test_the_list_has_no_heading_for_what_it_does_not_have(server: Server, page_of: PageOf) -> None:
    page = opened(page_of, server)
    expect(page.locator("#following")).to_have_text("There is no run in this folder yet.")
    assert "Facts" not in page.locator("main").inner_text()
