"""Write the errors of all recordings into fidelity/errors.csv, and their tables into
docs/validation.md.

python -m benchmarks.fidelity_page
"""

from pathlib import Path

from benchmarks.pages.pages import TABLES
from benchmarks.pages.tables import filled
from hetsched.report.fidelity_tables import listings
from hetsched.studies.fidelity.fidelity import fidelity
from hetsched.studies.fidelity.table import write_table

ROOT = Path(__file__).parents[1]

PAGE = ROOT / "docs/validation.md"


def main() -> None:
    result = fidelity(ROOT / "fidelity")
    write_table(ROOT / "fidelity", result.errors)
    page = PAGE.read_text()
    for listing in listings(result):
        page = replaced(page, listing.markdown())
    PAGE.write_text(filled(page, TABLES))


def replaced(page: str, table: str) -> str:
    """The page with the table in place of the one with the same headings.

    >>> replaced("a\\n| b |\\n| --- |\\n| 1 |\\n\\nc\\n", "| b |\\n| --- |\\n| 2 |\\n")
    'a\\n| b |\\n| --- |\\n| 2 |\\n\\nc\\n'
    """
    headings, _, _ = table.partition("\n")
    before, found, after = page.partition(f"{headings}\n")
    if not found:
        raise SystemExit(f"{PAGE}: expected a table with the headings {headings}")
    lines = after.splitlines(keepends=True)
    rest = next((number for number, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before + table + "".join(lines[rest:])


if __name__ == "__main__":
    main()
