"""The command line on Ray: small runs of a stand-in, and one of ResNet-18, on CIFAR-10 where this
machine has it."""

import json
import os
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event as EventProto  # type: ignore[import-untyped]

from hetsched.cli.main import main
from hetsched.core.events import Event, SegmentEnded, TrialExploited
from hetsched.core.log import read_log
from hetsched.core.state import state_of
from hetsched.scenario.profile_files import read_profile
from real.cluster import ray_cluster
from tests.on_ray.conftest import NODES, PACE_S, ROOT, STOP, A, B, small_scenario

POLICY = ROOT / "examples" / "my_policy.py"
POPULATION = 3


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands run; it has `scenario.toml`."""
    small_scenario(place="both").save(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hetsched(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    run = [sys.executable, "-m", "hetsched", *arguments]
    done = subprocess.run(run, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_a_policy_of_ones_own_runs_in_both_backends_unchanged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--strategy", "test-core-per-node+soonest", "--policy-file", str(POLICY), "--seed", "5000000000"]
    assert main(["simulate", "scenario.toml", *options, "--out", "simulated"]) == 0
    more = ["--repeat", "2", "--out", "measured", "--report-interval", "0.2"]
    assert main(["run", "scenario.toml", *options, *more]) == 0
    shown = capsys.readouterr()
    assert "running test-core-per-node+soonest, seed 5000000001 (paced): starting Ray" in shown.err
    assert " trials completed, " in shown.err and " x the bound of " in shown.err
    assert "run on Ray Tune (paced, synthetic data)" in shown.out
    averages = (folder / "measured" / "Running_Results.txt").read_text()
    assert "repetitions = 2" in averages and "(paced)" in averages
    for out, backend, seeds in (("simulated", "sim", [5000000000]), ("measured", "ray", [5000000000, 5000000001])):
        found = json.loads((folder / out / "summary.json").read_text())
        assert found["strategy"] == "test-core-per-node+soonest"
        assert found["paced"] and found["synthetic"]
        for run, seed in zip(found["runs"], seeds, strict=True):
            assert (run["completed"], run["iterations"], run["seed"]) == (POPULATION, POPULATION * STOP, seed)
            state = state_of(read_log(folder / run["log"]))
            assert state.snapshot() == run["state"]
            assert state.run is not None and state.run.backend == backend


def test_validate_prints_predicted_against_measured(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "scenario.toml", "--strategies", "test-core-per-node+hrfs", "--out", "out", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["paced"] and found["synthetic"]
    figures = found["strategies"]["test-core-per-node+hrfs"]
    makespan = figures["makespan_s"]
    error = 100 * (makespan["predicted"] - makespan["measured"]) / makespan["measured"]
    assert makespan["error_percent"] == pytest.approx(error)
    assert set(figures["workers"]) == {A, B}
    for worker in figures["workers"].values():
        assert set(worker) == {"utilisation", "segments"}
    measured = folder / "out" / "measured" / "test-core-per-node+hrfs" / "seed-0" / "events.jsonl"
    assert figures["measured_makespans_s"] == [
        max(event.time for event in read_log(measured) if isinstance(event, SegmentEnded))
    ]
    assert [(steps["worker"], steps["paced"]) for steps in figures["steps"]] == [("1 cpu, paced x1", True)]
    assert json.loads((folder / "out" / "summary.json").read_text())["strategies"] == found["strategies"]
    assert main(["replay", str(measured.parent), "--json"]) == 0
    again = json.loads(capfd.readouterr().out)
    assert again["alike"] == again["decisions"] > 0


def test_a_machine_that_is_too_slow_is_told_of_at_once_and_at_the_end(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Steps take 0.1 s; the pace of `a` and the profile of `b`, which has no pace, say 0.05 s.

    Nodes are as large as those of all other tests, since another cluster would have to start.
    """
    nodes = [NODES[0], {"name": "b", "cores": 1}]
    small_scenario(nodes, model="slow-stand-in", place="both").save(folder)
    assert main(["run", "scenario.toml", "--strategy", "test-core-per-node+test-staying", "--out", "out"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count(f"worker {A} cannot hold its pace: ") == 1
    assert f"worker {B}" not in shown.err
    ended = [event for event in read_log(folder / "out" / "events.jsonl") if isinstance(event, SegmentEnded)]
    assert {event.worker for event in ended if event.late_s > 0} == {A}
    paced, unpaced = json.loads((folder / "out" / "summary.json").read_text())["steps"]
    if not paced["paced"]:  # the worker that ended a segment first comes first
        paced, unpaced = unpaced, paced
    assert paced["late_segments"] == paced["segments"] == sum(event.worker == A for event in ended)
    assert paced["late_s"] == pytest.approx(sum(event.late_s for event in ended))
    assert paced["factor"] == pytest.approx(paced["measured_s"] / PACE_S["cpu"], rel=0.01) and paced["factor"] >= 2
    assert unpaced["factor"] == pytest.approx(unpaced["measured_s"] / PACE_S["cpu"]) and unpaced["factor"] >= 2
    averages = (folder / "out" / "Running_Results.txt").read_text()
    for text in (shown.out, averages):
        assert f"could not hold its pace in {paced['segments']} of {paced['segments']} segments" in text
        assert "set real.time_scale to at least " in text
        assert f"1 cpu: measured {unpaced['factor']:.2g} x" in text and "run hetsched validate" in text


@pytest.mark.exhaustive
def test_validate_says_who_was_late(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    small_scenario(model="slow-stand-in", place="both").save(folder)
    assert main(["validate", "scenario.toml", "--strategies", "test-core-per-node+fifo", "--out", "out"]) == 0
    shown = capsys.readouterr().out
    assert "step on 1 cpu, paced x1 [s]" in shown and "asked: 0.05" in shown and "% late" in shown
    assert "could not hold its pace" in shown and "could not hold" in (folder / "out/Running_Results.txt").read_text()


def test_resnet_is_trained_with_pbt(folder: Path) -> None:
    """From the command line to TensorBoard, and stdout has one JSON document, whatever Ray and
    torch print."""
    data = os.environ.get("HETSCHED_CIFAR10")
    dataset = "cifar10" if data else "synthetic"
    node = {"name": "a", "cores": 1, "pace": 1.0}  # one process that imports torch and decodes images is enough
    small_scenario([node], model="resnet18", dataset=dataset, train_images=500, population=4, place="both").save(folder)
    options = ["--strategy", "fusion+least-progress", "--tensorboard", "--json"]
    done = hetsched("run", "scenario.toml", *options, *(["--data-dir", data] if data else []))
    found = json.loads(done.stdout)
    events = list(read_log(folder / found["runs"][0]["log"]))
    assert any(isinstance(event, TrialExploited) for event in events)
    assert found["synthetic"] == (dataset == "synthetic")
    assert_tensorboard_has(events, folder / found["folder"] / "tune")


def assert_tensorboard_has(events: Iterable[Event], logs: Path) -> None:
    """A file a trial, with the score that every segment of it came to, over the trial's
    iterations."""
    scores: defaultdict[str, list[tuple[int, float | None]]] = defaultdict(list)
    for event in events:
        if isinstance(event, SegmentEnded):
            before = scores[event.trial][-1][0] if scores[event.trial] else 0
            scores[event.trial].append((before + event.iterations, event.score))
    shown: dict[str, list[tuple[int, Any]]] = {}
    for trial in scores:
        [file] = (logs / trial).glob("events.out.tfevents.*")
        records = [entry for entry in tfrecords(file) if entry.summary.value]
        shown[trial] = [
            (entry.step, pytest.approx(value.simple_value))
            for entry in records
            for value in entry.summary.value
            if value.tag == "ray/tune/accuracy"
        ]
    assert dict(scores) == shown


def tfrecords(path: Path) -> Iterator[Any]:
    """What a TensorBoard file says. A record is its length, 4 bytes, its content, 4 bytes."""
    content = path.read_bytes()
    while content:
        [length] = struct.unpack_from("<Q", content)
        yield EventProto.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_what_cannot_run_here_is_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "_leave", lambda: None)  # the cluster that these tests share stays up
    small_scenario([{"name": "b", "cores": 1, "gpus": 1, "gpu_type": "v100"}]).save(folder)
    assert main(["run", "scenario.toml", "--strategy", "fusion+hrfs", "--out", "out"]) == 2
    assert "'b' needs 1 v100 GPU" in capsys.readouterr().err
    assert not (folder / "out").exists()
    small_scenario(model="resnet18", dataset="cifar11").save(folder)
    assert main(["run", "scenario.toml", "--strategy", "fusion+hrfs"]) == 2
    assert "did you mean 'cifar10'?" in capsys.readouterr().err


@pytest.mark.exhaustive  # tests/real/test_profiler.py measures the same point
def test_profile_measures_this_machine(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["--models", "resnet18", "--batch-sizes", "8", "--seconds", "0.2", "--out", "new.csv", "--json"]
    assert main(["profile", *options]) == 0
    found = json.loads(capfd.readouterr().out)
    rows = read_profile(folder / "new.csv")
    assert [row.model_dump() for row in rows] == found["rows"]
    assert [(row.batch_size, row.device, row.cores) for row in rows] == [(8, "cpu", 1)]


def test_profile_refuses_what_this_machine_lacks(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "--cores", "4096", "--out", "no.csv"]) == 2
    assert "4096" in capfd.readouterr().err
    assert main(["profile", "--models", "resnet19", "--out", "no.csv"]) == 2
    assert "did you mean 'resnet18'" in capfd.readouterr().err
    assert not (folder / "no.csv").exists()
