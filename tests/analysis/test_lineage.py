"""The line of the best weights: small logs worked out by hand, and the same line by following
tokens in the weights."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.lineage import Family, Forebear
from hetsched.core.events import (
    CheckpointLost,
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentLost,
    TrialAdded,
    TrialExploited,
)
from hetsched.domain.metric import Metric
from hetsched.domain.workload import TrialId
from hetsched.scenario.scenario import Setup
from tests.conftest import make_setup

NOTHING = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def setup_of(iterations: str = "own", **changes: Any) -> Setup:
    pbt = {"perturbation_interval": 10, "iterations": iterations}
    return make_setup(population=4, stop_iterations=1000, pbt=pbt, **changes)


class Log:
    """A log in the making, of a population of e-0 to e-3 that begin with lr 0, 1, 2 and 3."""

    def __init__(self, setup: Setup) -> None:
        self.events: list[Event] = []
        for experiment in setup.workload.experiments:
            self.events.append(ExperimentArrived(0.0, experiment))
            for lr, trial in enumerate(experiment.trial_ids()):
                self.events.append(TrialAdded(0.0, trial, experiment.id, 32, {"lr": float(lr), "momentum": 0.9}))

    def end(self, time: float, trial: str, score: float | None, iterations: int = 10) -> "Log":
        self.events.append(SegmentEnded(time, TrialId(trial), WORKER, iterations, score, NOTHING))
        return self

    def copy(self, time: float, trial: str, source: str, **hyperparameters: Any) -> "Log":
        self.events.append(TrialExploited(time, TrialId(trial), TrialId(source), hyperparameters))
        return self

    def lose(self, time: float, trial: str, iterations: int, score: float | None) -> "Log":
        self.events.append(CheckpointLost(time, TrialId(trial), iterations, score, "a test"))
        return self

    @property
    def family(self) -> Family:
        family = Family()
        for event in self.events:
            family(event)
        return family

    @property
    def line(self) -> list[Forebear]:
        return self.family.winners_line()

    @property
    def behind_the_best(self) -> int | None:
        return self.family.behind_best()


WORKER: Any = "w"


def part(trial: str, source: str | None, *figures: Any, **changed: tuple[Any, Any]) -> tuple[Any, ...]:
    return (trial, source, *figures, changed)


def test_the_winner_has_the_weights_of_two_others() -> None:
    log = Log(setup_of())
    log.end(10, "e-0", 0.2).end(20, "e-0", 0.3).end(22, "e-1", 0.1)
    log.copy(22, "e-1", "e-0", lr=0.5, momentum=0.9)
    log.end(30, "e-0", 0.35)  # e-1 has nothing of this
    log.end(32, "e-1", 0.4).end(40, "e-2", 0.1)
    log.copy(40, "e-2", "e-1", lr=0.5, momentum=0.8)
    log.end(50, "e-2", 0.6).end(60, "e-2", 0.6).end(70, "e-1", 0.5)
    assert log.line == [
        part("e-0", None, 0, 20, 20, 0.3),
        part("e-1", "e-0", 22, 32, 10, 0.4, lr=(0.0, 0.5)),
        part("e-2", "e-1", 40, 50, 10, 0.6, momentum=(0.9, 0.8)),
    ]


def test_a_winner_that_copied_nobody() -> None:
    log = Log(setup_of()).end(10, "e-0", 0.9).end(20, "e-0", 0.8).copy(20, "e-0", "e-1").end(30, "e-0", 0.5)
    assert log.line == [part("e-0", None, 0, 10, 10, 0.9)]


def test_of_a_loss_the_smallest_is_the_best() -> None:
    log = Log(setup_of(metric={"name": "loss", "mode": "min"})).end(10, "e-0", 0.9).end(20, "e-1", 0.8, 5)
    assert log.line == [part("e-1", None, 0, 20, 5, 0.8)]


def test_a_copy_of_a_copy_that_trained_nothing() -> None:
    log = Log(setup_of()).end(10, "e-0", 0.5).copy(11, "e-1", "e-0", lr=0.7).copy(12, "e-2", "e-1", lr=0.8)
    assert log.end(20, "e-2", 0.6).line == [
        part("e-0", None, 0, 10, 10, 0.5),
        part("e-1", "e-0", 11, 11, 0, 0.5, lr=(0.0, 0.7), momentum=(0.9, None)),
        part("e-2", "e-1", 12, 20, 10, 0.6, lr=(0.7, 0.8)),
    ]


def test_a_trial_that_starts_anew_has_no_source() -> None:
    log = Log(setup_of()).end(10, "e-0", 0.5).copy(10, "e-1", "e-0", lr=0.7).lose(15, "e-1", 0, None)
    assert log.end(25, "e-1", 0.6).line == [part("e-1", None, 15, 25, 10, 0.6)]


def test_a_trial_that_fell_back_has_not_what_it_lost() -> None:
    log = Log(setup_of()).end(10, "e-0", 0.5).end(20, "e-0", 0.6).lose(25, "e-0", 10, 0.5)
    assert log.end(35, "e-0", 0.7).line == [part("e-0", None, 0, 35, 20, 0.7)]


def test_a_copy_that_fell_back_to_its_source_s_state_before() -> None:
    log = Log(setup_of("lineage")).end(10, "e-0", 0.5).end(20, "e-0", 0.6)
    log.copy(21, "e-1", "e-0", lr=0.7, momentum=0.9).lose(25, "e-1", 10, 0.5)
    assert log.end(35, "e-1", 0.8).line == [
        part("e-0", None, 0, 10, 10, 0.5),
        part("e-1", "e-0", 25, 35, 10, 0.8, lr=(0.0, 0.7)),
    ]


def test_a_copy_that_fell_back_to_before_it_copied_is_its_own_source() -> None:
    log = Log(setup_of("lineage")).end(10, "e-0", 0.5).end(12, "e-1", 0.2, 30)
    log.copy(21, "e-1", "e-0", lr=0.7, momentum=0.9).lose(25, "e-1", 30, 0.2)
    assert log.end(35, "e-1", 0.8).line == [
        part("e-1", None, 0, 12, 30, 0.2),
        part("e-1", "e-1", 25, 35, 10, 0.8, lr=(1.0, 0.7)),
    ]


def test_without_scores_and_with_unlike_metrics_nobody_wins() -> None:
    assert Log(setup_of()).end(10, "e-0", None).line == []
    assert Family().winners_line() == []
    experiments = [
        {"name": "x", "population": 1},
        {"name": "y", "population": 1, "metric": {"name": "f1", "mode": "max"}},
    ]
    assert Log(make_setup(experiments=experiments)).end(10, "x-0", 0.5).end(20, "y-0", 0.6).line == []
    alike = [{"name": "x", "population": 1}, {"name": "y", "population": 1}]
    [winner] = Log(make_setup(experiments=alike)).end(10, "x-0", 0.5).end(20, "y-0", 0.6).line
    assert winner.trial == "y-0"


ACTS = st.tuples(
    st.sampled_from(["end", "end", "copy", "lose", "fresh", "break"]), st.integers(0, 3), st.integers(1, 3)
)


@given(st.lists(ACTS, max_size=40), st.sampled_from(["own", "lineage"]), st.sampled_from(["max", "min"]), st.randoms())
def test_the_line_is_what_the_weights_went_through(
    acts: list[tuple[str, int, int]], counting: str, mode: str, random: Any
) -> None:
    """Weights are lists of what trained them; a trial falls back to what it had before."""
    setup = setup_of(counting, metric={"name": "loss", "mode": mode})
    log, metric = Log(setup), Metric("loss", "max" if mode == "max" else "min")
    weights: list[list[tuple[str, float]]] = [[], [], [], []]
    states: list[list[tuple[int, float | None, list[tuple[str, float]]]]] = [[(0, None, [])] for _ in range(4)]
    best: tuple[float | None, list[tuple[str, float]]] = (None, [])
    for number, (act, one, shift) in enumerate(acts):
        time, name, other = float(number + 1), f"e-{one}", (one + shift) % 4
        count = states[one][-1][0]
        if act == "end":
            score = random.random()  # of which no two are equal
            weights[one] = [*weights[one], (name, time)]
            states[one].append((count + 10, score, weights[one]))
            log.end(time, name, score)
            if metric.better(score, best[0]):
                best = score, weights[one]
        elif act == "copy":
            source_count, score_, copied = states[other][-1]
            states[one].append((source_count if counting == "lineage" else count, score_, copied))
            weights[one] = copied
            log.copy(time, name, f"e-{other}", lr=random.random(), momentum=0.9)
        elif act == "lose" and len(states[one]) > 1:
            states[one].pop()
            weights[one] = states[one][-1][2]
            log.lose(time, name, *states[one][-1][:2])
        elif act == "fresh":
            states[one], weights[one] = [(0, None, [])], []
            log.lose(time, name, 0, None)
        elif act == "break":
            log.events.append(SegmentLost(time, TrialId(name), WORKER, "a test"))
    line = log.line
    assert sum(forebear.iterations for forebear in line) == 10 * len(best[1])
    assert log.behind_the_best == (10 * len(best[1]) if line else None)
    assert [f.trial for f in line for _ in range(f.iterations // 10)] == [trial for trial, _ in best[1]]
    assert [forebear.source for forebear in line] == [None, *(forebear.trial for forebear in line)][: len(line)]
    assert all(forebear.from_s <= forebear.to_s for forebear in line)
    assert all(before.to_s <= after.from_s for before, after in pairwise(line))
    assert all(before != after for forebear in line for before, after in forebear.changed.values())
    if line:
        assert (line[-1].score, line[-1].to_s) == (best[0], best[1][-1][1])


@pytest.mark.parametrize("length", [5_000])
def test_a_long_line(length: int) -> None:
    log = Log(setup_of())
    for number in range(length):
        log.end(number + 0.5, f"e-{number % 4}", number / length)
        log.copy(number + 0.6, f"e-{(number + 1) % 4}", f"e-{number % 4}", lr=number)
    assert len(log.line) == length
    assert log.behind_the_best == 10 * length
