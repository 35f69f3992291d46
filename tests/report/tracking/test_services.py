"""Trackers of services, against their own libraries, without a network."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.core.events import SegmentEnded
from hetsched.core.log import LOG_NAME, read_log

RUN = ["simulate", "demo", "--strategy", "fusion+hrfs", "--out", "run"]


def ends(trial: str) -> list[SegmentEnded]:
    """The segments of a trial that were finished in the run in `run`."""
    events = read_log(Path("run") / LOG_NAME)
    return [event for event in events if isinstance(event, SegmentEnded) and event.trial == trial]


@pytest.fixture
def mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a store of files."""
    pytest.importorskip("mlflow", reason="needs the extra 'tracking'")
    from mlflow.tracking import MlflowClient

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/store")
    return MlflowClient()


def test_a_run_is_at_mlflow(mlflow: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--track", "mlflow"]) == 0
    assert "hetsched: mlflow: experiment hetsched, run " in capsys.readouterr().err
    experiment = mlflow.get_experiment_by_name("hetsched")
    [run] = mlflow.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "demo fusion+hrfs seed 0")
    assert (run.data.params["strategy"], run.data.params["cifar/population"]) == ("fusion+hrfs", "20")
    [found] = hetsched.load_results("run").runs
    assert run.data.metrics["makespan_s"] == found.metrics.makespan_s
    assert run.data.tags["assumptions"].splitlines() == list(hetsched.load_results("run").assumptions) != []
    history = mlflow.get_metric_history(run.info.run_id, "cifar-00/accuracy")
    assert [point.value for point in history] == [event.score for event in ends("cifar-00")]
    assert mlflow.get_metric_history(run.info.run_id, "cifar-00/lr")[0].step == 0
    assert [file.path for file in mlflow.list_artifacts(run.info.run_id)] == ["report.html"]


def test_the_environment_names_the_experiment(mlflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
    assert main([*RUN, "--track", "mlflow"]) == 0
    assert mlflow.get_experiment_by_name("mine") is not None
    assert mlflow.get_experiment_by_name("hetsched") is None


def test_a_store_that_is_none_is_said_before_anything_runs(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "gopher://nowhere")
    assert main([*RUN, "--track", "mlflow"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("hetsched: MLflow: ") and "MLFLOW_TRACKING_URI names its server" in message
    assert not Path("run").exists()


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of runs that stay on the disk."""
    pytest.importorskip("wandb", reason="needs the extra 'tracking'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    return tmp_path / "wandb"


def test_a_run_is_at_wandb(wandb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--track", "wandb"]) == 0
    assert "hetsched: wandb: " in capsys.readouterr().err
    [home] = wandb.glob("offline-run-*")
    [report] = home.glob("files/media/html/report*.html")
    assert report.read_bytes() == Path("run/report.html").read_bytes()
    history, config, exit_code = recorded(next(home.glob("*.wandb")))
    for _ in range(100):  # another process writes the file
        if exit_code is not None:
            break
        time.sleep(0.1)
        history, config, exit_code = recorded(next(home.glob("*.wandb")))
    assert config["strategy"] == "fusion+hrfs" and exit_code == 0
    scores = [row["cifar-00/accuracy"] for row in history if "cifar-00/accuracy" in row]
    assert scores == [event.score for event in ends("cifar-00")]
    [said] = [row["assumptions"] for row in history if "assumptions" in row]
    assert said.splitlines() == list(hetsched.load_results("run").assumptions) != []
    assert history[0]["cifar-00/lr"] > 0 and history[0]["cifar-00/iterations"] == 0


def recorded(file: Path) -> tuple[list[dict[str, Any]], dict[str, Any], int | None]:
    """The rows, the configuration and the exit code (None: not yet) of a run that was kept on the
    disk."""
    from wandb.proto import wandb_internal_pb2 as format_

    rows: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    code: int | None = None
    for data in records(file.read_bytes()):
        record = format_.Record()  # type: ignore[attr-defined]
        record.ParseFromString(data)
        match record.WhichOneof("record_type"):
            case "history":
                items = record.history.item
                rows.append({"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items})
            case "run":
                config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
            case "exit":
                code = record.exit.exit_code
    return rows, config, code


def records(content: bytes) -> Iterator[bytes]:
    """Of a file of LevelDB's log format: blocks of 32 KiB of parts, each with checksum, length and
    type before it."""
    place, record = 7, b""
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", content, place + 4)
        record += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # the whole of a record, or its last part
            yield record
            record = b""
