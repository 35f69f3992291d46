"""Profiles: what is looked up, interpolated, unknown; what a bad file says."""

from pathlib import Path

import pytest

from hetsched.cluster import WorkerType
from hetsched.errors import InputError
from hetsched.profiles import StepTimes, read_profile, write_profile
from hetsched.scenario import Scenario, load
from hetsched.workload import TrialKind
from tests.conftest import profile_row

ONE, TWO = WorkerType("cpu", 1, 0.0), WorkerType("cpu", 2, 0.0)
V100 = WorkerType("v100", 0, 1.0)


def kind(batch_size: int) -> TrialKind:
    return TrialKind("resnet18", "cifar10", batch_size)


def test_linear_in_the_batch_size_between_measurements() -> None:
    times = StepTimes([profile_row(batch_size=32, seconds=1.0), profile_row(batch_size=64, seconds=3.0)])
    assert times.seconds_per_iteration(kind(32), ONE) == 1.0
    assert times.seconds_per_iteration(kind(48), ONE) == pytest.approx(2.0)


def test_amdahl_between_core_counts() -> None:
    # 1 + 3 / cores
    times = StepTimes([profile_row(cores=1, seconds=4.0), profile_row(cores=3, seconds=2.0)])
    assert times.seconds_per_iteration(kind(32), TWO) == pytest.approx(2.5)


def test_outside_the_measurements_is_unknown_unless_extrapolation_is_asked_for() -> None:
    rows = [profile_row(batch_size=32, seconds=1.0), profile_row(batch_size=64, seconds=3.0)]
    assert StepTimes(rows).seconds_per_iteration(kind(96), ONE) is None
    assert StepTimes(rows).seconds_per_iteration(kind(32), V100) is None
    assert StepTimes(rows, extrapolate=True).seconds_per_iteration(kind(96), ONE) == pytest.approx(5.0)


def test_a_pace_multiplies_the_profile() -> None:
    times = StepTimes([profile_row("v100", seconds=0.1)])
    assert times.seconds_per_iteration(kind(32), V100._replace(pace=3.0)) == pytest.approx(0.3)


def test_costs_that_were_not_measured_here_come_from_the_model_elsewhere() -> None:
    bare = profile_row(
        "v100",
        seconds=0.96,
        noise_cv=None,
        evaluation_s_per_image=None,
        start_up_s=None,
        restore_s=None,
        checkpoint_s=None,
    )
    costs = StepTimes([bare, profile_row(start_up_s=7.0)]).costs(kind(32), V100)
    assert costs.start_up_s == 7.0
    assert costs.evaluation_s_per_image == pytest.approx(0.96 / 32 / 3)
    assert StepTimes([bare]).costs(kind(32), V100).start_up_s == 0.0


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [profile_row(seconds=0.1 + 0.2), profile_row("v100", noise_cv=None)]
    write_profile(tmp_path / "p.csv", rows)
    assert read_profile(tmp_path / "p.csv") == rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("checkpoint_s", "checkpoints"), "column 'checkpoint_s' is missing"),
        (lambda text: text.replace(",4.5,", ",-4.5,"), "p.csv:2: seconds_per_iteration: .*greater than or equal"),
        (lambda text: text.replace(",4.5,", ",fast,"), "p.csv:2: seconds_per_iteration: .*valid number"),
        (lambda text: text.replace(",4.5,", ",inf,"), "p.csv:2: seconds_per_iteration: .*finite"),
        (lambda text: text.replace(",cpu,1,", ",cpu,0,"), "p.csv:2: .*cpu row has cores"),
        (lambda text: text + text.splitlines()[1] + "\n", "p.csv:3: .*measured in line 2 already"),
        (lambda text: text.splitlines()[0] + "\n", "has no rows"),
        (lambda text: "\0", "p.csv: not a"),
    ],
)
def test_a_bad_profile_names_file_line_and_column(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "p.csv"
    write_profile(path, [profile_row(seconds=4.5)])
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read_profile(path)


ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("path", sorted((ROOT / "sim" / "data").glob("*.csv")), ids=lambda path: path.stem)
def test_every_shipped_row_has_a_provenance(path: Path) -> None:
    for row in read_profile(path):
        assert row.provenance.startswith(("measured 20", "published: "))


def test_published_rows_keep_the_two_resnets_apart() -> None:
    rows = read_profile(ROOT / "sim" / "data" / "gavel-osdi20.csv")
    assert {(row.model, row.dataset) for row in rows} == {("resnet18-cifar", "cifar10"), ("resnet50", "imagenet")}
    assert {row.device for row in rows} == {"k80", "p100", "v100"}
    assert all("simulation_throughputs" in row.provenance for row in rows)  # Gavel published two tables that differ


def test_shipped_cpu_figures_are_plausible() -> None:
    times = StepTimes(read_profile(ROOT / "sim" / "data" / "cpu-epyc.csv"))
    for model, dataset in (("resnet18", "cifar10"), ("resnet50", "cifar100"), ("resnet18-cifar", "cifar10")):
        for batch in (32, 64, 128, 256, 512):
            one = times.seconds_per_iteration(TrialKind(model, dataset, batch), ONE)
            two = times.seconds_per_iteration(TrialKind(model, dataset, batch), TWO)
            assert one is not None and two is not None
            assert 1.0 < one / two < 2.3


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    assert isinstance(load(path), Scenario)
