"""The pages of the docs, and what is in them: links and prose."""

import re
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MADE = "<!-- made by `python -m documentation.reference`: change the code, and run it again -->"
"""What pages have that nobody writes."""
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


class Link(NamedTuple):
    """What a page links in a line: `target` as it is written, without the `anchor`."""

    line: int
    target: str
    anchor: str

    def file(self, page: Path) -> Path | None:
        """The file of the project that is linked, whether it is there or not; None for an address elsewhere."""
        if self.target.startswith(("http:", "https:", "mailto:")):
            return None
        return Path(normpath(page.parent / self.target)) if self.target else page


def prose(page: Path) -> list[tuple[int, str]]:
    """Numbered lines of a page outside blocks of code."""
    found, inside = [], False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.strip().startswith("```"):
            inside = not inside
        elif not inside:
            found.append((number, line))
    return found


def links(page: Path) -> Iterator[Link]:
    """The links of a page outside blocks of code, images among them."""
    for number, line in prose(page):
        for found in LINK.finditer(line):
            target, _, anchor = found["target"].partition("#")
            yield Link(number, target, anchor)
