"""The command line on Ray: small runs on synthetic images, and on CIFAR-10 where this machine has it."""

import json
import os
import pty
import signal
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")

from tensorboardX.proto.event_pb2 import Event as EventProto

from hetsched.core.events import Event, SegmentEnded, TrialExploited
from hetsched.core.log import read_log
from hetsched.core.state import replay
from hetsched.scenario.profile_files import read_profile, write_profile
from tests.conftest import profile_row

pytestmark = pytest.mark.on_ray

ROOT = Path(__file__).parent.parent
POLICY = ROOT / "examples" / "my_policy.py"

SCENARIO = """
name = "tiny"
strategies = ["fusion+hrfs"]

[profile]
sources = ["p.csv"]

[[cluster.nodes]]
name = "a"
cores = 1
pace = true

[[cluster.nodes]]
name = "b"
cores = 1
gpus = 1
gpu_type = "v100"
pace = true

[[workload.experiments]]
name = "e"
dataset = "synthetic"
batch_size = 8
population = 5
stop_iterations = 12
evaluation_images = 40
train_images = 80
pbt = { perturbation_interval = 4, quantile_fraction = 0.5 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [("cpu", 0.1), ("v100", 0.05)]
    write_profile(tmp_path / "p.csv", [profile_row(d, seconds=s, dataset="synthetic", batch_size=8) for d, s in rows])
    (tmp_path / "s.toml").write_text(SCENARIO)
    return tmp_path


def hetsched(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "hetsched.cli", *arguments]
    done = subprocess.run(run, capture_output=True, text=True, cwd=folder, timeout=600)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def document(folder: Path, *arguments: str) -> Any:
    """Run a command with --json; stdout must be one JSON document, whatever Ray prints."""
    return json.loads(hetsched(folder, *arguments, "--json").stdout)


def test_a_policy_of_ones_own_runs_in_both_backends_unchanged(folder: Path) -> None:
    options = ["--strategy", "fusion+soonest", "--policy-file", str(POLICY), "--seed", "5000000000"]
    hetsched(folder, "simulate", "s.toml", *options, "--out", "simulated")
    more = ["--repeat", "2", "--out", "measured", "--report-interval", "0.2"]
    done = hetsched(folder, "run", "s.toml", *options, *more)
    assert "running fusion+soonest, seed 5000000001 (paced): starting Ray" in done.stderr
    assert " trials completed, " in done.stderr and " x the bound of " in done.stderr
    assert "run on Ray Tune (paced, synthetic data)" in done.stdout
    averages = (folder / "measured" / "Running_Results.txt").read_text()
    assert "repetitions = 2" in averages and "(paced)" in averages
    for out, backend, seeds in (("simulated", "sim", [5000000000]), ("measured", "ray", [5000000000, 5000000001])):
        found = json.loads((folder / out / "summary.json").read_text())
        assert found["strategy"] == "fusion+soonest"
        assert found["paced"] and found["synthetic"]
        for run, seed in zip(found["runs"], seeds, strict=True):
            assert (run["completed"], run["iterations"], run["seed"]) == (5, 60, seed)
            state = replay(read_log(folder / run["log"]))
            assert state.snapshot() == run["state"]
            assert state.run is not None and state.run.backend == backend


def test_validate_prints_predicted_against_measured(folder: Path) -> None:
    found = document(folder, "validate", "s.toml", "--out", "out")
    assert found["paced"] and found["synthetic"]
    figures = found["strategies"]["fusion+hrfs"]
    makespan = figures["makespan_s"]
    error = 100 * (makespan["predicted"] - makespan["measured"]) / makespan["measured"]
    assert makespan["error_percent"] == pytest.approx(error)
    assert set(figures["workers"]) == {"a/cpu0", "b/gpu0"}
    for worker in figures["workers"].values():
        assert set(worker) == {"utilisation", "segments"}
    measured = folder / "out" / "measured" / "fusion+hrfs" / "seed-0" / "events.jsonl"
    assert figures["measured_makespans_s"] == [
        max(event.time for event in read_log(measured) if isinstance(event, SegmentEnded))
    ]
    assert json.loads((folder / "out" / "summary.json").read_text())["strategies"] == found["strategies"]
    again = document(folder, "replay", str(measured.parent))
    assert again["alike"] == again["decisions"] > 0


def test_cifar10_is_trained_with_pbt(folder: Path, cifar10: Path) -> None:
    text = SCENARIO.replace('"synthetic"', '"cifar10"').replace("train_images = 80", "train_images = 500")
    (folder / "s.toml").write_text(text)
    rows = [profile_row("cpu", seconds=0.1, batch_size=8), profile_row("v100", seconds=0.05, batch_size=8)]
    write_profile(folder / "p.csv", rows)
    options = ["--strategy", "fusion+least-progress", "--data-dir", str(cifar10), "--tensorboard"]
    found = document(folder, "run", "s.toml", *options)
    events = list(read_log(folder / found["runs"][0]["log"]))
    assert any(isinstance(event, TrialExploited) for event in events)
    assert not found["synthetic"]
    assert_tensorboard_has(events, folder / found["folder"] / "tune")


def assert_tensorboard_has(events: Iterable[Event], logs: Path) -> None:
    """A file a trial, with the score that every segment of it came to, over the trial's iterations."""
    scores: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for event in events:
        if isinstance(event, SegmentEnded):
            before = scores[event.trial][-1][0] if scores[event.trial] else 0
            scores[event.trial].append((before + event.iterations, event.score))
    shown = {}
    for trial in scores:
        [file] = (logs / trial).glob("events.out.tfevents.*")
        records = [entry for entry in tfrecords(file) if entry.summary.value]
        shown[trial] = [
            (entry.step, pytest.approx(value.simple_value))
            for entry in records
            for value in entry.summary.value
            if value.tag == "ray/tune/accuracy"
        ]
    assert scores == shown


