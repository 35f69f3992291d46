"""The docs as a site: `python -m documentation.site` builds it, and fails on a dead link.

The pages keep their places in the repository, so that their links also work on a forge. Zensical
reads a copy of the pages and of the files that they link. Links out of `docs/` therefore lead to
files of the site.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from documentation.markdown import PAGES, ROOT, links

SOURCE = ROOT / "build" / "docs" / "source"
SITE = ROOT / "build" / "docs" / "site"
"""As in zensical.toml."""


def copy_pages() -> None:
    """Copy every page, and every file that a page links, to `SOURCE`, under their paths in the
    repository."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    wanted = {*PAGES}
    for page in PAGES:
        wanted |= {file for link in links(page) if (file := link.file(page)) is not None and file.is_file()}
    for path in sorted(wanted):
        copy = SOURCE / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


class Page(HTMLParser):
    """The links of a page of the site, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def dead_links(site: Path) -> Iterator[str]:
    """A line per link of the site's pages to a file, or an anchor, that does not exist."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = unquote(link).partition("#")
            if "://" in target or target.startswith(("mailto:", "data:")) or path.name == "404.html":
                continue
            linked = (path.parent / target.partition("?")[0]).resolve() if target else path
            linked = linked / "index.html" if linked.is_dir() else linked
            if not linked.is_file():
                yield f"{path.relative_to(site)}: {link}: the site has no such file"
            elif anchor and linked in pages and anchor not in pages[linked].anchors | {"__top", "__skip"}:
                yield f"{path.relative_to(site)}: {link}: {linked.relative_to(site)} has no such heading"


def main() -> int:
    """Build the site. Returns the exit status: 1 for a dead link, or the exit status of
    Zensical."""
    copy_pages()
    shutil.rmtree(SITE, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
        return status
    dead = list(dead_links(SITE))
    print("\n".join(dead) or f"{SITE.relative_to(ROOT)}/index.html is the first page; no link is dead")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
