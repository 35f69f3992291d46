"""The bound on what any rule of `lookahead` can reach, which spares it the play of a rule that cannot be better."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import packaged_scenario
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.planning import forecast
from hetsched.scheduling.planning.board import Board
from hetsched.scheduling.planning.earliest_end import earliest_end
from hetsched.scheduling.planning.rule import Rule
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup, profile_row
from tests.scheduling.random_setups import random_setup

Play = tuple[float, float]
"""The earliest end of a board, and the end by some rule, in seconds."""


def plays(setup: Setup, folder: Path, seed: int = 0) -> list[Play]:
    """Every play of a run by `lookahead`, in order."""
    found: list[Play] = []
    play = forecast.play

    def noting(board: Board, rule: Rule, limit: float = inf) -> float:
        least = earliest_end(board)
        found.append((least, play(board, rule, limit)))
        return found[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecast, "play", noting)
        simulate(setup, Strategy("fusion", "lookahead"), seed, folder)
    return found


def first_bound(folder: Path, population: int, checkpoint_s: float) -> float:
    """The earliest end at the start of a run on a GPU and a CPU worker: two intervals of 1 s and 3 s per trial."""
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "c", "cores": 1}]
    gpu = profile_row("v100", seconds=0.1, checkpoint_s=checkpoint_s)
    cpu = profile_row(cores=1, seconds=0.3, checkpoint_s=checkpoint_s)
    costs = NO_OVERHEADS | {"checkpoint": True}
    return plays(make_setup(nodes, [gpu, cpu], costs, population=population), folder)[0][0]


def test_a_trial_does_its_iterations_one_after_another(tmp_path: Path) -> None:
    assert first_bound(tmp_path, population=9, checkpoint_s=0.0) == pytest.approx(2.0)


def test_segments_that_are_never_cut_are_whole(tmp_path: Path) -> None:
    """A checkpoint costs so much that no segment is cut. Four trials have 8 segments. The GPU does 5
    of them in 3 s each, the CPU worker 3 in 5 s each."""
    ends = {on_cpu: max(5.0 * on_cpu, 3.0 * (8 - on_cpu)) for on_cpu in range(9)}
    assert first_bound(tmp_path, population=4, checkpoint_s=2.0) == pytest.approx(min(ends.values()))


@given(seed=st.integers(0, 10**6), gangs=st.booleans(), searched=st.booleans())
def test_no_rule_ends_a_run_sooner(
    tmp_path_factory: pytest.TempPathFactory, seed: int, gangs: bool, searched: bool
) -> None:
    setup = random_setup(seed, gangs=gangs, searched=searched)
    found = plays(setup, tmp_path_factory.mktemp("run"), seed)
    assert all(end >= least - 1e-6 for least, end in found)


@given(
    cores=st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=5),
    population=st.integers(1, 8),
    stop=st.integers(1, 45),
)
def test_no_rule_ends_a_run_of_whole_segments_sooner(
    tmp_path_factory: pytest.TempPathFactory, cores: list[int], population: int, stop: int
) -> None:
    nodes = [{"name": f"n{number}", "cores": each} for number, each in enumerate(cores)]
    rows = [profile_row(cores=each, seconds=1 / each, checkpoint_s=20.0) for each in (1, 2, 4)]
    found = plays(make_setup(nodes, rows, population=population, stop_iterations=stop), tmp_path_factory.mktemp("run"))
    assert all(end >= least - 1e-6 for least, end in found)


def test_no_rule_is_played_that_cannot_be_better(tmp_path: Path) -> None:
    setup = load_setup(packaged_scenario("demo"))
    found = plays(setup, tmp_path)
    (least, end), (next_least, _), *_ = found
    assert least <= end < least * 1.005, "a cut must save 0.5%"
    assert next_least != least, "the next play is of a later search"
