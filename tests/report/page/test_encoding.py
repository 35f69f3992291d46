"""What the page's document is written as. tests/browser reads it back with the page's own
decoder."""

from typing import Any

import msgspec
import pytest

from hetsched.report.page.document import Mark, Page
from hetsched.report.page.encoding import column, document, steps, table


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([1.5, 2.0, None], [1.5, 2, None]),
        ([0.123456789, 1e-9], [0.123457, 1e-09]),
        ([7, 7, 7], {"same": 7}),
        ([1, True], [1, True]),
        ([7], [7]),
        (["a", "b", "a", "b", "a"], {"words": ["a", "b"], "at": [0, 1, 0, 1, 0]}),
        (["a", "b", "a"], ["a", "b", "a"]),
        ([None, None], {"same": None}),
        ([], []),
    ],
)
def test_a_column_is_as_short_as_it_can_be(values: list[Any], written: Any) -> None:
    found = column(values)
    assert found == written and msgspec.json.encode(found) == msgspec.json.encode(written)


def test_steps_are_differences() -> None:
    assert steps([1, 2, 3, 5]) == {"steps": [1, 1, 1, 2]}
    assert steps([1, 2, 3]) == {"steps": {"same": 1}}


def test_rows_become_columns() -> None:
    rows = [Mark(1.25, "lost", "x", lane=3), Mark(2.5, "left", "y")]
    assert table(rows) == {
        "rows": 2,
        "columns": {
            "time_s": [1.25, 2.5],
            "kind": ["lost", "left"],
            "text": ["x", "y"],
            "lane": [3, None],
            "trial": {"same": None},
        },
    }
    assert table([]) == {"rows": 0, "columns": {}}


def test_times_of_a_long_run_are_to_the_millisecond() -> None:
    """The page compares them with the times of segments."""
    columns = table([Mark(1234567.89123, "lost", "x"), Mark(1234567.89, "left", "y")])["columns"]
    assert columns["time_s"] == [1234567.891, 1234567.89]


def test_a_page_without_runs_is_written_whole() -> None:
    page = Page(title="t", kind="plan", complete=True, facts=[], remarks={"a": ["b"]}, runs=[])
    found = msgspec.json.decode(document(page))
    assert found["remarks"] == {"a": ["b"]} and found["runs"] == [] and found["complete"] is True
