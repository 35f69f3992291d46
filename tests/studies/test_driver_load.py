"""A scenario that one driver cannot serve is named before a real run begins."""

import logging
from pathlib import Path

import pytest

import hetsched
from hetsched.domain.registry import Strategy
from hetsched.studies.driver_load import DRIVER_S, driver_load, overload
from tests.conftest import make_setup, profile_row

FIFO = Strategy("fusion", "fifo")


def test_the_load_is_that_of_whole_intervals_on_all_workers() -> None:
    """Segments of 10 x 2 s + 100 x 0.001 s + 0.25 s on three nodes of one core, of 5.35 s on one of
    four."""
    rows = [profile_row(cores=1, seconds=2.0), profile_row(cores=4, seconds=0.5)]
    setup = make_setup([{"name": "a", "cores": 1, "count": 3}, {"name": "b", "cores": 4}], rows)
    assert driver_load(setup, FIFO) == pytest.approx(DRIVER_S * (3 / 20.35 + 1 / 5.35))
    assert overload(setup, FIFO) is None


def test_too_many_workers_for_their_segments_are_named() -> None:
    rows = [profile_row(seconds=0.001, evaluation_s_per_image=0.0, checkpoint_s=0.0)]
    setup = make_setup([{"name": "a", "cores": 1, "count": 4}], rows)
    assert driver_load(setup, FIFO) == pytest.approx(4 * DRIVER_S / 0.01)
    said = overload(setup, FIFO)
    assert said is not None and f"busy for {400 * DRIVER_S:.0%} of the time" in said and "perturbation_interval" in said


def test_a_worker_on_which_nothing_runs_counts_nothing() -> None:
    setup = make_setup([{"name": "a", "cores": 1}, {"name": "g", "cores": 1, "gpus": 1, "gpu_type": "p100"}])
    alone = make_setup([{"name": "a", "cores": 1}])
    assert driver_load(setup, FIFO) == pytest.approx(driver_load(alone, FIFO))


def test_a_run_says_so_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class BegunError(Exception):
        pass

    def carry_out(*_: object) -> None:
        assert f"one driver needs {DRIVER_S * 1000:g} ms per segment" in caplog.text
        raise BegunError

    monkeypatch.setattr("hetsched.studies.run._carry_out", carry_out)
    rows = [profile_row(seconds=0.001, evaluation_s_per_image=0.0, checkpoint_s=0.0)]
    setup = make_setup([{"name": "a", "cores": 1, "count": 4}], rows)
    with caplog.at_level(logging.WARNING), pytest.raises(BegunError):
        hetsched.run(setup, "fusion+fifo", folder=tmp_path / "out")
