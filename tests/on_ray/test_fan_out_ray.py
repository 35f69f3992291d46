"""Comparisons on a Ray cluster: the one that these tests share."""

import json
import subprocess
import sys
import time
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import ray

from hetsched.scenario.profile_files import write_profile
from real.cluster import ray_cluster
from tests.cli.test_main import POLICY, SCENARIO
from tests.conftest import ROWS
from tests.on_ray.conftest import small_scenario


@pytest.fixture(scope="module")
def address() -> str:
    """The address of a running cluster of two nodes."""
    ray_cluster.connect(small_scenario().cluster)
    return str(ray.get_runtime_context().gcs_address)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    (tmp_path / "mine.py").write_text(POLICY)
    return tmp_path


def compare(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "hetsched", "compare", "s.toml", *arguments]
    return subprocess.run(run, capture_output=True, text=True, cwd=folder, timeout=120)


def results(folder: Path) -> tuple[dict[str, bytes], Any]:
    """The logs, and the figures but for the time that policies took on this host."""
    logs = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("events.jsonl"))}
    strategies = json.loads((folder / "summary.json").read_text())["strategies"]
    for figures in strategies.values():
        del figures["decision_s"]
    return logs, strategies


def test_a_comparison_on_ray_has_the_logs_and_figures_of_one_core(folder: Path, address: str) -> None:
    options = ["--strategies", "fusion+newest-first", "fusion+hrfs", "--policy-file", "mine.py"]
    assert compare(folder, *options, "--jobs", "1", "--out", "here").returncode == 0
    away = compare(folder, *options, "--ray", address, "--out", "away", "--json")
    assert away.returncode == 0, away.stderr
    assert json.loads(away.stdout)["folder"] == "away"
    logs, strategies = results(folder / "here")
    assert len(logs) == 9
    assert results(folder / "away") == (logs, strategies)


def test_a_policy_that_fails_on_ray_is_status_1_and_named(folder: Path, address: str) -> None:
    (folder / "mine.py").write_text(POLICY.replace("state.interval(trial)", "10_000"))
    failed = compare(folder, "--strategies", "fusion+newest-first", "--policy-file", "mine.py", "--ray", address)
    assert failed.returncode == 1
    assert "policy 'newest-first' decided" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.exhaustive  # tests/real/test_clusters.py asks for such addresses in its own process
def test_an_address_without_a_cluster_is_status_2_and_quick(folder: Path) -> None:
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        for wrong in ("127.0.0.1:1", "nowhere", f"127.0.0.1:{silent.getsockname()[1]}"):
            began = time.monotonic()
            refused = compare(folder, "--ray", wrong)
            assert refused.returncode == 2, refused.stderr
            assert f"--ray {wrong}: no Ray cluster there" in refused.stderr
            assert "Traceback" not in refused.stderr
            assert time.monotonic() - began < 100  # of which starting Python and importing Ray take some
