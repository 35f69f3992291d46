"""Recording and predicting again, with the simulator in the place of Ray."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy, rmtree
from statistics import fmean
from typing import Any

import pytest

from hetsched.cli.main import main
from hetsched.core.log import LOG_NAME
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.fidelity.cells import read_cells
from hetsched.studies.fidelity.fidelity import fidelity
from hetsched.studies.fidelity.record import record
from hetsched.studies.fidelity.recordings import LOG, PROBE_LOG, RECORDINGS, is_recorded
from hetsched.studies.fidelity.table import TABLE_NAME, rows, write_table
from hetsched.studies.validate import validate
from sim.backend import SimBackend
from tests.test_architecture import ROOT

CELLS = """
[trainings.line]
class = "stand_in.py:StandIn"
metric = { name = "loss", mode = "min" }
search_space.lr = { low = 0.001, high = 1.0, scale = "log" }

[clusters]
two = [{ name = "fast", cores = 1, pace = true }, { name = "slow", cores = 1, pace = 2.0 }]
"""

CELL = """
[cells.{name}]
training = "line"
cluster = "two"
strategy = "{strategy}"
population = 4
interval = 10
segments = 3
"""


PREDICTIONS = 2
"""How often a recording is predicted. A study does it more often."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two cells; what is carried out for real, the simulator does."""
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())
    monkeypatch.setattr("hetsched.studies.fidelity.errors.PREDICTIONS", PREDICTIONS)
    for name in ("stand_in.py", "declared.csv"):
        copy(ROOT / "fidelity" / name, tmp_path)
    cells = [CELL.format(name=name, strategy=f"fusion+{policy}") for name, policy in (("a", "fifo"), ("b", "hrfs"))]
    (tmp_path / "cells.toml").write_text(CELLS + "".join(cells))
    return tmp_path


def test_a_simulated_recording_is_predicted_without_an_error(folder: Path) -> None:
    assert list(record(folder)) == ["a", "b"]
    result = fidelity(folder)
    for one in result.errors:
        assert one.makespan == pytest.approx(0, abs=0.5)  # the probe of so few segments has its rounding
        assert one.completion_absolute == pytest.approx(0, abs=0.5)
        assert one.decisions_alike == 100
        assert one.score is None
    assert not result.warnings


def test_a_recording_is_predicted_from_the_log_of_its_probe(folder: Path) -> None:
    list(record(folder))
    whole = fidelity(folder).errors
    for name in ("a", "b"):
        profile = folder / RECORDINGS / name / "profile.csv"
        header, row = profile.read_text().splitlines()
        cells = dict(zip(header.split(","), row.split(","), strict=True)) | {"object_store_save_s": "30.0"}
        profile.write_text(f"{header}\n{','.join(cells.values())}\n")
    assert fidelity(folder).errors == whole
    (folder / RECORDINGS / "a" / PROBE_LOG).unlink()
    assert fidelity(folder).errors != whole


def test_cells_with_a_recording_are_not_run_again(folder: Path) -> None:
    assert list(record(folder, ["b"])) == ["b"]
    before = (folder / RECORDINGS / "b" / LOG).read_bytes()
    assert list(record(folder)) == ["a"]
    assert list(record(folder)) == []
    assert (folder / RECORDINGS / "b" / LOG).read_bytes() == before


def test_cells_with_one_probe_share_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []

    class Counting(SimBackend):
        def run(self, setup: Any, strategy: Any, *rest: Any) -> Any:
            runs.append(strategy.scheduling)
            return super().run(setup, strategy, *rest)

    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: Counting())
    assert list(record(folder)) == ["a", "b"]
    assert runs == ["least-progress", "fifo", "hrfs"]


