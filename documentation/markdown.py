"""The pages of the docs, and their links and prose."""

import re
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MADE = "<!-- made by `python -m documentation.reference`: change the code, and run it again -->"
"""The mark of pages that a program writes."""
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")


class Link(NamedTuple):
    """A link in a line of a page. `target` is as it is written, without the `anchor`."""

    line: int
    target: str
    anchor: str

    def file(self, page: Path) -> Path | None:
        """The linked file of the project, whether it exists or not. None: the address is
        elsewhere."""
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
    """The links of a page outside blocks of code, with images."""
    for number, line in prose(page):
        for found in LINK.finditer(line):
            target, _, anchor = found["target"].partition("#")
            yield Link(number, target, anchor)
