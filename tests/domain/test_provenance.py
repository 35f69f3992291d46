"""Which rows a step time is from, and what their provenance says."""

import pytest

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import StepTimes
from hetsched.domain.provenance import LONGEST, NOT_MEASURED, not_measured
from hetsched.domain.workload import TrialKind
from tests.conftest import profile_row

ROWS = [
    profile_row(batch_size=batch, cores=cores, seconds=batch / cores) for batch in (32, 64, 128) for cores in (1, 4)
]


@pytest.mark.parametrize(
    ("batch_size", "cores", "batches", "of_cores"),
    [
        (64, 4, {64}, {4}),
        (48, 4, {32, 64}, {4}),
        (64, 2, {64}, {1, 4}),
        (100, 2, {64, 128}, {1, 4}),
        (256, 4, {64, 128}, {4}),
        (32, 8, {32}, {1, 4}),
    ],
)
def test_a_step_time_is_from_its_row_or_from_the_neighbours(
    batch_size: int, cores: int, batches: set[int], of_cores: set[int]
) -> None:
    kind, worker = TrialKind("resnet18", "cifar10", batch_size), WorkerType("cpu", cores, 0.0)
    for extrapolate in (True, False):
        times = StepTimes(ROWS, extrapolate=extrapolate)
        rows = times.rows_behind(kind, worker)
        assert bool(rows) == (times.seconds_per_iteration(kind, worker) is not None)
        if rows:
            assert {(row.batch_size, row.cores) for row in rows} == {(b, c) for b in batches for c in of_cores}
    assert StepTimes(ROWS, extrapolate=True).rows_behind(kind, WorkerType("v100", 0, 1.0)) == []


@pytest.mark.parametrize("word", NOT_MEASURED)
def test_the_first_word_decides(word: str) -> None:
    for provenance, how in (
        (word, word),
        (f"{word.title()}: as I like it", word.title()),
        (f" {word} by me (really); measured never", f"{word} by me"),
        (f"measured, and {word}", None),
        (f"{word}ly", None),
    ):
        assert not_measured(provenance) == how
    assert not_measured(f"{word} " + "x" * 100) == f"{word} {'x' * 100}"[: LONGEST - 1] + "…"
