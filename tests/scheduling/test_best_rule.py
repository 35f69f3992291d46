"""The search of `lookahead` for a rule leaves out what cannot matter, and nothing else."""

from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.domain.registry import Strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import packaged_scenario
from hetsched.scenario.scenario import Setup
from hetsched.scheduling.planning import forecast, lookahead
from hetsched.scheduling.planning.board import Board, Running, Start
from hetsched.scheduling.planning.forecast import Found, best_rule
from hetsched.scheduling.planning.rule import Rule
from sim.engine import simulate
from tests.scheduling.random_setups import random_setup

Search = tuple[Board, Rule, float]


def searches(setup: Setup, folder: Path, seed: int = 0) -> list[Search]:
    """What each search of a run by `lookahead` was given."""
    found: list[Search] = []

    def noting(board: Board, rule: Rule, patience: float) -> Found:
        found.append((board.copy(), rule, patience))
        return best_rule(board, rule, patience)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lookahead, "best_rule", noting)
        simulate(setup, Strategy("fusion", "lookahead"), seed, folder)
    return found


def played(search: Search, every: bool = False) -> tuple[Rule, float, list[Rule]]:
    """The rule that is found, its end, and the rules that are played. With `every`, nothing is left
    out."""
    rules: list[Rule] = []
    play = forecast.play

    def noting(board: Board, rule: Rule, limit: float = inf) -> float:
        rules.append(rule)
        end = play(board, rule, limit)
        board.mattered |= {"late", "starve", "ahead"} if every else set()
        return end

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecast, "play", noting)
        if every:
            patch.setattr(forecast, "earliest_end", lambda board: -inf)
        board, rule, patience = search
        found = best_rule(board.copy(), rule, patience)
    return found.rule, found.end, rules


@given(seed=st.integers(0, 10**6), gangs=st.booleans(), searched=st.booleans())
def test_what_is_left_out_would_not_have_been_chosen(
    tmp_path_factory: pytest.TempPathFactory, seed: int, gangs: bool, searched: bool
) -> None:
    setup = random_setup(seed, gangs=gangs, searched=searched)
    for search in searches(setup, tmp_path_factory.mktemp("run"), seed):
        assert played(search)[:2] == played(search, every=True)[:2]


def test_a_rule_that_decides_like_one_before_is_not_played(tmp_path: Path) -> None:
    """On the demo no segment is refused by a rule that lets segments end later by two."""
    of_demo = searches(load_setup(packaged_scenario("demo")), tmp_path, seed=2)
    assert any(rule.late == 8.0 for search in of_demo for rule in played(search, every=True)[2])
    assert not any(rule.late == 8.0 for search in of_demo for rule in played(search)[2])


def test_a_run_is_given_up_once_its_planned_end_is_too_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board, rule, _ = searches(load_setup(packaged_scenario("demo")), tmp_path)[0]
    started: list[Start] = []
    start = Board.start

    def noting(playing: Board, begun: Start) -> Running:
        started.append(begun)
        return start(playing, begun)

    monkeypatch.setattr(Board, "start", noting)
    end = forecast.play(board.copy(), rule, inf)
    in_all = len(started)
    assert forecast.play(board.copy(), rule, end + 1) == end
    assert forecast.play(board.copy(), rule, end - 100) == inf
    assert len(started) - 2 * in_all < 0.2 * in_all


def test_a_rule_decides_like_another_but_for_what_did_not_matter() -> None:
    rule = Rule(late=1.0, starve=0.5)
    changed: dict[str, tuple[Rule, Rule]] = {
        "late": (rule._replace(late=2.0), rule._replace(late=0.0)),
        "starve": (rule._replace(starve=0.0), rule._replace(starve=1.0)),
    }
    for option, (weaker, stronger) in changed.items():
        assert weaker.decides_like(rule, {"ahead"})
        assert not weaker.decides_like(rule, {option})
        assert not stronger.decides_like(rule, set())
    assert rule._replace(ahead=True).decides_like(rule, {"late", "starve"})
    assert not rule._replace(ahead=True).decides_like(rule, {"ahead"})
    assert not rule._replace(trust=1.0).decides_like(rule, set())


def test_the_old_board_is_not_asked_where_no_run_could_end_clearly_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    are_best: list[bool] = []
    asked: list[Board] = []
    play_on = forecast.play_on

    def seek(board: Board, rule: Rule, patience: float) -> Found:
        found = best_rule(board, rule, patience)
        are_best.append(found.unbeatable)
        return found

    def ask(board: Board, limit: float = inf) -> float:
        asked.append(board)
        return play_on(board, limit)

    monkeypatch.setattr(lookahead, "best_rule", seek)
    monkeypatch.setattr(lookahead, "play_on", ask)
    simulate(load_setup(packaged_scenario("demo")), Strategy("fusion", "lookahead"), 2, tmp_path)
    assert are_best[0] and len(asked) == are_best.count(False) > 0
