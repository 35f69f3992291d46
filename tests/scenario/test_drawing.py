"""Scenarios drawn at random: always the same ones, and such that every policy can be tried on
them."""

import re
from pathlib import Path

import pytest

from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.scenario.drawing import MOST_WORKERS, Draw, draw
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import HELD_OUT, held_out_names, suite_file
from sim.engine import simulate

HELD_OUT_SEED = 20261128


def test_the_held_out_part_is_what_the_generator_draws(tmp_path: Path) -> None:
    drawn = draw(tmp_path / "drawn", HELD_OUT_SEED, len(held_out_names()))
    assert [path.stem for path in drawn] == held_out_names()
    for path in drawn:
        assert_alike(path.read_text(), suite_file(path.stem).read_text())
        assert_alike(path.with_suffix(".csv").read_text(), (HELD_OUT / f"{path.stem}.csv").read_text())


def assert_alike(text: str, other: str) -> None:
    """The texts are the same but for the last digits of numbers, which depend on the processor's
    exponential function."""
    number = re.compile(r"\d+\.\d+(?:e[-+]?\d+)?")
    assert number.sub("#", text) == number.sub("#", other)
    found, expected = ([float(one) for one in number.findall(each)] for each in (text, other))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("number", range(12))
def test_a_drawn_scenario_can_be_simulated(tmp_path: Path, number: int) -> None:
    setup = load_setup(Draw(1, number).write(tmp_path))
    workers = setup.workers(Strategy("fusion", "least-progress"))
    assert 1 <= len(workers) <= MOST_WORKERS + 32  # a kind has one node at least, of up to 4 GPUs
    run = simulate(setup, Strategy("fusion", "least-progress"), 0, tmp_path)
    assert all(trial.completed is not None for trial in run.state.trials.values())


def test_seeds_and_numbers_draw_others(tmp_path: Path) -> None:
    texts = {Draw(seed, number).write(tmp_path).read_text() for seed in (0, 1) for number in range(5)}
    assert len({text.splitlines()[0] for text in texts}) >= 9


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").touch()
    with pytest.raises(InputError, match="is not empty"):
        draw(tmp_path, 0, 1)
