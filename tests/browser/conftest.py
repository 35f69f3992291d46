"""Pages in a real browser: `page_of(path)` opens one. Tests fail on whatever the browser reports as
an error. Where no browser is found they are skipped, and fail before a release (`make
test-all`)."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""What the browser is called on one system or the other; $HETSCHED_BROWSER goes before all."""

PageOf = Callable[..., Page]


def browser_path() -> str | None:
    wanted = os.environ.get("HETSCHED_BROWSER")
    return wanted or next((found for found in map(shutil.which, NAMES) if found), None)


DRAWN_WITHIN_S = 60.0


def await_true(page: Page, expression: str) -> None:
    """Wait until the expression holds in the page, which may be on its way to another one.
    `page.wait_for_function` would do what the page's security policy forbids: evaluate a string, in
    the page."""
    until = time.monotonic() + DRAWN_WITHIN_S
    while True:
        with suppress(Error):
            if page.evaluate(f"Boolean({expression})"):
                return
        assert time.monotonic() < until, f"{page.url}: not within {DRAWN_WITHIN_S:g} s: {expression}"
        page.wait_for_timeout(10)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    path = browser_path()
    if path is None:
        lacking = f"no browser: install one of {', '.join(NAMES)}, or name it in $HETSCHED_BROWSER"
        pytest.fail(lacking) if os.environ.get("HYPOTHESIS_PROFILE") == "exhaustive" else pytest.skip(lacking)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page_of(browser: Browser) -> Iterator[PageOf]:
    """`page_of(path or address, width=1200, dark=False, touch=False)`: the page, once it is
    drawn."""
    errors: list[str] = []
    contexts = []

    def opened(where: Path | str, *, width: int = 1200, dark: bool = False, touch: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", has_touch=touch
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(where.resolve().as_uri() if isinstance(where, Path) else where)
        await_true(page, "window.hetsched && window.hetsched.ready_ms")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors
