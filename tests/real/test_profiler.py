"""Measuring this machine."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

pytest.importorskip("torch")

from hetsched.cli.main import main
from hetsched.cores import available_cores
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import HetschedError
from hetsched.scenario.profile_files import read_profile, write_profile
from real.measuring import profiler
from real.measuring.one_point import Point, command, environment
from real.measuring.profiler import ProfileError, _measured_apart, _pooled, device_type, measure
from real.training.models import MODELS
from tests.conftest import profile_row

STAND_IN = Path(__file__).parents[1] / "on_ray" / "stand_in.py"


def test_a_point_is_measured_and_can_be_stored(tmp_path: Path) -> None:
    arrived: list[ProfileRow] = []
    rows = measure(["resnet18"], [8], [1], seconds_per_point=0.2, on_row=arrived.append)
    (row,) = rows
    assert arrived == rows  # a single point has nothing to be pooled with
    assert (row.model, row.dataset, row.batch_size) == ("resnet18", "cifar10", 8)
    assert (row.device, row.cores, row.gpu_share) == ("cpu", 1, 0.0)
    assert 0.002 < row.seconds_per_iteration < 5
    assert 0 < (row.evaluation_s_per_image or 0) < row.seconds_per_iteration
    assert 0.2 < (row.start_up_s or 0) < 120
    assert 0 < (row.checkpoint_s or 0) < 60
    assert 0 < (row.restore_s or 0) < 60
    for cv in (row.evaluation_cv, row.restore_cv, row.checkpoint_cv):
        assert cv is not None and 0 < cv < 3
    assert row.start_up_cv is None  # one start says nothing about their spread
    assert 2 * 44e6 < (row.checkpoint_bytes or 0) < 2 * 46e6  # 11.2 million parameters and their momentum, 4 bytes each
    assert 0 < (row.object_store_save_s or 0) < 10
    assert 0 < (row.object_store_restore_s or 0) < 10
    if len(available_cores()) > 1:
        assert 1 <= (row.sharing or 0) < 10
    else:
        assert row.sharing is None
    assert row.provenance.startswith("measured 20")
    assert "1 of " in row.provenance
    write_profile(tmp_path / "profile.csv", rows)
    assert read_profile(tmp_path / "profile.csv") == rows


@pytest.mark.exhaustive
def test_a_model_of_ones_own_is_measured(tmp_path: Path) -> None:
    """The measuring process did not have the file."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\nfrom real.training.models import register\n\n"
        "@register('linear-here')\ndef linear(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3072, classes))\n"
    )
    try:
        (row,) = measure(["linear-here"], [8], [1], seconds_per_point=0.05, model_file=tmp_path / "mine.py")
    finally:
        MODELS.pop("linear-here", None)
    assert (row.model, row.dataset) == ("linear-here", "cifar10")
    assert 0 < row.seconds_per_iteration < 1
    assert 2 * 3072 * 10 * 4 < (row.checkpoint_bytes or 0) < 3 * 3072 * 10 * 4  # weights and their momentum


