"""What a command says that needs a package which is not installed: the extra that has it."""

import json
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
import json, sys
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")))
from hetsched.cli.main import main
statuses = [main(words) for words in json.loads(sys.argv[2])]
print(json.dumps(statuses), file=sys.stderr)
"""
RAY, TORCH, PYARROW = "ray", "torch,torchvision", "pyarrow"
ALL = ",".join((RAY, TORCH, PYARROW, "PIL", "pandas", "hypothesis", "starlette", "uvicorn"))
ON_RAY = ["--strategy", "uniform+fifo"]


NEEDS: dict[str, list[tuple[list[str], str]]] = {
    PYARROW: [(["profile", "--out", "x.csv"], "real")],
    TORCH: [(["profile", "--out", "x.csv"], "real")],
    RAY: [(["run", "s.toml", *ON_RAY], "real")],
    ALL: [
        (["profile", "--out", "x.csv"], "real"),
        (["run", "s.toml", *ON_RAY], "real"),
        (["run", "discovered.toml", *ON_RAY], "real"),
        (["validate", "s.toml", "--strategies", "uniform+fifo"], "real"),
        (["nodes", "--address", "127.0.0.1:7"], "real"),
        (["compare", "s.toml", "--ray", "127.0.0.1:7", "--seeds", "1"], "real"),
        (["policies", "check", "fifo"], "testing"),
        (["serve", "."], "serve"),
    ],
    "starlette,matplotlib,mlflow": [
        (["serve", "."], "serve"),
        (["figures", "."], "figures"),
        (["simulate", "s.toml", *ON_RAY, "--track", "mlflow"], "tracking"),
    ],
    "uvicorn,wandb": [(["serve", "."], "serve"), (["run", "s.toml", *ON_RAY, "--track", "wandb"], "tracking")],
}
"""By the packages that are not there, commands, and the extra that each asks for."""


def carried_out(blocked: str, *commands: list[str]) -> tuple[list[str], list[int]]:
    """What the commands say on stderr without these packages, and their statuses. They share a process, since starting
    Python takes longer than they do."""
    words = [sys.executable, "-c", BLOCKED, blocked, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    *said, statuses = done.stderr.splitlines()
    return said, json.loads(statuses)


@pytest.fixture(autouse=True)
def scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    (tmp_path / "discovered.toml").write_text(DISCOVERED)


@pytest.mark.parametrize(
    "blocked", [pytest.param(name, marks=[pytest.mark.exhaustive] * (name == TORCH)) for name in NEEDS]
)
def test_it_says_what_to_install(blocked: str, tmp_path: Path) -> None:
    said, statuses = carried_out(blocked, *(words for words, _ in NEEDS[blocked]))
    asked = [line for line in said if ", which is not installed: pip install " in line]
    for line, (words, extra) in zip(asked, NEEDS[blocked], strict=True):
        assert f", which is not installed: pip install 'hetsched[{extra}]'" in line, words
    assert statuses == [2] * len(asked) and not (tmp_path / "x.csv").exists()


def test_all_else_works_without_the_extras() -> None:
    commands = (
        ["simulate", "s.toml", *ON_RAY, "--out", "out"],
        ["replay", "out"],
        ["compare", "s.toml", "--seeds", "1", "--jobs", "1"],
        ["bound", "s.toml"],
        ["policies"],
    )
    assert carried_out(ALL, *commands) == ([], [0] * len(commands))
