"""A log that is read while it is written says what it says when it is complete."""

from pathlib import Path

import pytest

from hetsched.core.events import AnyEvent
from hetsched.core.following import FollowedLog
from hetsched.core.log import LOG_NAME, read_log
from hetsched.errors import InputError
from tests.slow_log import SlowLog

GOLDEN = sorted((Path(__file__).parents[1] / "data" / "golden").rglob("*.jsonl"))


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_wherever_a_writer_is_in_the_middle_of_a_line(step: int, tmp_path: Path) -> None:
    run = SlowLog(tmp_path, population=2)
    followed, seen = FollowedLog(run.path), list[AnyEvent]()
    content = run.content[:3000]
    for begin in range(0, len(content), step):
        run.append(content[begin : begin + step])
        events, anew = followed.look()
        assert not anew
        seen += events
        assert len(seen) == content[: begin + step].count(b"\n")
    assert seen == list(read_log(run.path)) and len(seen) > 10


@pytest.mark.parametrize("log", GOLDEN, ids=lambda log: log.stem)
def test_logs_of_older_formats(log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    growing = tmp_path / LOG_NAME
    followed, seen = FollowedLog(growing), list[AnyEvent]()
    for begin in range(0, len(lines), 50):
        with growing.open("ab") as file:
            file.writelines(lines[begin : begin + 50])
        seen += followed.look().events
    assert seen == list(read_log(log))


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    followed = FollowedLog(tmp_path / "later" / LOG_NAME)
    assert followed.look() == ([], False)
    run = SlowLog(tmp_path / "later").finished()
    assert followed.look() == (list(read_log(run.path)), False)
    assert followed.look() == ([], False)


def test_a_driver_that_goes_on_cuts_a_half_line_off(tmp_path: Path) -> None:
    run = SlowLog(tmp_path)
    first, second, third = run.lines[:3]
    run.append(first + second[:20])
    followed = FollowedLog(run.path)
    assert len(followed.look().events) == 1
    run.path.write_bytes(first)
    assert followed.look() == ([], False)
    run.append(third)
    assert followed.look() == ([list(read_log(run.path))[1]], False)


@pytest.mark.parametrize("empty_in_between", [False, True])
def test_a_log_that_is_begun_again(empty_in_between: bool, tmp_path: Path) -> None:
    run, other = SlowLog(tmp_path), SlowLog(tmp_path / "other", seed=1)
    run.append(b"".join(run.lines[:9]))
    followed = FollowedLog(run.path)
    assert len(followed.look().events) == 9
    if empty_in_between:
        run.path.write_bytes(b"")
        assert followed.look() == ([], True)
    run.path.write_bytes(other.content)
    assert followed.look() == (list(read_log(run.path)), not empty_in_between)


def test_a_log_that_is_removed(tmp_path: Path) -> None:
    run = SlowLog(tmp_path).finished()
    followed = FollowedLog(run.path)
    followed.look()
    run.path.unlink()
    assert followed.look() == ([], True)
    assert followed.look() == ([], False)


def test_damage_names_its_line_in_the_whole_log(tmp_path: Path) -> None:
    run = SlowLog(tmp_path)
    run.append(b"".join(run.lines[:5]))
    followed = FollowedLog(run.path)
    followed.look()
    run.append(run.lines[5] + b'{"event":"run-en\x00ded"}\n')
    for _ in range(2):
        with pytest.raises(InputError, match=f"{LOG_NAME}:7: not an event of a hetsched log"):
            followed.look()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / LOG_NAME).mkdir()
    with pytest.raises(InputError, match=f"{LOG_NAME}: cannot read the log: Is a directory"):
        FollowedLog(tmp_path / LOG_NAME).look()