def test_a_run_is_watched_with_the_step_times_of_its_probe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unpaced machine that is twice as fast as `declared.csv` says would seem to beat the
    bound."""
    watched: dict[str, float] = {}

    @contextmanager
    def watch(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[None]:
        (kind,) = setup.workload.experiments[0].kinds
        seconds = setup.times.seconds_per_iteration(kind, setup.workers(strategy)[0].type)
        assert seconds is not None
        watched[doing] = seconds
        yield None

    class Halved(SimBackend):
        def run(self, setup: Setup, *rest: Any) -> Any:
            rows = [
                row.model_copy(update={"seconds_per_iteration": row.seconds_per_iteration / 2})
                for row in setup.times.rows
            ]
            return super().run(setup.replace_times(StepTimes(rows)), *rest)

    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: Halved())
    list(record(folder, ["a"], watch=watch))
    assert watched["running"] == pytest.approx(watched["profiling with"] / 2, rel=0.01)


def test_a_call_that_broke_off_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaking(SimBackend):
        def run(self, setup: Any, strategy: Any, *rest: Any) -> Any:
            if strategy.scheduling == "hrfs":
                raise HetschedError("the machine is gone")
            return super().run(setup, strategy, *rest)

    with monkeypatch.context() as broken:
        broken.setattr("hetsched.studies.one_run.backend", lambda name: Breaking())
        with pytest.raises(HetschedError, match="the machine is gone"):
            list(record(folder))
    assert is_recorded(folder, "a") and not is_recorded(folder, "b")
    assert list(record(folder)) == ["b"]


def test_a_recording_names_no_path_of_the_machine(folder: Path) -> None:
    list(record(folder))
    for file in (folder / RECORDINGS).rglob("*.*"):
        if file.suffix != ".gz" and file.is_file():
            assert str(folder) not in file.read_text() and "/tmp" not in file.read_text()


def test_a_change_is_told_against_the_table_before(folder: Path) -> None:
    list(record(folder))
    result = fidelity(folder)
    assert result.change is None
    text = write_table(folder, result.errors).read_text()
    first = rows(result.errors)[0]
    (folder / TABLE_NAME).write_text(text.replace(f",{first['makespan']},", ",7.5,", 1))
    found = fidelity(folder).change
    assert found is not None
    assert found.recordings == 2
    assert found.moved["a"] == (7.5, result.errors[0].makespan)


def test_the_command_says_what_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--folder", str(folder)]
    assert main(["fidelity", *at]) == 2
    assert "has no recordings: make them with hetsched fidelity record" in capsys.readouterr().err
    assert main(["fidelity", "record", *at, "--only", "c"]) == 2
    assert "--only: no cell 'c'" in capsys.readouterr().err
    assert main(["fidelity", *at, "--only", "a"]) == 2
    assert "a is not recorded: hetsched fidelity record --only a" in capsys.readouterr().err
    assert main(["fidelity", "record", *at]) == 0
    assert main(["fidelity", *at, "--write", "--only", "a"]) == 2
    assert main(["fidelity", *at, "--write"]) == 0
    assert (folder / TABLE_NAME).is_file()
    for text in ("recording\na\n", 'recording,makespan\na,1.0\n"b,2.0\n'):
        (folder / TABLE_NAME).write_text(text)
        assert main(["fidelity", *at]) == 2
        assert "not what hetsched fidelity wrote" in capsys.readouterr().err


def test_the_runs_of_a_validation_become_recordings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = read_cells(folder).scenario("b", folder)
    validation = validate(scenario, ["fusion+fifo", "fusion+hrfs"], range(2), folder / "v", predictions=PREDICTIONS)
    draws = [each for of_strategy in validation.draws.values() for each in of_strategy]
    foretold = [fmean(run.metrics.makespan_s for run in each) for each in draws]
    at = ["--folder", str(folder)]
    assert main(["fidelity", "add", str(folder / "v"), *at]) == 0
    names = [f"b-fusion-{policy}-seed-{seed}" for policy in ("fifo", "hrfs") for seed in (0, 1)]
    result = fidelity(folder)
    assert list(result.predictions) == names
    assert [one.predicted_s for one in result.errors] == pytest.approx(foretold, abs=0.001)
    assert {one.training for one in result.errors} == {"StandIn"}
    capsys.readouterr()
    assert main(["fidelity", "add", str(folder / "v"), *at]) == 0
    assert capsys.readouterr().out == "all are recorded already\n"
    assert main(["fidelity", "add", str(folder), *at]) == 2
    assert "not the results of a finished validation" in capsys.readouterr().err
    assert main(["fidelity", "add", *at]) == 2


def test_two_validations_of_one_scenario_both_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second was left out, and said to be recorded already."""
    scenario = read_cells(folder).scenario("b", folder)
    days = [folder / day / "measured" / "fusion+fifo" / "seed-0" for day in ("monday", "friday")]
    for seed, day in enumerate(days):
        validate(scenario, ["fusion+fifo"], [seed], day.parents[2], predictions=PREDICTIONS)
    days[1].with_name("seed-1").rename(days[1])  # stands for another run of the same seed
    add = ["fidelity", "add", *(str(day.parents[2]) for day in days), "--folder", str(folder)]
    capsys.readouterr()
    assert main(add) == 0
    names = ["b-fusion-fifo-seed-0", "b-fusion-fifo-seed-0-2"]
    assert capsys.readouterr().out == "".join(f"recorded: {name}\n" for name in names)
    for name, day in zip(names, days, strict=True):
        with gzip.open(folder / RECORDINGS / name / LOG) as packed:
            assert packed.read() == (day / LOG_NAME).read_bytes()
    assert main(add) == 0
    assert capsys.readouterr().out == "all are recorded already\n"
    aside = (folder / RECORDINGS / names[0]).rename(folder / "aside")
    assert main(add) == 0 and capsys.readouterr().out == f"recorded: {names[0]}\n"
    rmtree(aside)
    whole = (folder / RECORDINGS / names[0] / LOG).read_bytes()
    for damaged in (whole[:-9], whole[:30] + b"?" * 30 + whole[60:]):
        (folder / RECORDINGS / names[0] / LOG).write_bytes(damaged)
        for command in (add, ["fidelity", "--folder", str(folder)]):
            assert main(command) == 2
            assert f"{names[0]}: not a recording: " in capsys.readouterr().err


def test_a_damaged_recording_is_named(folder: Path) -> None:
    list(record(folder))
    (folder / RECORDINGS / "a" / LOG).write_bytes(b"")
    with pytest.raises(InputError, match=r"a.*does not begin with the start of a run"):
        fidelity(folder)


def test_cells_that_name_nothing_are_refused(folder: Path) -> None:
    table = folder / "cells.toml"
    table.write_text(table.read_text().replace('cluster = "two"', 'cluster = "tow"'))
    with pytest.raises(InputError, match=r"cells\.a\.cluster: no cluster 'tow': .*two"):
        list(record(folder))
    table.write_text(table.read_text() + "colour = 1\n")
    with pytest.raises(InputError, match=r"cells\.toml: .*colour"):
        read_cells(folder)


@pytest.mark.parametrize(
    ("written", "message"),
    [(b"\xff\xfe", "not a text file"), (b"cells = {", "not TOML"), (None, "cannot read the table")],
)
def test_a_table_that_cannot_be_read_is_named(folder: Path, written: bytes | None, message: str) -> None:
    table = folder / "cells.toml"
    table.unlink() if written is None else table.write_bytes(written)
    with pytest.raises(InputError, match=rf"cells\.toml: {message}"):
        list(record(folder))
