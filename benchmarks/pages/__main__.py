"""Write all tables whose figures come from files into their pages."""

from benchmarks.pages.pages import PAGES, ROOT, TABLES
from benchmarks.pages.tables import filled

if __name__ == "__main__":
    for name in PAGES:
        page = ROOT / name
        before = page.read_text()
        if (after := filled(before, TABLES)) != before:
            page.write_text(after)
            print(name)
