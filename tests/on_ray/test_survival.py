"""Trials, workers and nodes of a real run are killed, broken and cut short, and the run goes on."""

import logging
import math
import os
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest
import ray

from hetsched.core.events import (
    CheckpointLost,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerJoined,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError
from hetsched.scenario.scenario import Setup
from hetsched.testing import check_log
from real.cluster import nodes, ray_cluster
from real.tune import failures
from real.tune.tune_actors import TuneActors
from tests.on_ray.conftest import (
    BOTH,
    BOTH_IN_ALL,
    INTERVAL,
    MOVING,
    NODES,
    STAYING,
    STOP,
    A,
    B,
    Once,
    Seen,
    cannot_write,
    carry_out,
    in_order,
    kill_actor,
    kill_node,
    of,
    on_node,
    raylet,
    see_no_more,
    small_scenario,
    start_again,
    trained,
    trains_on,
)

ITERATIONS = {"e-0": STOP, "e-1": STOP, "e-2": STOP}
ENDLESS = 9000
"""Iterations of a run that a test ends when it has seen enough."""


def first_after(time: float | None, events: list[Any]) -> Any:
    assert time is not None
    return next(event for event in events if event.time >= time)


def crash(seen: Seen) -> None:
    """Machine a goes dark: no process of it is left to say so."""
    kill_node("a")
    kill_actor(A)(seen)


def come_back(seen: Seen) -> None:
    seen.pids.pop(A, None)
    start_again("a")


def a_is_gone(seen: Seen) -> bool:
    return not on_node(seen.state, "a")


def goes_on_without_a(seen: Seen) -> bool:
    """Node b has ended a segment since a is gone, and what was lost there has been started
    again."""
    lost, left = of(seen.events, SegmentLost)[-1:], of(seen.events, WorkerLeft)[-1:]
    ended, started = of(seen.events, SegmentEnded, worker=B)[-1:], of(seen.events, SegmentStarted)
    return (
        a_is_gone(seen)
        and any(segment.trial == lost[0].trial and segment.time >= lost[0].time for segment in started)
        and ended[0].time > left[0].time
    )


@BOTH_IN_ALL
@pytest.mark.usefixtures("cluster")
def test_processes_die_and_a_node_dies_and_returns_and_goes_dark(foreign: bool, tmp_path: Path) -> None:
    """Each costs the segment of one trial, which goes on elsewhere; what is back is used."""
    kill = Once(trains_on(A), kill_actor(A))
    die = Once(trains_on(A), lambda seen: kill_node("a"))
    back = Once(a_is_gone, come_back)
    dark = Once(trains_on(A), crash)
    end = Once(goes_on_without_a, see_no_more)
    endless = small_scenario(foreign=foreign, stop_iterations=ENDLESS)
    events = carry_out(endless, tmp_path, in_order(kill, die, back, dark, end)).events
    losses, leaves = of(events, SegmentLost), of(events, WorkerLeft)
    assert [event.worker for event in losses] == [A] * 3
    assert [event.worker for event in leaves] == [A] * 2
    for what, once, lost in zip(("process", "node", "node with its processes"), (kill, die, dark), losses, strict=True):
        assert once.at is not None
        print(f"{what} killed: noticed after {lost.time - once.at:.1f} s")  # for docs/real-runs.md
        assert lost.time >= once.at
        assert first_after(lost.time, of(events, SegmentStarted, trial=lost.trial))
    for left in leaves:
        assert left.reason in ("node a died", "node a does not answer")
        assert first_after(left.time, of(events, SegmentEnded, worker=B))
    [joined] = [event for event in of(events, WorkerJoined) if event.time > 0]
    assert leaves[0].time < joined.time < leaves[1].time
    assert first_after(joined.time, of(events, SegmentEnded, worker=A))
    final = check_log(events)
    assert final.ended == "completed"
    assert trained(events) == {trial.id: trial.iterations for trial in final.trials.values()}
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1  # nothing half written is left


@pytest.mark.usefixtures("cluster")
def test_a_node_that_hangs_for_a_moment_is_used_again(tmp_path: Path) -> None:
    """Nobody says what became of the killed process, so its node is in doubt until it carries out a
    task."""
    process = raylet("a")
    assert process is not None

    def hang(seen: Seen) -> None:
        os.kill(process, signal.SIGSTOP)
        kill_actor(A)(seen)

    stop = Once(trains_on(A), hang)
    wake = Once(a_is_gone, lambda seen: os.kill(process, signal.SIGCONT))
    end = Once(trains_on(A), see_no_more)
    try:
        events = carry_out(small_scenario(stop_iterations=ENDLESS), tmp_path, in_order(stop, wake, end)).events
    finally:
        os.kill(process, signal.SIGCONT)
    [left], joined = of(events, WorkerLeft), of(events, WorkerJoined)[-1]
    assert left.reason == "node a does not answer"
    assert wake.at is not None and wake.at <= joined.time
    assert first_after(joined.time, of(events, SegmentEnded, worker=A))


@pytest.mark.usefixtures("cluster")
def test_a_trial_queued_for_a_dead_node_is_taken_back_and_without_any_node_the_run_waits_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node a dies before the first segment there has begun: nothing waits for its placement group.
    Then node b dies."""
    monkeypatch.setattr(nodes, "RETURN_S", 2.0)
    first = Once(lambda seen: len(seen.state.running) == 2, lambda seen: kill_node("a"))

    def goes_on(seen: Seen) -> bool:
        lost = of(seen.events, SegmentLost)
        return bool(lost) and bool(of(seen.events, SegmentEnded, trial=lost[0].trial)) and trains_on(B)(seen)

    second = Once(goes_on, lambda seen: kill_node("b"))
    message = "no worker is left, with 3 trials not done: node a died; node b died"
    with pytest.raises(HetschedError, match=message):
        carry_out(small_scenario(stop_iterations=ENDLESS), tmp_path, in_order(first, second))
    events = list(read_log(tmp_path / LOG_NAME))
    assert {event.worker for event in of(events, SegmentEnded)} == {B}
    assert [event.worker for event in of(events, SegmentLost)] == [A, B]
    assert events[-1].reason.startswith("failed: HetschedError: ")  # type: ignore[union-attr]
    assert events[-1].time > max(event.time for event in of(events, WorkerLeft)) + 2.0


def without_pbt(**changes: Any) -> Setup:
    """Trials that never exploit each other, so that each keeps to its own files."""
    return small_scenario(pbt={"perturbation_interval": INTERVAL, "quantile_fraction": 0.0}, **changes)


@BOTH_IN_ALL
def test_a_broken_checkpoint_costs_a_generation(
    foreign: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One is cut short, one has a bit turned over in its weights, and of one trial both are gone.

    No trial stays where it is, so that each reads its file.
    """
    broken: set[tuple[str, int]] = set()

    def damage(seen: Seen) -> None:
        for trial, iterations in seen.saved - broken:
            if iterations == 2 * INTERVAL:
                broken.add((trial, iterations))
                file = seen.folder / "checkpoints" / f"{trial}-{iterations}.pt"
                if trial == "e-0":
                    os.truncate(file, file.stat().st_size // 2)
                elif trial == "e-1":
                    turn_a_bit_over(file)
                elif trial == "e-2":
                    file.unlink()
                    (seen.folder / "checkpoints" / f"e-2-{INTERVAL}.pt").write_bytes(b"")

    with caplog.at_level(logging.WARNING):
        events = carry_out(without_pbt(population=4, foreign=foreign), tmp_path, damage, MOVING).events
    lost = {trial: of(events, CheckpointLost, trial=trial) for trial in ITERATIONS}
    assert [event.iterations for event in lost["e-0"] + lost["e-1"] + lost["e-2"]] == [3, 3, 3, 0]
    for trial in ("e-0", "e-1"):
        assert lost[trial][0].score == of(events, SegmentEnded, trial=trial)[0].score
    assert lost["e-2"][1].score is None
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("real.")]
    for event, file in ((lost["e-0"][0], "e-0-6.pt"), (lost["e-1"][0], "e-1-6.pt"), (lost["e-2"][1], "e-2-3.pt")):
        path = str(tmp_path / "checkpoints" / file)
        assert path in event.reason
        assert any(path in warning for warning in warnings)
    assert "checksum" in lost["e-1"][0].reason
    again = {"e-0": INTERVAL, "e-1": INTERVAL, "e-2": 2 * INTERVAL, "e-3": 0}
    assert trained(events) == {trial: STOP + twice for trial, twice in again.items()}
    assert all(trial.iterations == STOP for trial in state_of(events).trials.values())
    assert not of(events, WorkerLeft)


def turn_a_bit_over(file: Path) -> None:
    """In the midst of the largest array."""
    with zipfile.ZipFile(file) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
    with file.open("r+b") as content:
        content.seek(largest.header_offset + largest.file_size // 2)
        byte = content.read(1)[0]
        content.seek(-1, os.SEEK_CUR)
        content.write(bytes([byte ^ 16]))


@BOTH
def test_a_killed_process_costs_its_segment_only_when_files_are_written_behind(foreign: bool, tmp_path: Path) -> None:
    """It is killed when the last file of every trial is complete, however long that takes. Trials
    go from one worker to the other."""

    def at_work(seen: Seen) -> bool:
        last = dict(sorted(seen.saved))
        files = [seen.folder / "checkpoints" / f"{trial}-{done}.pt" for trial, done in last.items()]
        return trains_on(A)(seen) and all(file.exists() for file in files)

    def homes(events: list[Any], trial: str) -> set[str]:
        return {event.worker for event in of(events, SegmentEnded, trial=trial)}

    def goes_on(seen: Seen) -> bool:
        lost = of(seen.events, SegmentLost)
        return bool(lost) and homes(seen.events[seen.events.index(lost[0]) :], lost[0].trial) == {A, B}

    kill, end = Once(at_work, kill_actor(A)), Once(goes_on, see_no_more)
    slow = [node | {"pace": 10.0} for node in NODES]  # a segment takes longer than its file
    endless = small_scenario(slow, place="both", foreign=foreign, stop_iterations=ENDLESS)
    events = carry_out(endless, tmp_path, in_order(kill, end), MOVING).events
    assert kill.done and end.done
    assert len(of(events, SegmentLost)) == 1 and not of(events, CheckpointLost)
    assert trained(events) == {trial.id: trial.iterations for trial in state_of(events).trials.values()}


@BOTH_IN_ALL
@pytest.mark.usefixtures("cluster")
def test_what_is_in_memory_only_is_lost_with_its_node(foreign: bool, tmp_path: Path) -> None:
    """Its trial starts anew; at the end the best trial's weights are in storage all the same.

    Each trial stays where it is, so nobody else fetches its states.
    """
    crashed = Once(trains_on(A), crash)
    setup = without_pbt(population=2, place="object-store", foreign=foreign)
    events = carry_out(setup, tmp_path, crashed, STAYING).events
    assert crashed.at is not None
    before = [event for event in events if event.time <= crashed.at]
    at_home = {event.trial: event.worker for event in of(before, SegmentEnded)}
    lost = of(events, CheckpointLost)
    assert lost and {event.trial for event in lost} <= {t for t, worker in at_home.items() if worker == A}
    assert {(event.iterations, event.score) for event in lost} == {(0, None)}
    assert all(trial.iterations == STOP for trial in state_of(events).trials.values())
    best = max(state_of(events).trials.values(), key=lambda trial: trial.score or 0.0).id
    [file] = (tmp_path / "checkpoints").iterdir()
    assert file.name.startswith(f"{best}-{STOP}.")  # a trial that fell back numbers its files anew


@pytest.mark.exhaustive
@BOTH_IN_ALL
def test_what_is_in_memory_only_is_written_at_the_end_even_if_no_actor_is_left(
    foreign: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The object store of a node outlives the actors there. What an actor had not handed over is
    gone with it."""
    handed_over: list[Any] = []
    before: set[tuple[str, int]] = set()
    snapshot = TuneActors.snapshot

    def noted(actors: TuneActors, trial: TrialId) -> Any:
        handed_over.append(snapshot(actors, trial))
        return handed_over[-1]

    monkeypatch.setattr(TuneActors, "snapshot", noted)

    def kill_all(seen: Seen) -> None:
        there, _ = ray.wait(handed_over, num_returns=len(handed_over), timeout=300)
        assert len(there) == len(handed_over)
        before.update(seen.saved)
        for worker in (A, B):
            kill_actor(worker)(seen)
        see_no_more(seen)

    killed = Once(lambda seen: len(seen.saved) >= 4 and {A, B} <= seen.pids.keys(), kill_all)
    setup = without_pbt(population=2, place="object-store", foreign=foreign)
    events = carry_out(setup, tmp_path, killed).events
    assert killed.at is not None
    assert not [start for start in of(events, SegmentStarted) if start.time > killed.at]  # nobody trains any more
    best = max(state_of(events).trials.values(), key=lambda trial: trial.score or 0.0)
    names = [file.name for file in (tmp_path / "checkpoints").iterdir()]
    if (best.id, best.iterations) in before:
        assert [name.rpartition(".")[0] for name in names] == [f"{best.id}-{best.iterations}"]
    else:  # its result was on its way when the actor died, and its weights were not handed over
        assert not [name for name in names if name.startswith(f"{best.id}-{best.iterations}.")]
        assert f"{best.id}-{best.iterations}.pt was in memory only, and nobody could write it" in caplog.text


def test_weights_that_are_no_numbers_score_lowest_and_are_replaced(tmp_path: Path) -> None:
    """The first population has learning rates with which weights overflow in a segment, and others.

    Whoever reports first is compared with nobody, so a trial has three segments.
    """
    space = {"lr": {"low": 1e-3, "high": 1e6, "scale": "log"}}
    pbt = {"perturbation_interval": 9, "quantile_fraction": 0.5, "resample_probability": 0.0}
    events = carry_out(small_scenario(population=4, stop_iterations=27, search_space=space, pbt=pbt), tmp_path).events
    scores = {event.score for event in of(events, SegmentEnded)}
    assert 0.0 in scores
    assert max(scores) > 0
    assert all(math.isfinite(score) for score in scores)
    assert "NaN" not in (tmp_path / LOG_NAME).read_text()
    state = State()
    replaced = 0
    for event in events:
        if isinstance(event, TrialExploited) and state.trials[event.trial].score == 0.0:
            replaced += (state.trials[event.source].score or 0.0) > 0.0
        state.apply(event)
    assert replaced
    assert set(trained(events).values()) == {27}


@pytest.mark.usefixtures("cluster")
def test_a_node_on_which_everything_fails_is_set_aside_and_without_a_node_that_works_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Node a is set aside, is started anew and used again. Then nothing can be written on either
    node."""
    endless = small_scenario(stop_iterations=ENDLESS)
    ray_cluster.connect(endless.cluster)
    cannot_write("a")

    def repair(seen: Seen) -> None:
        kill_node("a")
        start_again("a")

    def fill_all(seen: Seen) -> None:
        monkeypatch.setattr(failures, "STRIKES", 1)  # as this is slow
        cannot_write("a")
        cannot_write("b")

    aside = Once(a_is_gone, repair)
    full = Once(lambda seen: trains_on(A)(seen) and trains_on(B)(seen), fill_all)
    message = "no worker is left, with 3 trials not done: node . was set aside: 1 .* failed there, .*; node . was set"
    with pytest.raises(HetschedError, match=message):
        carry_out(endless, tmp_path, in_order(aside, full))
    assert full.at is not None
    events = list(read_log(tmp_path / LOG_NAME))
    lost = [event for event in of(events, SegmentLost) if event.time < full.at]
    assert [event.worker for event in lost] == [A] * 3
    left, *others = of(events, WorkerLeft)
    assert left.worker == A
    assert "node a was set aside: 3 segments in a row failed there, the last of e-" in left.reason
    joined = of(events, WorkerJoined)[-1]
    assert left.time < joined.time < of(events, SegmentEnded, worker=A)[0].time
    assert {event.worker for event in others} == {A, B}
    assert str(state_of(events).ended).startswith("failed: HetschedError: ")


def test_a_trial_that_fails_everywhere_ends_the_run_and_leaves_a_node(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "e-1-3.pt").mkdir(parents=True)  # nothing can be saved under this name
    with pytest.raises(HetschedError, match="trial 'e-1' failed 4 times, at last with: IsADirectoryError"):
        carry_out(small_scenario(), tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert {event.trial for event in of(events, SegmentLost) if "IsADirectoryError" in event.reason} == {"e-1"}
    assert len({event.worker for event in of(events, WorkerLeft)}) <= 1
    assert str(state_of(events).ended).startswith("failed: HetschedError: ")
