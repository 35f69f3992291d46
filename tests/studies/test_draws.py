"""A real run is predicted by several simulations that begin alike."""

from pathlib import Path

import pytest

from hetsched.core.events import TrialAdded
from hetsched.core.log import read_log
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.studies import draws
from hetsched.studies.draws import _further_seeds, look_up_draws, predict
from tests.conftest import make_setup

FIFO = Strategy("fusion", "fifo")


def hyperparameters(log: Path) -> list[dict[str, object]]:
    return [dict(event.hyperparameters) for event in read_log(log) if isinstance(event, TrialAdded)]


def test_all_begin_with_the_hyperparameters_of_the_run_and_differ_after(tmp_path: Path) -> None:
    first, *others = predict(make_setup(), FIFO, 7, tmp_path / "seed-7", 4)
    assert first.metrics.seed == 7 and first.log.parent == tmp_path / "seed-7"
    assert all(hyperparameters(each.log) == hyperparameters(first.log) for each in others)
    assert len({each.metrics.makespan_s for each in (first, *others)}) == 4
    assert len({each.metrics.best_score for each in (first, *others)}) > 1


def test_no_two_of_them_share_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _further_seeds(7, 4) == {stream(7, "prediction", number).integers(2**31).item() for number in (1, 2, 3)}
    monkeypatch.setattr(draws, "SEEDS", 10)  # so few that some are drawn twice
    assert _further_seeds(7, 10) == {*range(10)} - {7}


def test_they_are_found_again_by_their_logs(tmp_path: Path) -> None:
    setup = make_setup()
    setup.save(tmp_path)
    made = predict(setup, FIFO, 7, tmp_path / "seed-7", 3)
    found = look_up_draws(setup, made[0])
    assert [(run.log, run.metrics) for run in found] == [(run.log, run.metrics) for run in made]


def test_one_prediction_is_the_simulation_under_the_seed(tmp_path: Path) -> None:
    [only] = predict(make_setup(), FIFO, 7, tmp_path / "seed-7", 1)
    assert only.metrics.seed == 7 and [path.name for path in tmp_path.iterdir()] == ["seed-7"]
