"""The tables of a page's figures, each read at once: a question per cell takes milliseconds per
cell."""

from playwright.sync_api import Page


def table(page: Page, figure: str) -> list[list[str]]:
    """The cells of a figure's table, which is opened if it is closed."""
    page.evaluate("id => document.querySelectorAll(`#${id} details`).forEach(d => d.open = true)", figure)
    page.wait_for_selector(f"#{figure} tbody tr")
    rows: list[list[str]] = page.evaluate(
        "id => [...document.querySelectorAll(`#${id} tbody tr`)].map(r => [...r.cells].map(c => c.textContent))", figure
    )
    return rows