def test_the_process_that_measures_gets_the_file_of_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command knew the model, and this process did not."""
    handed: list[Path | None] = []

    def stop(point: Point) -> NoReturn:
        handed.append(None if point.model_file is None else Path(point.model_file))
        raise HetschedError("enough")

    monkeypatch.setattr(profiler, "_measured_apart", stop)
    with pytest.raises(HetschedError, match="enough"):
        measure(["stand-in"], [8], [1], dataset="synthetic", model_file=STAND_IN)
    assert handed == [STAND_IN]


@pytest.mark.exhaustive
def test_a_trainer_of_ones_own_is_measured() -> None:
    (row,) = measure(["stand-in"], [8], [1], dataset="synthetic", seconds_per_point=0.05, model_file=STAND_IN)
    assert (row.model, row.dataset) == ("stand-in", "synthetic")
    assert 2**21 <= (row.checkpoint_bytes or 0) < 2**22


NO_RESULT = "cannot measure stand-in .*: it printed no result: does the trainer end"


@pytest.mark.exhaustive  # what follows ends as this does
@pytest.mark.parametrize("end", ["os._exit(0)", "print('bye', flush=True); os._exit(0)"])
def test_a_trainer_that_ends_the_measuring_process_is_named(end: str, tmp_path: Path) -> None:
    ending = STAND_IN.read_text().replace("@trainers.register", f"import os; {end}\n@trainers.register", 1)
    (tmp_path / "mine.py").write_text(ending)
    with pytest.raises(ProfileError, match=NO_RESULT):
        _measured_apart(stand_in_point(str(tmp_path / "mine.py")))


@pytest.mark.parametrize("code", ["", "print('bye')"])
def test_a_measuring_process_without_a_result_is_named(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("real.measuring.profiler.command", lambda *_: [sys.executable, "-c", code])
    with pytest.raises(ProfileError, match=NO_RESULT):
        _measured_apart(stand_in_point(None))


def stand_in_point(model_file: str | None) -> Point:
    return Point("stand-in", "synthetic", 8, "cpu", [0], [], 0.05, 1, 0.0, model_file=model_file)


def test_a_file_without_models_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text("def mine(classes): ...\n")
    words = ["--models", "mine", "--model-file", str(tmp_path / "mine.py"), "--out", str(tmp_path / "new.csv")]
    assert main(["profile", *words]) == 2
    assert "mine.py: registers no model; put @register(NAME) before the function" in capsys.readouterr().err


def a_row(**figures: Any) -> ProfileRow:
    """The figures are those that do not depend on the batch size."""
    nothing = dict.fromkeys(("object_store_save_s", "object_store_restore_s", "evaluation_cv", "restore_cv"), 0.0)
    return profile_row(**{**nothing, "checkpoint_cv": 0.0, **figures})


def test_what_does_not_depend_on_the_batch_size_is_pooled() -> None:
    starts, restores = (2.0, 3.0, 4.0), (0.3, 0.0, 0.4)
    rows = [
        a_row(batch_size=batch, start_up_s=start, restore_cv=cv, sharing=sharing)
        for batch, start, cv, sharing in zip((8, 16, 32), starts, restores, (1.25, None, None), strict=True)
    ]
    for row in _pooled(rows):
        assert row.start_up_s == 3.0
        assert row.start_up_cv == pytest.approx(1 / 3, abs=1e-4)
        assert row.restore_cv == pytest.approx((0.25 / 3) ** 0.5, abs=1e-4)
        assert row.sharing == 1.25
    assert [row.start_up_cv for row in _pooled(rows[:2])] == [None, None]


def test_a_neighbour_ends_with_the_process_that_it_is_beside() -> None:
    """Even if that process was killed, and could not end it."""
    cores = available_cores()[:1]
    point = Point("resnet18", "cifar10", 2, "cpu", cores, [], seconds=0.1, least_iterations=1, started=0.0)
    code = f"import subprocess, time; subprocess.Popen({command('neighbour', point)}); time.sleep(99)"
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment(point), stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "training\n"
    parent.kill()
    parent.communicate(timeout=30.0)  # returns when the neighbour, too, has let go of the pipe


def test_more_cores_than_there_are_is_an_error() -> None:
    many = (os.cpu_count() or 1) + 1
    with pytest.raises(ValueError, match=f"--cores {many}: this machine offers"):
        measure(["resnet18"], [8], [1, many])


def test_numbers_must_be_positive() -> None:
    with pytest.raises(ValueError, match=r"batch_sizes is \[0\]"):
        measure(["resnet18"], [0], [1])
    with pytest.raises(ValueError, match=r"cores is \[\]: expected"):
        measure(["resnet18"], [8], [])


def test_unknown_names_are_refused_before_anything_is_measured() -> None:
    with pytest.raises(ValueError, match="unknown model 'resnet81': did you mean 'resnet18'"):
        measure(["resnet81"], [8], [1])
    with pytest.raises(ValueError, match="unknown dataset 'cifar11': did you mean 'cifar10"):
        measure(["resnet18"], [8], [1], dataset="cifar11")


def test_a_failing_point_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(ProfileError, match="cannot measure resnet18 with batch size 8 on cpu with 1 core: .*status 1"):
        measure(["resnet18"], [8], [1])


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Tesla V100-SXM2-16GB", "v100"),
        ("NVIDIA A100 80GB PCIe", "a100"),
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("Tesla K80", "k80"),
        ("NVIDIA GeForce RTX 3090", "rtx-3090"),
        ("NVIDIA RTX A6000", "rtx-a6000"),
        ("NVIDIA H200", "h200"),
    ],
)
def test_gpu_names_become_device_types(name: str, short: str) -> None:
    assert device_type(name) == short


def test_the_shipped_profile_is_plausible() -> None:
    """More cores are faster, larger batches take longer, and the stems differ as they should."""
    rows = read_profile(Path(__file__).parents[2] / "sim/data/cpu-epyc.csv")
    seconds = {(row.model, row.cores, row.batch_size): row.seconds_per_iteration for row in rows}
    assert len(seconds) == len(rows)
    for (model, cores, batch), time in seconds.items():
        if cores > 1:
            assert time < seconds[model, 1, batch]
        if batch > 32:
            # More than twice is possible: glibc maps memory of more than 32 MiB anew at every use.
            assert 1.4 < time / seconds[model, cores, batch // 2] < 2.8
    assert seconds["resnet18-cifar", 1, 256] > 5 * seconds["resnet18", 1, 256]
