"""What a real run shows of itself: events made by hand, a clock of our own, and what is then on the
screen."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from hetsched import scheduling
from hetsched.core.dispatcher import Dispatcher, Listener
from hetsched.core.events import (
    Event,
    ExperimentArrived,
    Parts,
    RunEnded,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialAdded,
    TrialCompleted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.state import State
from hetsched.domain.cluster import Node, NodeId, Worker, WorkerId, cpu_worker
from hetsched.domain.workload import TrialId
from hetsched.report.live import LiveView
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from tests.conftest import NO_OVERHEADS, make_setup

A, B = (cpu_worker(Node(NodeId(name), cores), 0, cores) for name, cores in (("a", 1), ("b", 2)))


class Watched:
    """A run of trials e-0, e-1, ... on workers `a/cpu0` and `b/cpu0`, and a view of it on a
    terminal of that height (None: on no terminal)."""

    def __init__(self, setup: Setup, height: int | None = 50) -> None:
        self.now = 0.0
        self.screen = StringIO()
        console = Console(
            file=self.screen, force_terminal=height is not None, width=150, height=height, legacy_windows=False
        )
        strategy = parse_strategy("fusion+fifo")
        self.view = LiveView("running", setup, strategy, every_s=0.01, console=console, clock=lambda: 1000.0 + self.now)
        self.state, self.told = State(), list[Event]()
        for worker in (A, B):
            self.tell(WorkerJoined(0.0, worker))
        [experiment] = setup.workload.experiments
        self.tell(ExperimentArrived(0.0, experiment))
        for trial in experiment.trial_ids():
            self.tell(TrialAdded(0.0, trial, experiment.id, 32, {"lr": 0.1}))

    def tell(self, event: Event) -> None:
        self.now = event.time
        self.told.append(event)
        self.state.apply(event)
        self.view(self.state, event)

    def start(self, time: float, trial: str, worker: Worker) -> None:
        self.tell(SegmentStarted(time, TrialId(trial), worker.id, 10))

    def end(
        self,
        time: float,
        trial: str,
        worker: Worker,
        score: float | None,
        start_up_s: float = 0.0,
        train_s: float = 0.0,
        late_s: float = 0.0,
        **metrics: float | None,
    ) -> None:
        parts = Parts(start_up_s, 0.0, train_s, 0.0, 0.0, 0.0)
        self.tell(SegmentEnded(time, TrialId(trial), worker.id, 10, score, parts, late_s, metrics))

    def shown(self) -> list[str]:
        """What is on the screen now, a line each, without the rules of tables."""
        console = Console(file=StringIO(), width=150)
        console.print(self.view.drawing())
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        return [" ".join(line.replace("│", " ").split()) for line in lines]


def scenario(**experiment: Any) -> Setup:
    return make_setup(overheads=NO_OVERHEADS, **{"population": 2, "stop_iterations": 20, **experiment})


def test_the_time_to_go_is_told_beside_the_bound() -> None:
    run = Watched(scenario())
    assert run.shown()[0] == "running: 0 of 40 iterations in 0 s, bound 53 s"  # 40 / (1/4 + 1/2)
    run.start(0.0, "e-0", A)
    run.start(0.0, "e-1", B)
    run.end(30.0, "e-1", B, 0.25, start_up_s=10.0)
    run.now = 50.0
    # 10 s of start-up, then 10 iterations in 40 s; 30 are to go.
    progress = "running: 10 of 40 iterations in 50 s; about 120 s to go, 170 s in all, 3.19 x the bound of 53 s"
    assert run.shown()[0] == progress


def test_a_row_says_what_a_trial_does_and_another_what_a_worker_does() -> None:
    run = Watched(scenario())
    run.start(0.0, "e-0", A)
    run.start(10.0, "e-1", B)
    run.end(20.0, "e-1", B, 0.25)
    run.tell(TrialExploited(20.0, TrialId("e-1"), TrialId("e-0"), {"lr": 0.125}))
    run.now = 40.0
    shown = run.shown()
    assert "e-0 running a/cpu0 0 + 10 0.1 0" in shown
    assert "e-1 ready 10 0.125 1" in shown  # it has the score of e-0, which has none
    assert "a/cpu0 e-0 0 100%" in shown
    assert "b/cpu0 idle 1 25%" in shown
    assert shown[-1] == "20 s: e-1 took over e-0, goes on with lr 0.125"


def test_hyperparameters_of_any_kind_are_shown() -> None:
    run = Watched(scenario())
    values = {"lr": 0.125, "layers": 100_000, "optimizer.name": "adam", "optimizer.nesterov": True}
    run.tell(TrialExploited(20.0, TrialId("e-1"), TrialId("e-0"), values))
    shown = run.shown()
    assert "e-1 ready 0 100000 0.125 adam true 1" in shown
    news = "lr 0.125, layers 100000, optimizer.name adam, optimizer.nesterov true"
    assert shown[-1] == f"20 s: e-1 took over e-0, goes on with {news}"


def test_scores_are_shown_under_the_name_of_the_metric_and_the_best_in_its_direction() -> None:
    run = Watched(scenario(population=8, metric={"name": "loss", "mode": "min"}), height=20)
    assert run.view.line().endswith("0 exploits, best loss unknown")
    for number, loss in enumerate([0.5, None, 0.25, 2.5, 0.75]):
        run.start(10.0 * number, f"e-{number}", A)
        run.end(10.0 * number + 10.0, f"e-{number}", A, loss, accuracy=0.125 * number, top5=None)
    assert run.view.line().endswith("best loss 0.250")
    shown = run.shown()
    names = ["trial", "status", "worker", "iterations", "loss", "accuracy", "top5", "lr", "exploits"]
    assert names in [[word for word in line.split() if word != "┃"] for line in shown]
    trials = [line for line in shown if line.startswith("e-")]
    assert [trial.split()[0] for trial in trials][:3] == ["e-2", "e-0", "e-4"]
    assert trials[0] == "e-2 ready 10 0.250 0.250 0.1 0"


def test_a_worker_that_is_set_aside_is_shown_with_the_reason_until_it_is_back() -> None:
    run = Watched(scenario())
    run.start(0.0, "e-0", A)
    run.tell(SegmentLost(10.0, TrialId("e-0"), A.id, "no such mount"))
    run.tell(WorkerLeft(10.0, A.id, "was set aside"))
    run.now = 20.0
    shown = run.shown()
    assert "a/cpu0 was set aside 0 100%" in shown
    assert shown[-2:] == ["10 s: e-0 lost its segment on a/cpu0: no such mount", "10 s: a/cpu0 left: was set aside"]
    run.tell(WorkerJoined(20.0, A))
    assert "a/cpu0 idle 0 100%" in run.shown()
    assert run.shown()[-1] == "20 s: a/cpu0 joined"


def test_a_low_terminal_shows_what_runs_and_what_is_best() -> None:
    run = Watched(scenario(population=30), height=20)
    for number in range(5):
        run.start(10.0 * number, f"e-0{number}", A)
        run.end(10.0 * number + 10.0, f"e-0{number}", A, 0.1 * number)
    run.start(50.0, "e-29", A)
    shown = run.shown()
    assert len(shown) <= 20
    trials = [line.split()[0] for line in shown if line.startswith("e-")]
    assert trials[:3] == ["e-29", "e-04", "e-03"]
    assert f"and {30 - len(trials)} trials more" in shown


def test_a_worker_that_cannot_hold_its_pace_is_told_of_at_once_and_once() -> None:
    run = Watched(scenario())
    for number, (worker, late_s) in enumerate([(A, 0.1), (A, 1.1), (A, 1.5), (B, 1.1)]):
        run.start(5.0 * number, "e-0", worker)
        run.end(5.0 * number + 5.0, "e-0", worker, 0.25, train_s=2.0 + late_s, late_s=late_s)
    told = "cannot hold its pace: 0.31 s per iteration where 0.2 s are asked; predictions by the profile are too low"
    news = [line for line in run.shown() if "pace" in line]
    stays = "cannot hold their pace: a/cpu0, b/cpu0"
    assert news == [stays, f"10 s: worker a/cpu0 {told}", f"20 s: worker b/cpu0 {told}"]
    for number in range(7):
        run.tell(TrialExploited(30.0 + number, TrialId("e-1"), TrialId("e-0"), {"lr": 0.125}))
    assert [line for line in run.shown() if "pace" in line] == [stays]


def test_time_stands_still_when_the_run_has_ended() -> None:
    run = Watched(scenario())
    run.start(0.0, "e-0", A)
    run.end(10.0, "e-0", A, 0.25)
    run.tell(RunEnded(10.0, "interrupted"))
    run.now = 99.0
    assert "10 of 40 iterations in 10 s;" in run.shown()[0]


def test_without_a_terminal_there_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    run = Watched(scenario(), height=None)
    with run.view:
        run.start(0.0, "e-0", A)
        run.end(10.0, "e-0", A, 0.25)
        run.tell(TrialCompleted(10.0, TrialId("e-0"), "a test"))
        run.tell(WorkerLeft(10.0, WorkerId("b/cpu0"), "node b died"))
        expected = "10 of 30 iterations in 10 s; about 20 s to go, 30 s in all, 0.56 x the bound of 53 s; "
        expected += "1 of 2 trials completed, 0 segments running, 0 exploits, best accuracy 0.250"
        said = ""
        while expected not in said:
            said += capsys.readouterr().err
    assert "running: 10 s: b/cpu0 left: node b died\n" in said


def test_what_happened_under_an_earlier_driver_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    run, heard = Watched(scenario(), height=None), list[Event]()
    state, setup = State(), scenario()
    view = LiveView("running", setup, parse_strategy("fusion+fifo"), every_s=100.0, clock=lambda: 0.0)
    policy = scheduling.policies.create("fifo")
    listeners: list[Listener] = [lambda _, event: heard.append(event), view]
    dispatcher = Dispatcher(state, policy, "fifo", setup.times, listeners=listeners)
    past = [*run.told, WorkerLeft(100.0, A.id, "node a died")]
    with view:
        dispatcher.remember(past)
        assert heard == past, "a listener that does not tell them apart hears of all"
        assert "node a died" not in capsys.readouterr().err
        dispatcher.record(WorkerLeft(110.0, B.id, "node b died"))
        assert capsys.readouterr().err == "running: 110 s: b/cpu0 left: node b died\n"
    assert "0 of 40 iterations in 110 s" in view.line()


class NotWalked(dict[Any, Any]):
    """May be asked for one, and not for all."""

    def __iter__(self) -> Any:
        raise AssertionError("an event must cost the same however many there are")

    values = keys = items = __iter__


def test_an_event_costs_the_same_however_large_the_run_is() -> None:
    run = Watched(scenario(population=5))
    run.state.trials = NotWalked(run.state.trials)
    run.state.running = NotWalked(run.state.running)
    run.start(0.0, "e-0", A)
    run.end(10.0, "e-0", A, 0.25)
    run.tell(SegmentStarted(10.0, TrialId("e-1"), A.id, 10))
    run.tell(SegmentLost(20.0, TrialId("e-1"), A.id, "a test"))
    assert "10 of 100 iterations in 20 s" in run.shown()[0]
    assert "e-1 ready 0 0.1 0" in run.shown()


def test_a_terminal_is_drawn_on_and_left_as_it_was() -> None:
    run = Watched(scenario())
    run.start(0.0, "e-0", A)
    with pytest.raises(KeyboardInterrupt), run.view:
        raise KeyboardInterrupt
    drawn = run.screen.getvalue()
    assert "a/cpu0" in drawn
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")  # the cursor is back
