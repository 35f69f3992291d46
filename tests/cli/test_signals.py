"""Long commands that get Ctrl-C or SIGTERM: they end at once, with their own status, and without a
traceback."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hetsched import start
from hetsched.cli.main import main
from hetsched.errors import Terminated
from hetsched.signals import children_without_interrupts, one_interrupt, signals_held, sigterm_as_ctrl_c

LONG_S = 300.0
COMMANDS = {
    "simulate": ("simulate", "demo", "--strategy", "fusion+hrfs", "--repeat", "100000", "--out", "out"),
    "compare here": ("compare", "demo", "--seeds", "100000", "--jobs", "1", "--out", "out"),
    "compare": ("compare", "demo", "--seeds", "100000", "--jobs", "2", "--out", "out"),
}


STARTED: list["subprocess.Popen[str]"] = []


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    """A process that a failing test has started would go on for hours. Its own processes end with it."""
    yield
    while STARTED:
        if (process := STARTED.pop()).poll() is None:
            process.kill()
            process.communicate()


def started(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "hetsched", *words]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    STARTED.append(process)
    return process


def ended_by(process: "subprocess.Popen[str]", number: int) -> str:
    """What it wrote to stderr, after this signal. It ends long before its work would."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=LONG_S)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    return errors


@pytest.mark.parametrize(
    ("command", "number", "said"),
    [
        ("simulate", signal.SIGTERM, "terminated"),
        ("compare", signal.SIGTERM, "terminated"),
        pytest.param("compare here", signal.SIGTERM, "terminated", marks=pytest.mark.exhaustive),
        ("compare here", signal.SIGINT, "interrupted"),  # tests/cli/test_interrupts.py interrupts the others
    ],
)
def test_a_signal_ends_a_long_command(command: str, number: int, said: str, tmp_path: Path) -> None:
    process = started(tmp_path, *COMMANDS[command])
    began = time.monotonic()
    while not list(tmp_path.glob("out/**/events.jsonl")):
        assert process.poll() is None and time.monotonic() - began < LONG_S
        time.sleep(0.05)
    assert f"hetsched: {said}\n" in ended_by(process, number)


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive), signal.SIGTERM])
def test_a_suite_that_is_stopped_says_how_to_go_on_and_does(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("homogeneous", "--policies", "lookahead", "--seeds", "10", "--jobs", "2", "--afresh")
    process = started(tmp_path, "suite", *words, "--out", "out")
    began = time.monotonic()
    while not (runs := tmp_path / "out/runs.jsonl").exists() or not runs.stat().st_size:
        assert process.poll() is None and time.monotonic() - began < LONG_S
        time.sleep(0.05)
    errors = ended_by(process, number)
    assert "of 20 runs finished in out; go on with: hetsched suite --resume out\n" in errors
    finished = len(runs.read_text().splitlines())
    assert 1 <= finished < 20
    monkeypatch.chdir(tmp_path)
    assert main(["suite", "--resume", "out", "--jobs", "1"]) == 0
    assert "20 runs simulated, 0 from the package" in capsys.readouterr().out


def test_sigterm_ends_profiling_and_the_process_that_measures(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = ("--models", "resnet18", "--batch-sizes", "8", "--seconds", "1000", "--out", "new.csv")
    process = started(tmp_path, "profile", *words)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell the children of a process")
    began = time.monotonic()
    while not (measuring := children.read_text().split()):
        assert process.poll() is None and time.monotonic() - began < LONG_S
        time.sleep(0.05)
    ended_by(process, signal.SIGTERM)
    began = time.monotonic()
    while any(Path(f"/proc/{child}").exists() for child in measuring):  # a killed process takes a moment to go
        assert time.monotonic() - began < LONG_S
        time.sleep(0.05)
    assert not (tmp_path / "new.csv").exists()


def test_sigterm_is_handled_while_a_command_runs_and_no_longer() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), sigterm_as_ctrl_c():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_ray_raises_in_place_of_a_sigterm_is_a_sigterm() -> None:
    """The status of the command was 130, as after Ctrl-C."""

    def wait() -> None:
        with sigterm_as_ctrl_c():
            with pytest.raises(Terminated):
                signal.raise_signal(signal.SIGTERM)
            raise KeyboardInterrupt

    with pytest.raises(Terminated):
        wait()
    with pytest.raises(KeyboardInterrupt) as raised, sigterm_as_ctrl_c():
        raise KeyboardInterrupt
    assert raised.type is KeyboardInterrupt


def test_it_still_says_what_to_do_next() -> None:
    stop = KeyboardInterrupt()
    stop.add_note("go on with: hetsched run --resume out")
    assert Terminated.in_place_of(stop).__notes__ == stop.__notes__


def test_a_thread_leaves_signals_alone() -> None:
    inside = []

    def command() -> None:
        with sigterm_as_ctrl_c():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=command)
    thread.start()
    thread.join()
    assert inside == [signal.getsignal(signal.SIGTERM)]


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_signals_that_are_held_come_at_the_end(number: int, raised: type[BaseException]) -> None:
    done = []

    def hold() -> None:
        with signals_held():
            signal.raise_signal(number)
            done.append("the rest")

    with sigterm_as_ctrl_c():
        before = signal.getsignal(number)
        with pytest.raises(raised):
            hold()
        assert signal.getsignal(number) is before
    assert done == ["the rest"]


