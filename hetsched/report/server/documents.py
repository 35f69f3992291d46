"""The pages of results folders. A page is made again when the files of its folder have changed."""

import logging
import re
from collections import OrderedDict
from html import unescape
from importlib import resources
from pathlib import Path
from threading import Lock

from hetsched.errors import HetschedError, unreadable
from hetsched.report.page.document import Page
from hetsched.report.page.encoding import document
from hetsched.report.page.page import html, page
from hetsched.report.printable import printable
from hetsched.report.server.places import Served, files

logger = logging.getLogger(__name__)

READ = {".jsonl", ".json", ".toml", ".csv"}
"""The endings of the files from which a page is made."""

KEPT = 16
"""The number of documents that are kept: those that were requested last."""

Signature = tuple[tuple[str, int, int], ...]
"""The files from which a page was made: paths, times of change, and sizes in bytes."""

_POLICY = re.compile('http-equiv="Content-Security-Policy" content="([^"]*)"')


class Documents:
    """The documents of folders. A document is made once per signature of its folder. Several
    threads may call at once."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._lock = Lock()
        self._locks: dict[Path, Lock] = {}
        self._kept: OrderedDict[Path, tuple[Signature, Page, bytes]] = OrderedDict()

    def signature(self, folder: Path) -> Signature:
        """The signature of the folder as it is now."""
        found = [(entry, stat) for entry, stat in files(folder) if Path(entry.name).suffix in READ]
        return tuple((entry.path, stat.st_mtime_ns, stat.st_size) for entry, stat in found)

    def document(self, folder: Path) -> bytes:
        """The document of the folder's page, or of a page that says why the folder has none."""
        return self._made(folder)[2]

    def html(self, folder: Path) -> str:
        """The folder's page as HTML, with the script that follows changes of the folder."""
        return html(self._made(folder)[1], scripts=[script("follow.js")], connect=True)

    def _made(self, folder: Path) -> tuple[Signature, Page, bytes]:
        with self._lock:
            lock = self._locks.setdefault(folder, Lock())
        with lock:
            now = self.signature(folder)
            with self._lock:
                kept = self._kept.get(folder)
            if kept is None or kept[0] != now:
                kept = now, *self._page(folder)
            with self._lock:
                self._kept[folder] = kept
                self._kept.move_to_end(folder)
                if len(self._kept) > KEPT:
                    self._locks.pop(self._kept.popitem(last=False)[0], None)
            return kept

    def _page(self, folder: Path) -> tuple[Page, bytes]:
        """The page and its document. If the page cannot be made, as with damaged files, another
        page has the error."""
        try:
            self._served.check(folder)
            made = page(folder)
            return made, document(made)
        except HetschedError as error:
            why = str(error).replace(f"{folder}/", "").replace(f"{self._served.root}/", "")
        except OSError as error:
            why = unreadable(self._served.shown(Path(error.filename or folder)), error)
        except Exception as error:
            logger.warning("%s cannot be shown", folder, exc_info=True)
            why = f"{type(error).__name__}: {error}: was a file altered?"
        made = empty_page(self._served.shown(folder), "Cannot be shown", printable(why))
        return made, document(made)


def empty_page(title: str, heading: str, remark: str) -> Page:
    """A page without a run."""
    return Page(title=title, kind="several", complete=True, facts=[], remarks={heading: [remark]}, runs=[])


def listing_html(served: Served) -> str:
    """The page that lists the runs and studies of the served folder."""
    page = empty_page(served.shown(served.root), "Runs and studies", "Those that were written to last come first.")
    return html(page, scripts=[script("list.js")], connect=True)


def policy_of(text: str) -> str:
    """The Content-Security-Policy that a page states in its head, for the header of the
    response."""
    [stated] = _POLICY.findall(text)[:1]
    return unescape(stated)


def script(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")
