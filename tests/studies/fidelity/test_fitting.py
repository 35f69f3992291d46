"""A profile fitted to the logs of real runs."""

from pathlib import Path
from shutil import copytree

import pytest
from msgspec.structs import replace

from hetsched import scheduling
from hetsched.cli.main import main
from hetsched.core.events import Event, RunStarted, SegmentEnded
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import InputError
from hetsched.scenario.profile_files import read_profile
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.fidelity.fitting import fit_profile
from tests.conftest import Simulate, make_setup, profile_row

COSTS = {"start_up_s": 6.0, "restore_s": 0.4, "checkpoint_s": 0.2, "evaluation_s_per_image": 0.002}


@pytest.fixture
def runs(tmp_path: Path, simulate_log: Simulate) -> Path:
    """Three runs on a machine of which the scenario's profile knows the step times, and whose costs
    it takes for a tenth."""
    home = tmp_path / "runs"
    for seed in range(3):
        write_run(home / f"seed-{seed}", simulate_log, seed)
    return home


def write_run(folder: Path, simulate_log: Simulate, seed: int, slower: float = 1.0) -> None:
    nodes = [{"name": name, "cores": 1, "pace": 1.0} for name in "ab"]
    overheads = {"noise": False, "latency_s": 0.25, "host_cores": 2}
    true = make_setup(nodes, [costing(1.0)], overheads=overheads, population=5)
    known = make_setup(nodes, [costing(0.1)], population=5)
    known.replace(overheads=known.scenario.overheads.model_copy(update={"host_cores": 2})).save(folder)
    events = [slowed(event, slower) for event in simulate_log(true, "fusion+fifo", seed)]
    with LogWriter(folder / LOG_NAME) as log:
        for event in events:
            log.write(event)


def costing(part: float) -> ProfileRow:
    return profile_row(seconds=1.0).model_copy(update={cost: part * seconds for cost, seconds in COSTS.items()})


def slowed(event: Event, factor: float) -> Event:
    """As on a machine whose evaluations take so many times as long; the log is that of a real
    run."""
    if isinstance(event, RunStarted):
        return replace(event, backend="ray")
    if isinstance(event, SegmentEnded):
        return replace(event, parts=replace(event.parts, evaluate_s=event.parts.evaluate_s * factor))
    return event


def test_the_costs_of_the_runs_are_found(runs: Path) -> None:
    fitted = fit_profile([runs])
    [row] = fitted.calibration.rows
    assert row.seconds_per_iteration == pytest.approx(1.0)
    for cost, seconds in COSTS.items():
        assert getattr(row, cost) == pytest.approx(seconds)
    assert fitted.calibration.latency_s == pytest.approx(0.25)
    assert fitted.calibration.host_cores == 2


def test_a_cost_says_on_how_many_segments_it_rests(runs: Path) -> None:
    [rests] = fit_profile([runs]).rests
    assert rests.start_up == 3 * 2
    assert rests.evaluation == rests.checkpoint == rests.dispatch == 3 * 5 * 2
    assert rests.step == rests.evaluation - rests.start_up
    assert 0 < rests.restore < rests.evaluation