def test_ctrl_c_that_another_thread_hears_waits_until_the_children_have_started() -> None:
    done, over = [], threading.Event()
    other = threading.Thread(target=over.wait)  # as NumPy has some, where the signal is not blocked
    other.start()

    def begin() -> None:
        with children_without_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            done.append("the rest")

    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
    finally:
        over.set()
        other.join()
    assert done == ["the rest"]


def test_a_ctrl_c_while_another_is_on_its_way_takes_no_word_from_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def struck_twice(**_: object) -> int:
        try:
            first = KeyboardInterrupt()
            first.add_note("go on with this")
            raise first
        finally:
            raise KeyboardInterrupt

    monkeypatch.setattr("hetsched.cli.main.main", struck_twice)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert start.start() == 130
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "hetsched: interrupted\nhetsched: go on with this\n"


@pytest.mark.parametrize(("first", "status"), [(Terminated, 143), (KeyboardInterrupt, 130)])
def test_a_ctrl_c_after_the_first_answer_takes_no_status_from_it(
    first: type[BaseException], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It came after `main` had returned, and the process ended in a traceback."""

    def stopped(*_: object, **__: object) -> None:
        raise first

    def struck_at_its_end(**hooks: Any) -> int:
        found: int = main(["policies"], **hooks)
        signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr("hetsched.cli.main.commanded", stopped)
    monkeypatch.setattr("hetsched.cli.main.main", struck_at_its_end)
    before = signal.getsignal(signal.SIGINT)
    try:
        assert start.start() == status
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_measuring_process_ends_with_a_signal_that_comes_while_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    profiler = pytest.importorskip("real.measuring.profiler")
    started: list[subprocess.Popen[str]] = []

    def start(*_: object, **options: object) -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], text=True)
        started.append(process)
        signal.raise_signal(signal.SIGTERM)  # before anybody knows of the process
        return process

    fake = SimpleNamespace(Popen=start, PIPE=subprocess.PIPE, CompletedProcess=subprocess.CompletedProcess)
    monkeypatch.setattr(profiler, "subprocess", fake)
    monkeypatch.setattr(profiler, "command", lambda *_: [])
    monkeypatch.setattr(profiler, "environment", lambda _: {})
    with pytest.raises(Terminated), sigterm_as_ctrl_c():
        profiler._ended(None)
    [process] = started
    assert process.poll() == -signal.SIGKILL


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("first", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_second_signal_of_either_kind_leaves_what_is_put_away(
    first: int, second: int, raised: type[BaseException]
) -> None:
    put_away = []

    def study() -> None:
        with one_interrupt():
            try:
                signal.raise_signal(first)
            finally:
                signal.raise_signal(second)
                put_away.append("all")

    with sigterm_as_ctrl_c():
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with pytest.raises(KeyboardInterrupt) as stopped:
            study()
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert type(stopped.value) is raised
    assert put_away == ["all"]


class Dropped:
    """A thing at whose end something is raised, which Python ignores."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end

    def __del__(self) -> None:
        self.end()


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_that_comes_where_python_ignores_exceptions_is_not_lost(
    number: int, raised: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """`hetsched policies check` went on after a SIGTERM in a callback of the garbage collector."""

    def study() -> None:
        with one_interrupt():
            Dropped(lambda: signal.raise_signal(number))
            time.sleep(LONG_S)

    before = sys.unraisablehook, signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt) as stopped, sigterm_as_ctrl_c():
        study()
    assert type(stopped.value) is raised
    assert (sys.unraisablehook, signal.getsignal(signal.SIGALRM)) == before
    assert capsys.readouterr().err == ""


def test_a_programs_own_alarm_is_no_interrupt() -> None:
    """It was taken for the first Ctrl-C, so the next one was ignored."""
    rung: list[int] = []

    def interrupt_after_alarm() -> None:
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        for block in (one_interrupt, signals_held):
            with pytest.raises(KeyboardInterrupt), block():
                interrupt_after_alarm()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung == [signal.SIGALRM] * 2


def test_what_is_raised_again_waits_while_signals_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hetsched.signals.MOMENT_S", LONG_S)
    done = []

    def study() -> None:
        Dropped(lambda: signal.raise_signal(signal.SIGTERM))
        with signals_held():
            signal.raise_signal(signal.SIGALRM)  # the moment is over
            done.append("the rest")

    with pytest.raises(Terminated), sigterm_as_ctrl_c():
        study()
    assert done == ["the rest"]
