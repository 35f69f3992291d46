"""The page's document as small JSON.

A list of structs becomes a table of columns. A column is written in the shortest of a few forms.
`decode` in kit.js reads these forms.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from hetsched.report.page.document import Page, PageRun, Segments, Series

MILLISECONDS = 1000


def document(page: Page) -> bytes:
    """The JSON document of the page. Times have milliseconds, other numbers have six digits."""
    return msgspec.json.encode({**_plain(page), "runs": [_run(run) for run in page.runs]})


def _plain(struct: Struct) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(struct)
    return fields


def _run(run: PageRun) -> dict[str, Any]:
    tables = {name: table(getattr(run, name)) for name in ("lanes", "trials", "exploits", "marks")}
    series = {name: [_series(one) for one in getattr(run, name)] for name in ("utilisation", "resources")}
    bare = msgspec.structs.replace(
        run, lanes=[], trials=[], exploits=[], marks=[], utilisation=[], resources=[], segments=NO_SEGMENTS
    )
    return {**_plain(bare), **tables, **series, "segments": _segments(run.segments)}


NO_SEGMENTS = Segments([], [], [], [], [], [], [], [], [], [], [])


def _segments(segments: Segments) -> dict[str, Any]:
    """The segments as columns. The end, and the times of training, are milliseconds since the
    segment's start."""
    starts = segments.start_s

    def since(times: list[float]) -> Any:
        return column([_milliseconds(t) - _milliseconds(start) for t, start in zip(times, starts, strict=True)])

    columns = {
        "number": steps(segments.number),
        "lane": column(segments.lane),
        "trial": column(segments.trial),
        "start": steps([_milliseconds(start) for start in starts]),
        "end": since(segments.end_s),
        "train_from": since(segments.train_from_s),
        "train_to": since(segments.train_to_s),
        "iterations": column(segments.iterations),
        "total": column(segments.total),
        "score": column(segments.score),
        "state": column(segments.state),
    }
    return {"rows": len(starts), "columns": columns}


def _series(series: Series) -> dict[str, Any]:
    times = [_milliseconds(time) for time in series.time_s]
    return {
        "name": series.name,
        "group": series.group,
        "unit": series.unit,
        "mean": _short(series.mean),
        "rows": len(times),
        "time": steps(times),
        "value": column(series.value),
    }


def table(rows: Sequence[Struct]) -> dict[str, Any]:
    """The rows as columns. A column of dictionaries becomes a table with one column per key of any
    row.

    A field whose name ends in `_s` is a time in seconds, and is rounded to milliseconds. The page
    compares these times with times of segments, so the rounding is the same for long runs.
    """
    names = [field.name for field in msgspec.structs.fields(type(rows[0]))] if rows else []
    return {"rows": len(rows), "columns": {name: _any_column([getattr(r, name) for r in rows], name) for name in names}}


def _any_column(values: list[Any], name: str) -> Any:
    if name.endswith("_s"):
        return column(values, lambda time: time if time is None else round(time, 3))
    if not all(isinstance(value, dict) for value in values):
        return column(values)
    keys = dict.fromkeys(key for value in values for key in value)
    return {"keys": {key: column([value.get(key) for value in values]) for key in keys}}


def _short(value: Any) -> Any:
    """A number with six digits. A whole number becomes an integer."""
    if not isinstance(value, float):
        return value
    rounded = float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 2**53 else rounded


def column(values: Sequence[Any], shorten: Callable[[Any], Any] = _short) -> Any:
    """The values in one of three forms.

    `{"same": value}` is for equal values. `{"words": words, "at": positions}` is for texts that
    repeat. All others are a list.
    """
    short = [shorten(value) for value in values]
    if len(short) > 1 and all(value == short[0] and type(value) is type(short[0]) for value in short):
        return {"same": short[0]}
    if short and all(value is None or isinstance(value, str) for value in short):
        words = {word: position for position, word in enumerate(dict.fromkeys(short))}
        if 2 * len(words) < len(short):
            return {"words": list(words), "at": [words[value] for value in short]}
    return short


def steps(numbers: Sequence[int]) -> Any:
    """Rising whole numbers as the differences between neighbours. The first difference is the first
    number."""
    return {"steps": column([after - before for before, after in zip([0, *numbers], numbers, strict=False)])}


def _milliseconds(seconds: float) -> int:
    return round(seconds * MILLISECONDS)