def test_a_run_that_was_left_out_is_foretold_by_the_others(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation under the seed of a run copies as the run did; others need not."""
    monkeypatch.setattr("hetsched.studies.fidelity.errors.PREDICTIONS", 1)
    fitted = fit_profile([runs])
    assert fitted.runs == ["seed-0", "seed-1", "seed-2"]
    for one in fitted.held_out:
        assert one.before[0] < -10
        assert one.after == pytest.approx((0.0, 0.0), abs=0.1)
    assert fitted.mean_absolute is not None
    before, after = fitted.mean_absolute
    assert before > 10 > 0.1 > after


def test_a_run_that_was_disturbed_does_not_shift_the_costs(runs: Path, simulate_log: Simulate) -> None:
    write_run(runs / "seed-3", simulate_log, 3, slower=50.0)
    [row] = fit_profile([runs]).calibration.rows
    assert row.evaluation_s_per_image == pytest.approx(COSTS["evaluation_s_per_image"])


def test_a_run_that_no_other_is_like_is_not_foretold(runs: Path) -> None:
    fitted = fit_profile([runs / "seed-0"])
    assert [one.after for one in fitted.held_out] == [None]
    assert fitted.mean_absolute is None


@pytest.mark.parametrize("others", [(), ("seed-1",)])
@pytest.mark.parametrize("lines", [1, 4, 12, -1])
def test_a_run_that_is_not_finished_is_refused(runs: Path, lines: int, others: tuple[str, ...]) -> None:
    """Its last segment is no makespan, and it may have no segment at all."""
    log = runs / "seed-0" / LOG_NAME
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:lines]))
    with pytest.raises(InputError, match="seed-0: the run is not finished"):
        fit_profile([runs / name for name in (*others, "seed-0")])


def test_a_run_is_not_foretold_by_itself(runs: Path, tmp_path: Path) -> None:
    """Neither by its name, nor by the folder above it, nor by a copy."""
    copytree(runs / "seed-0", tmp_path / "copy")
    for same in ([runs / "seed-0", runs / "seed-0"], [runs, runs / "seed-0"], [runs / "seed-0", tmp_path / "copy"]):
        with pytest.raises(InputError, match="seed-0 and (seed-0|copy) are one run: name it once"):
            fit_profile(same)


def test_what_is_no_real_run_is_refused(tmp_path: Path, simulate_log: Simulate) -> None:
    simulate_log(make_setup())
    with pytest.raises(InputError, match="expected a recording, or a folder with the .* of a real run"):
        fit_profile([tmp_path])


def test_the_command_writes_a_profile_for_scenarios(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fitted.csv"
    assert main(["fidelity", "--calibrate", str(runs)]) == 2
    assert main(["fidelity", "--calibrate", str(runs), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "overheads.latency_s = 0.25, overheads.host_cores = 2" in told
    noise = "noise of evaluation, start-up, restore and checkpoint: nothing, as the profile has none for resnet18"
    assert "\nassumed, as nobody measured it:\n  before: " in told
    assert f"\n  before: {noise} (3 of 3 runs)\n" in told, "the fitted profile has the noise of all"
    assert f"profile: {out}" in told
    [row] = read_profile(out)
    assert row.start_up_s == pytest.approx(COSTS["start_up_s"])
    assert row.provenance == "fitted to 3 real runs"
    assert main(["fidelity", "--calibrate", str(runs), "--out", str(out)]) == 2
    assert "no profile is overwritten" in capsys.readouterr().err


MINE = """
from hetsched import scheduling
from hetsched.scheduling.queueing.fifo import Fifo

@scheduling.register("mine")
class Mine(Fifo):
    "The scenario's own policy."
"""


def test_the_probes_of_a_plan_are_left_out(runs: Path) -> None:
    """Nobody knows their policy, which only measures."""
    log = runs / "seed-0" / LOG_NAME
    log.write_text(log.read_text().replace("fusion+fifo", "fusion+measure"))
    assert len(fit_profile([runs]).held_out) == 2


def test_the_runs_of_a_policy_of_the_scenarios_file_are_read(runs: Path) -> None:
    """The strategy was looked up before the file was run: nobody had such a policy."""
    for folder in runs.iterdir():
        (folder / "mine.py").write_text(MINE)
        scenario = folder / SCENARIO_NAME
        scenario.write_text(scenario.read_text().replace("policy_files = []", 'policy_files = ["mine.py"]'))
        log = folder / LOG_NAME
        log.write_text(log.read_text().replace("fusion+fifo", "fusion+mine"))
    fitted = fit_profile([runs])
    assert len(fitted.held_out) == 3
    assert "mine" not in scheduling.policies.names()
