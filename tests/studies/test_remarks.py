"""What a results folder and the table of `validate` say of workers that were slower than
foretold."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from hetsched.analysis.metrics import measure
from hetsched.analysis.step_times import WorkerSteps
from hetsched.errors import InputError
from hetsched.report.tables import agreement_table
from hetsched.report.whole_tables import print_table
from hetsched.studies.results import load_results
from hetsched.studies.simulate import simulate, write_strategy
from hetsched.studies.validation import Repetition, agreement, decisions
from tests.conftest import Simulate, make_setup

LATE = WorkerSteps("1 cpu, paced x3", True, 0.2, 0.2, 0.3, 40, 30, 12.5, 1.5, 1.5, 100.0, 10.0, 10.0)
HELD = WorkerSteps("2 cpu, paced x3", True, 0.1, 0.1, 0.1, 40, 0, 0.0, 1.0, 1.0, 100.0, 10.0, 10.0)
SLOW = WorkerSteps("4 cpu", False, 0.1, 0.125, 0.25, 40, 0, 0.0, 2.0, 2.0, 100.0, 10.0, 10.0)


def test_the_folder_of_a_run_says_who_was_late_and_that_of_a_simulation_nothing() -> None:
    simulated = simulate(make_setup(), "fusion+fifo")
    averages = simulated.folder / "Running_Results.txt"
    assert simulated.remarks == [] and "Note" not in averages.read_text()
    assert json.loads((simulated.folder / "summary.json").read_text())["steps"] == []
    scenario = simulated.setup.scenario
    setup = simulated.setup.replace(real=scenario.real.model_copy(update={"time_scale": 3.0}))
    run = replace(simulated, setup=setup, steps=(LATE, HELD, SLOW))
    write_strategy(run, "run", "ray")
    notes = [line.partition("Note : ")[2] for line in averages.read_text().splitlines() if "Note : " in line]
    assert notes == run.remarks
    assert notes[0].startswith("1 cpu, paced x3: could not hold its pace in 30 of 40 segments, 12.5 s late in all")
    assert "set real.time_scale to at least 4.5" in notes[1]
    assert notes[2] == "4 cpu: measured 2 x the profile's step, 0.25 s per iteration in 40 segments"
    found = json.loads((simulated.folder / "summary.json").read_text())["steps"]
    assert [(steps["worker"], steps["factor"]) for steps in found] == [
        ("1 cpu, paced x3", 1.5),
        ("2 cpu, paced x3", 1.0),
        ("4 cpu", 2.0),
    ]


def test_the_table_of_a_validation_has_a_row_for_the_steps_of_each_type(simulate_log: Simulate) -> None:
    setup = make_setup()
    log = simulate_log(setup)
    [run] = [Repetition(measure(log, setup), decisions(log))]
    screen = StringIO()
    print_table(
        agreement_table({"fusion+fifo": agreement([[run]], [run], [LATE, HELD, SLOW])}), Console(file=screen, width=140)
    )
    rows = [" ".join(line.replace("│", " ").split()) for line in screen.getvalue().splitlines()]
    assert "step on 1 cpu, paced x3 [s], 40 segments asked: 0.2 0.3 50% late" in rows
    assert "step on 2 cpu, paced x3 [s], 40 segments asked: 0.1 0.1 held" in rows
    assert "step on 4 cpu [s], 40 segments 0.1 .. 0.125 0.25 -50.0%" in rows


def test_a_real_run_says_what_it_lost_and_why_and_does_not_blame_the_profile() -> None:
    """A training that raised at every second segment ended with advice to measure the profile
    again."""
    simulated = simulate(make_setup(), "fusion+fifo")
    reasons = ["RuntimeError in my.py:24: out of luck\nat length"] * 5 + ["node b died"]
    [run] = simulated.runs
    lines = run.log.read_text().splitlines()
    lost = [
        {"event": "segment-lost", "time": 1.0, "trial": f"e-{number}", "worker": "b/cpu0", "reason": reason}
        for number, reason in enumerate(reasons)
    ]
    text = "\n".join([lines[0], *map(json.dumps, lost), *lines[1:]]) + "\n"
    run = run._replace(metrics=msgspec.structs.replace(run.metrics, lost_segments=len(lost)))
    slow_start = msgspec.structs.replace(SLOW, factor=1.0, beside_s=77.5, foretold_beside_s=49.2)
    result = replace(simulated, runs=[run], steps=[slow_start])
    run.log.write_text(text)
    assert result.remarks[0].startswith("4 cpu: start-up and evaluation")  # a simulation's losses are its scenario's
    run.log.write_text(text.replace('"backend":"sim"', '"backend":"ray"'))
    assert result.remarks == [
        "5 segments lost and trained again: RuntimeError in my.py:24: out of luck "
        "(e-0 on b/cpu0, e-1 on b/cpu0, e-2 on b/cpu0 and 2 more)",
        "1 segment lost and trained again: node b died (e-5 on b/cpu0)",
    ]
    assert result.document()["remarks"] == result.remarks
    assert len(replace(result, steps=[SLOW]).remarks) == 4  # steps of another duration are still said


def test_a_run_that_was_resumed_says_so() -> None:
    """A plan's prediction was called 18% too short, and the seconds were those of a second start-up."""
    simulated = simulate(make_setup(), "fusion+fifo", 2)
    first, second = simulated.runs
    start, *others = second.log.read_text().splitlines(keepends=True)
    resumed = '{"event":"run-resumed","time":0.0,"reason":"interrupted"}\n'
    second.log.write_text("".join([start, *2 * [resumed], *others]))
    assert simulated.remarks == []
    for run in simulated.runs:
        run.log.write_text(run.log.read_text().replace('"backend":"sim"', '"backend":"ray"', 1))
    [line] = simulated.remarks
    assert line.startswith("stopped and resumed: seed 1 (2 times); workers started up again")
    assert replace(simulated, runs=[first]).remarks == []


@pytest.mark.parametrize("written", ['{"warnings":', "[]", '{"warnings": ["slow"]}', '{"assumptions": 3}', "\xff"])
def test_a_damaged_summary_is_named(written: str, tmp_path: Path) -> None:
    """The process that wrote it may have been killed. It was a traceback."""
    simulate(make_setup(), "fusion+fifo", folder=tmp_path / "r")
    (tmp_path / "r" / "summary.json").write_text(written, "latin-1")
    with pytest.raises(InputError, match="summary.json: not what a study wrote: .*: remove it, and the logs alone"):
        load_results(tmp_path / "r")


def test_loaded_results_say_what_they_are(tmp_path: Path) -> None:
    """They were printed as LoadedResults()."""
    folder = tmp_path / "r"
    simulate(make_setup(), "fusion+fifo", 2, folder)
    assert repr(load_results(folder)) == f"LoadedResults(folder={str(folder)!r}, command='simulate', runs=2)"
    (folder / "summary.json").unlink()
    assert repr(load_results(folder)) == f"LoadedResults(folder={str(folder)!r}, runs=2)"