def tfrecords(path: Path) -> Iterator[Any]:
    """What a TensorBoard file says. A record is its length, 4 bytes, its content, 4 bytes."""
    content = path.read_bytes()
    while content:
        [length] = struct.unpack_from("<Q", content)
        yield EventProto.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_what_cannot_run_here_is_status_2(folder: Path) -> None:
    (folder / "s.toml").write_text(SCENARIO.replace("pace = true", ""))
    done = hetsched(folder, "run", "s.toml", "--strategy", "fusion+hrfs", "--out", "out", status=2)
    assert "'b' needs 1 v100 GPUs" in done.stderr
    assert not (folder / "out").exists()
    (folder / "s.toml").write_text(SCENARIO.replace('"synthetic"', '"cifar11"'))
    done = hetsched(folder, "run", "s.toml", "--strategy", "fusion+hrfs", status=2)
    assert "did you mean 'cifar10'?" in done.stderr


def test_ctrl_c_in_a_terminal_keeps_the_log(folder: Path) -> None:
    (folder / "s.toml").write_text(SCENARIO.replace("stop_iterations = 12", "stop_iterations = 400"))
    run = [sys.executable, "-m", "hetsched.cli", "run", "s.toml", "--strategy", "fusion+fifo", "--out", "out"]
    terminal, errors = pty.openpty()
    process = subprocess.Popen(run, cwd=folder, stderr=errors, start_new_session=True)
    os.close(errors)
    log, seen = folder / "out" / "events.jsonl", b""
    while process.poll() is None and not (log.exists() and "segment-ended" in log.read_text()):
        seen += os.read(terminal, 10_000)  # it is drawn twice a second
    process.send_signal(signal.SIGINT)
    with suppress(OSError):  # so ends a terminal that nobody writes to any more
        while more := os.read(terminal, 10_000):
            seen += more
    assert process.wait(timeout=60) == 130
    shown = seen.decode()
    assert "utilisation" in shown and "a/cpu0" in shown
    assert "interrupted" in shown and "Traceback" not in shown
    assert replay(read_log(log)).ended == "interrupted"


def test_profile_measures_this_machine(folder: Path) -> None:
    options = ["--models", "resnet18", "--batch-sizes", "8", "16", "--seconds", "0.5", "--out", "new.csv"]
    found = document(folder, "profile", *options)
    rows = read_profile(folder / "new.csv")
    assert [row.model_dump() for row in rows] == found["rows"]
    assert [(row.batch_size, row.device, row.cores) for row in rows] == [(8, "cpu", 1), (16, "cpu", 1)]
    assert hetsched(folder, "profile", "--cores", "4096", "--out", "no.csv", status=2).stderr.count("4096") == 1
    assert hetsched(folder, "profile", "--models", "resnet19", "--out", "no.csv", status=2).stderr
    assert not (folder / "no.csv").exists()
