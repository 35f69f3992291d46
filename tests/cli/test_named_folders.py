"""What commands that look at results say of a folder that has none: its path, what was expected,
what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.core.log import LOG_NAME
from hetsched.studies.results import load_results
from hetsched.studies.ro_crate import CRATE_NAME
from tests.slow_log import SlowLog

COMMANDS = {
    "show": [],
    "report": ["--out", "report.html"],
    "export": ["--to", "csv", "--out", "tables"],
    "figures": ["--out", "drawn"],
    "serve": ["--port", "0"],
    "watch": [],
}
READERS = ("show", "report", "export", "figures")

BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
"""Takes from root what lets root read everything."""

SEVERAL = """
import sys
from hetsched.cli.main import main
for line in sys.stdin:
    print("status", main(line.split()), file=sys.stderr, flush=True)
"""


def as_a_user(commands: list[list[str]], folder: Path) -> list[tuple[int, str]]:
    """The status of each command and what it printed on stderr, carried out by who has no right to
    all files."""
    bound = BOUND if os.geteuid() == 0 else []
    if bound and subprocess.run([*bound, "true"], capture_output=True).returncode:
        pytest.skip("nobody here can be kept from reading what root may read")
    done = subprocess.run(
        [*bound, sys.executable, "-c", SEVERAL],
        input="\n".join(map(" ".join, commands)),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found, said = list[tuple[int, str]](), list[str]()
    for line in done.stderr.splitlines():
        if line.startswith("status "):
            found.append((int(line.removeprefix("status ")), "\n".join(said)))
            said = []
        else:
            said.append(line)
    assert len(found) == len(commands), done.stderr
    return found


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def comparison(here: Path) -> Path:
    """A comparison of 2 strategies under 2 seeds."""
    scenario = SlowLog(here / "aside").folder / "scenario.toml"
    words = ["compare", str(scenario), "--strategies", "fusion+fifo", "uniform+fifo", "--seeds", "2", "--jobs", "1"]
    assert main([*words, "--out", "c"]) == 0
    return Path("c")


MISSING = {
    "nowhere": "nowhere: no such folder; name ",
    "file.txt": "file.txt: is a file and no folder; name ",
    "file.txt/below": "below: no such folder; name ",
}


@pytest.mark.parametrize(
    ("command", "name"),
    [
        *((command, name) for command in COMMANDS for name in MISSING if command != "watch"),
        ("watch", "file.txt/below"),  # it waits for a folder that is not there yet, and reads a file as a log
    ],
)
def test_what_is_no_folder(command: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file.txt").write_text("nothing\n")
    assert main([command, name, *COMMANDS[command]]) == 2
    assert MISSING[name] in capsys.readouterr().err


def test_a_log_in_place_of_its_folder_names_the_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    SlowLog(here / "run").finished()
    assert main(["show", f"run/{LOG_NAME}"]) == 2
    assert f"run/{LOG_NAME}: is a file and no folder; name " in (said := capsys.readouterr().err)
    assert said.endswith(", such as run, which it is the log of\n")


@pytest.mark.parametrize("command", READERS)
def test_an_empty_folder_and_one_of_something_else(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main([command, "empty", *COMMANDS[command]]) == 2
    assert "empty: is empty; name the results folder of a study" in capsys.readouterr().err
    Path("empty", "photo.jpg").touch()
    assert main([command, "empty", *COMMANDS[command]]) == 2
    assert f"empty: there is no {LOG_NAME} in it or below it; name the results" in capsys.readouterr().err


def test_a_folder_without_permission_is_status_2_in_every_command(here: Path, comparison: Path) -> None:
    Path("locked").mkdir(mode=0)
    Path("unlisted").mkdir(mode=0o400)
    Path("within").mkdir()
    shutil.copytree(comparison, here / "within" / "c")
    closed = Path("within", "c", "uniform+fifo", "seed-1")
    closed.chmod(0)
    expected = {"locked": "locked", "unlisted": "unlisted", "within/c": str(closed)}
    commands = [
        [command, name, *words]
        for name in expected
        for command, words in COMMANDS.items()
        if (command, name) != ("serve", "within/c")
    ]
    try:
        for words, (status, said) in zip(commands, as_a_user(commands, here), strict=True):
            assert status == 2, (words, said)
            assert f"{expected[words[1]]}: cannot be read: Permission denied; have its permissions" in said, words
        assert not Path("tables").exists() and not Path("report.html").exists()
    finally:
        for path in (Path("locked"), Path("unlisted"), closed):
            path.chmod(0o700)


def test_where_nothing_may_be_written_is_status_2_too(here: Path, comparison: Path) -> None:
    Path("mine").mkdir(mode=0o500)
    scenario = "aside/scenario.toml"
    commands = [
        ["simulate", scenario, "--strategy", "fusion+fifo", "--out", "mine/new"],
        ["compare", scenario, "--seeds", "1", "--jobs", "1", "--out", "mine/new"],
        ["report", "c", "--out", "mine/report.html"],
        ["export", "c", "--to", "csv", "--out", "mine/new"],
        ["export", "c", "--to", "chrome-trace", "--out", "mine/new"],
        ["figures", "c", "--out", "mine/new"],
    ]
    for words, (status, said) in zip(commands, as_a_user(commands, here), strict=True):
        assert status == 2 and "mine" in said and "Permission denied" in said, (words, status, said)


def test_a_comparison_of_which_one_log_is_damaged_names_file_line_and_remedy(
    comparison: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = comparison / "uniform+fifo" / "seed-1" / LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:4], b"nonsense\n", *lines[5:]]))
    for command in READERS:
        assert main([command, "c", *COMMANDS[command]]) == 2
        said = capsys.readouterr().err
        assert f"{log}:5: not an event of a hetsched log" in said and "put back an undamaged log" in said


def test_a_comparison_of_which_one_log_is_cut_says_what_is_missing(
    comparison: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = comparison / "uniform+fifo" / "seed-1" / LOG_NAME
    log.write_bytes(log.read_bytes()[:-100])
    words = ["export", "c", "--to", "csv", "--out", "tables"]
    done = subprocess.run([sys.executable, "-m", "hetsched", *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0
    assert done.stderr == f"{log}: this run is not finished: it is exported as far as it came\n"
    assert main(["show", "c"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "3 of 4 runs finished; unless it goes on already, go on with: hetsched compare --resume c"
    assert load_results(comparison).warnings == {
        "uniform+fifo": "1 of 2 runs did not end: figures cover only what was trained"
    }


def test_runs_that_are_left_out_are_named(
    comparison: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """An export of a part of a comparison looked like one of the whole."""
    log = comparison / "uniform+fifo" / "seed-1" / LOG_NAME
    log.write_bytes(b"")
    assert main(["export", "c", "--to", "csv", "--out", "empty"]) == 0
    assert f"{log}: left out: this run has not begun" in caplog.text
    shutil.rmtree(log.parent)
    caplog.clear()
    assert len(load_results(comparison).runs) == 3
    assert f"c: left out: 1 of 4 runs, which have no {LOG_NAME} (yet): uniform+fifo/seed-1" in caplog.text


@pytest.mark.parametrize("written", ["no log", "an empty log", "half a line"])
def test_a_run_that_has_not_begun(written: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = SlowLog(here / "run")
    assert main(["simulate", "run/scenario.toml", "--strategy", "fusion+fifo", "--out", "r"]) == 0
    log = Path("r", LOG_NAME)
    for made in ("summary.json", CRATE_NAME, "results.csv", "Running_Results.txt"):
        Path("r", made).unlink()
    if written == "no log":
        log.unlink()
    else:
        log.write_bytes(run.lines[0][:20] if written == "half a line" else b"")
    why = "r: this 'simulate' has not begun" if written == "no log" else f"{log}: this run has not begun"
    capsys.readouterr()
    for command in ("show", "export", "figures"):
        assert main([command, "r", *COMMANDS[command]]) == 1
        assert why in capsys.readouterr().err
    assert main(["report", "r"]) == 0
    page = Path("r", "report.html").read_text()
    assert "Nothing to say yet" in page and why in page
