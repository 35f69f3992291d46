"""Imports run one way: sim and real import hetsched, never the reverse, never each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "hetsched": {"sim", "real", "simpy", "ray", "torch", "torchvision"},
    "sim": {"real", "ray", "torch", "torchvision"},
    "real": {"sim", "simpy"},
}


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_no_file_imports_against_the_direction(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    wrong = {str(path): bad for path in files if (bad := imported(path) & FORBIDDEN[package])}
    assert not wrong


def test_profiling_needs_no_ray() -> None:
    for module in ("measuring/profiler", "training/training", "training/models", "training/data"):
        assert "ray" not in imported(ROOT / "real" / f"{module}.py")


def test_a_simulation_loads_neither_ray_nor_torch() -> None:
    code = "import sys, hetsched.cli, sim.engine; print([m for m in ('ray', 'torch') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert output.stdout.strip() == "[]"


def test_no_module_is_called_after_nothing() -> None:
    banned = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
    assert not [path for p in FORBIDDEN for path in (ROOT / p).rglob("*.py") if path.stem in banned]
