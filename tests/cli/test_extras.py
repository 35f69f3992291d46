"""What a command says that needs a package which is not installed: the extra that has it."""

import subprocess
import sys
from pathlib import Path

import pytest

from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS

SCENARIO = """
name = "small"
strategies = ["uniform+fifo"]
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "box", cores = 2 }]
workload.experiments = [{ name = "e", batch_size = 32, population = 2, stop_iterations = 20 }]
"""
DISCOVERED = SCENARIO.replace('cluster.nodes = [{ name = "box", cores = 2 }]', 'cluster = "discover"').replace(
    "strategies", 'real.address = "auto"\nstrategies'
)
BLOCKED = """
import sys
blocked = sys.argv.pop(1).split(",")
sys.modules.update(dict.fromkeys(blocked))
from hetsched.cli.main import main
sys.exit(main())
"""
RAY, TORCH, PYARROW = "ray", "torch,torchvision", "pyarrow"
ALL = ",".join((RAY, TORCH, PYARROW, "PIL", "pandas", "hypothesis", "starlette", "uvicorn"))
ON_RAY = ["--strategy", "uniform+fifo"]


@pytest.mark.parametrize(
    ("blocked", "arguments", "extra"),
    [
        (PYARROW, ["profile", "--out", "x.csv"], "real"),
        pytest.param(TORCH, ["profile", "--out", "x.csv"], "real", marks=pytest.mark.exhaustive),
        (ALL, ["profile", "--out", "x.csv"], "real"),
        pytest.param(ALL, ["run", "s.toml", *ON_RAY], "real", marks=pytest.mark.exhaustive),
        (RAY, ["run", "s.toml", *ON_RAY], "real"),
        pytest.param(ALL, ["run", "discovered.toml", *ON_RAY], "real", marks=pytest.mark.exhaustive),
        (ALL, ["validate", "s.toml", "--strategies", "uniform+fifo"], "real"),
        (ALL, ["nodes", "--address", "127.0.0.1:7"], "real"),
        (ALL, ["compare", "s.toml", "--ray", "127.0.0.1:7", "--seeds", "1"], "real"),
        (ALL, ["policies", "check", "fifo"], "testing"),
        ("starlette", ["serve", "."], "serve"),
        pytest.param("uvicorn", ["serve", "."], "serve", marks=pytest.mark.exhaustive),
        ("matplotlib", ["figures", "."], "figures"),
        ("mlflow", ["simulate", "s.toml", *ON_RAY, "--track", "mlflow"], "tracking"),
        pytest.param("wandb", ["run", "s.toml", *ON_RAY, "--track", "wandb"], "tracking", marks=pytest.mark.exhaustive),
    ],
)
def test_it_says_what_to_install(
    blocked: str, arguments: list[str], extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    (tmp_path / "discovered.toml").write_text(DISCOVERED)
    done = subprocess.run([sys.executable, "-c", BLOCKED, blocked, *arguments], capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert f", which is not installed: pip install 'hetsched[{extra}]'" in done.stderr
    assert done.returncode == 2 and not (tmp_path / "x.csv").exists()


def test_all_else_works_without_the_extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    for arguments in (
        ["simulate", "s.toml", *ON_RAY, "--out", "out"],
        ["replay", "out"],
        ["compare", "s.toml", "--seeds", "1", "--jobs", "1"],
        ["bound", "s.toml"],
        ["policies"],
    ):
        done = subprocess.run([sys.executable, "-c", BLOCKED, ALL, *arguments], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), arguments
