"""Whoever reads a log learns that its run has no beginning, two of them, or a part after its end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hetsched.cli.main import main
from hetsched.core.events import AnyEvent
from hetsched.core.following import FollowedLog
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.log_check import check_log
from hetsched.errors import InputError
from tests.conftest import Simulate, make_setup

Lines = list[dict[str, Any]]
Alter = Callable[[Lines], int]
"""Alters the events of a whole log. Returns the number of the line that is at fault then."""


def no_start(lines: Lines) -> int:
    del lines[0]
    return 1


def second_start(lines: Lines) -> int:
    lines.insert(9, lines[0] | {"time": lines[9]["time"]})
    return 10


def early_end(lines: Lines) -> int:
    lines.insert(9, lines[-1] | {"time": lines[9]["time"]})
    lines[9]["reason"] = "interrupted"
    return 11


def second_end(lines: Lines) -> int:
    lines.append(lines[-1])
    return len(lines)


def no_completion(lines: Lines) -> int:
    del lines[next(number for number, line in enumerate(lines) if line["event"] == "trial-completed")]
    return len(lines)


def twice(kind: str) -> Alter:
    def write_twice(lines: Lines) -> int:
        first = next(number for number, line in enumerate(lines) if line["event"] == kind)
        lines.insert(first + 1, lines[first])
        return first + 2

    return write_twice


def nobody_leaves(lines: Lines) -> int:
    lines.insert(9, {"event": "worker-left", "time": lines[9]["time"], "worker": "nobody", "reason": "a test"})
    return 10


def nobody_ends(lines: Lines) -> int:
    lines.insert(9, {"event": "trial-completed", "time": lines[9]["time"], "trial": "nobody", "reason": "a test"})
    return 10


ALTERED = [
    (no_start, "expected run-started, the first event of every log, found WorkerJoined"),
    (second_start, "a second RunStarted, and a run starts once"),
    (early_end, "[A-Za-z]+ after the end of the run, which was not resumed"),
    (second_end, "RunEnded after the end of the run, which was not resumed"),
    (no_completion, r"the run is completed, and no TrialCompleted of 'e-\d' stands before"),
]


def first_trial(**changes: Any) -> Alter:
    def change(lines: Lines) -> int:
        first = next(number for number, line in enumerate(lines) if line["event"] == "trial-added")
        lines[first] |= changes
        return first + 1

    return change


def own_source(lines: Lines) -> int:
    itself = {"event": "trial-exploited", "trial": "e-0", "source": "e-0", "hyperparameters": {}}
    lines.insert(9, itself | {"time": lines[9]["time"]})
    return 10


OF_ONE = [
    (first_trial(batch_size=127), r"e-\d has a batch size of 127, expected one of 32"),
    (first_trial(experiment="x"), r"e-\d is of x, no such experiment"),
    (twice("experiment-arrived"), "e arrives twice"),
    (twice("trial-added"), r"e-\d is added twice"),
    (twice("trial-completed"), r"e-\d is completed twice"),
    (twice("worker-joined"), r"\S+ joins, and has joined already"),
    (nobody_leaves, "nobody leaves, and is not there"),
    (nobody_ends, "TrialCompleted of 'nobody', no such trial"),
    (own_source, "e-0 exploits itself"),
]
"""Alterations that concern a single experiment, trial or worker."""


def alter_file(log: Path, alter: Alter) -> int:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    at = alter(lines)
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return at


@pytest.fixture
def log(simulate_log: Simulate, tmp_path: Path) -> Path:
    simulate_log(make_setup(population=4), "fusion+least-progress", 1)
    return tmp_path / "run-1" / LOG_NAME


@pytest.mark.parametrize(("alter", "found"), [*ALTERED, *OF_ONE])
def test_what_the_course_of_a_run_cannot_have_is_named_with_its_line(log: Path, alter: Alter, found: str) -> None:
    at = alter_file(log, alter)
    for read in (lambda: list(read_log(log)), FollowedLog(log).look):
        with pytest.raises(InputError, match=rf"{LOG_NAME}:{at}: {found}: was it altered"):
            read()


@pytest.mark.parametrize(("alter", "found"), ALTERED[1:])
def test_the_check_of_logs_names_it_too(log: Path, alter: Alter, found: str) -> None:
    whole = list(read_log(log))
    names = [json.loads(line) for line in log.read_text().splitlines()]
    by_line: dict[str, AnyEvent] = {json.dumps(line): event for line, event in zip(names, whole, strict=True)}
    at = alter(names)
    events = [by_line.get(json.dumps(line)) or _like(line, whole) for line in names]
    with pytest.raises(AssertionError, match=f"line {at} of the log: {found}"):
        check_log(events)


def _like(line: dict[str, Any], whole: list[AnyEvent]) -> AnyEvent:
    kind = type(whole[0] if line["event"] == "run-started" else whole[-1])
    return kind(**{name: value for name, value in line.items() if name != "event"})


@pytest.mark.parametrize(("alter", "found"), ALTERED)
def test_every_command_that_reads_a_log_refuses_it(
    alter: Alter, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`hetsched show` and `hetsched export` read a log without its first line, and `hetsched
    replay` one without the completion of a trial."""
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "demo", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    [log] = tmp_path.rglob(LOG_NAME)
    at = alter_file(log, alter)
    for command in ("show out", "export out --to csv", "report out", "replay out", "watch out"):
        assert main(command.split()) == 2, command
        assert f"{LOG_NAME}:{at}: " in capsys.readouterr().err, command


def test_a_run_that_was_cut_short_may_leave_trials_open(log: Path) -> None:
    """It may be resumed, with or without an end, more than once."""

    def cut(lines: Lines) -> int:
        end = lines[-1] | {"time": lines[20]["time"], "reason": "interrupted"}
        resumed = {"event": "run-resumed", "time": end["time"], "reason": "the driver died", "log_version": 5}
        lines[21:] = [end, resumed, resumed, end, resumed, end]
        return len(lines)

    assert alter_file(log, cut) == len(list(read_log(log)))


def test_a_population_that_no_scenario_could_have_is_refused(log: Path) -> None:
    """`hetsched report` ran without end."""

    def alter(lines: Lines) -> int:
        at = next(number for number, line in enumerate(lines) if line["event"] == "experiment-arrived")
        lines[at]["experiment"]["population"] = 10**15
        return at + 1

    at = alter_file(log, alter)
    with pytest.raises(InputError, match=rf"{LOG_NAME}:{at}: not an event .*1000000 - at `\$.experiment.population`"):
        list(read_log(log))
