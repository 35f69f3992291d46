"""A value that no hetsched writes is named where the log is read: the file, the line, the field."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hetsched.cli.main import main
from hetsched.core.events import LOG_VERSION, Event, WorkerDraining, WorkerJoined, WorkerSlowed
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import state_of
from hetsched.domain.cluster import NodeId, Worker, WorkerId
from hetsched.errors import InputError
from tests.conftest import Simulate, make_setup
from tests.core.test_log import STARTED as OLDEST_START

CPU_WORKER: dict[str, Any] = {"id": "a/cpu0", "node": "a", "device": "cpu", "cores": 1}
GPU_WORKER = CPU_WORKER | {"device": "t4", "gpu_share": 1.0}
STARTED = OLDEST_START | {"log_version": LOG_VERSION}
START = {"event": "segment-started", "trial": "e-0", "worker": "a/cpu0", "iterations": 10, "segment": 1}
ADDED = {"event": "trial-added", "trial": "e-0", "experiment": "e", "batch_size": 32, "hyperparameters": {}}
SAMPLED = {"event": "resources-sampled", "node": "a", "cpu": 0.5, "memory_bytes": 1, "memory_total_bytes": 2}
LOST = {"event": "checkpoint-lost", "trial": "e-0", "iterations": 0, "score": None, "reason": "gone"}


def joined(worker: dict[str, Any], **fields: object) -> dict[str, Any]:
    return {"event": "worker-joined", "worker": worker | fields}


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (STARTED | {"seed": -1}, "$.seed"),
        (STARTED | {"time": -0.5}, "$.time"),
        (joined(CPU_WORKER, cores=0), "worker.cores: expected at least 1 of a cpu worker, got 0"),
        (joined(CPU_WORKER, cores=-1), "$.worker.cores"),
        (joined(CPU_WORKER, id=""), "$.worker.id"),
        (joined(CPU_WORKER, node=""), "$.worker.node"),
        (joined(CPU_WORKER, device=""), "$.worker.device"),
        (joined(CPU_WORKER, pace=0.0), "$.worker.pace"),
        (joined(GPU_WORKER, gpu_share=0.0), "worker.gpu_share: expected above 0 of a GPU worker, got 0"),
        (joined(GPU_WORKER, gpu_memory_gib=-1.0), "$.worker.gpu_memory_gib"),
        ({"event": "worker-slowed", "worker": "a/cpu0", "factor": 0.0}, "$.factor"),
        (ADDED | {"batch_size": 0}, "$.batch_size"),
        (ADDED | {"trial": ""}, "$.trial"),
        (ADDED | {"experiment": ""}, "$.experiment"),
        (START | {"iterations": 0}, "$.iterations"),
        (START | {"segment": -1}, "$.segment"),
        (START | {"others": [""]}, "$.others[0]"),
        (LOST | {"iterations": -1}, "$.iterations"),
        (SAMPLED | {"memory_total_bytes": -1}, "$.memory_total_bytes"),
        (SAMPLED | {"cpu": -0.1}, "$.cpu"),
    ],
)
def test_a_value_beyond_its_limits_is_named(event: dict[str, Any], field: str, tmp_path: Path) -> None:
    log = tmp_path / LOG_NAME
    log.write_text("".join(json.dumps({"time": 0.0} | line) + "\n" for line in (STARTED, event)))
    with pytest.raises(InputError, match=rf"{LOG_NAME}:2: not an event of a hetsched log: .*{re.escape(field)}"):
        list(read_log(log))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("population", 0),
        ("stop_iterations", 0),
        ("batch_sizes", []),
        ("batch_sizes", [-32]),
        ("gang", 0),
        ("checkpoint_interval", 0),
        ("evaluation_images", -1),
        ("arrival_s", -1.0),
        ("id", ""),
    ],
)
def test_so_is_a_value_of_an_experiment(name: str, value: object, simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_setup())
    log = tmp_path / "run-1" / LOG_NAME
    events = [json.loads(line) for line in log.read_text().splitlines()]
    [at] = [number for number, event in enumerate(events) if event["event"] == "experiment-arrived"]
    events[at]["experiment"][name] = value
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    with pytest.raises(InputError, match=rf"{LOG_NAME}:{at + 1}: .*\$.experiment.{name}"):
        list(read_log(log))


@pytest.mark.parametrize(("kind", "alter"), [("run-started", '"seed":-1'), ("worker-joined", '"cores":0')])
def test_commands_end_in_one_line(
    kind: str, alter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They ended in a ValueError of NumPy and a ZeroDivisionError. Or the policy was accused."""
    monkeypatch.chdir(tmp_path)
    assert main(["simulate", "demo", "--strategy", "fusion+fifo", "--out", "out"]) == 0
    [log] = tmp_path.rglob(LOG_NAME)
    lines = log.read_text().splitlines()
    [at, *_] = [
        number for number, line in enumerate(lines) if f'"{kind}"' in line and ("cpu" in line or "seed" in line)
    ]
    lines[at] = re.sub(rf"{alter.partition(':')[0]}:\d+", alter, lines[at])
    log.write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    for command in (["replay", "out"], ["report", "out"], ["watch", "out"]):
        assert main(command) == 2
        [told] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hetsched: ")]
        assert f"{LOG_NAME}:{at + 1}: not an event of a hetsched log: " in told
        assert alter.split('"')[1] in told


def test_no_worker_joins_that_could_not_train() -> None:
    with pytest.raises(ValueError, match="cores: expected at least 1"):
        WorkerJoined(0.0, Worker(WorkerId("a/cpu0"), NodeId("a"), "cpu", 0))


@pytest.mark.parametrize(
    "event",
    [WorkerSlowed(0.0, WorkerId("zzz"), 2.0), WorkerDraining(0.0, WorkerId("zzz"), 9.0, "it is sold")],
    ids=lambda event: type(event).__name__,
)
def test_only_a_worker_that_is_there_slows_down_or_drains(event: Event) -> None:
    """The report of a run ended in a KeyError."""
    worker = Worker(WorkerId("a/cpu0"), NodeId("a"), "cpu", 1)
    with pytest.raises(InputError, match=f"line 2 of the log: {type(event).__name__} of 'zzz' does not follow"):
        state_of([WorkerJoined(0.0, worker), event])
    state_of([WorkerJoined(0.0, worker), replace(event, worker=worker.id)])


@pytest.mark.parametrize(("field", "value"), [("score", 1e308), ("parts", {"train_s": 1e308})])
def test_figures_whose_sums_overflow_are_refused(
    field: str, value: Any, simulate_log: Simulate, tmp_path: Path
) -> None:
    """Reports and exports ended in an OverflowError."""
    simulate_log(make_setup())
    log = tmp_path / "run-1" / LOG_NAME
    events = [json.loads(line) for line in log.read_text().splitlines()]
    at = next(number for number, event in enumerate(events) if event["event"] == "segment-ended")
    events[at][field] = events[at][field] | value if isinstance(value, dict) else value
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    with pytest.raises(InputError, match=rf"{LOG_NAME}:{at + 1}: .*Expected `float` <= .*\$.{field}"):
        list(read_log(log))
