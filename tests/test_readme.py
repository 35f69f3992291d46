"""What the README says is so."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hetsched.cli.main import main, parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_policy_in_the_readme_is_the_example() -> None:
    shown = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown[1].strip() in (ROOT / "examples" / "my_policy.py").read_text()


def test_the_policy_of_the_readme_runs(tmp_path: Path) -> None:
    command = next(line for line in README.splitlines() if "compare" in line and "--policy-file" in line)
    arguments = [*shlex.split(command)[1:], "--seeds", "1", "--jobs", "1", "--json", "--out", str(tmp_path / "out")]
    run = [sys.executable, "-m", "hetsched.cli", *arguments]
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "fusion+soonest" in json.loads(done.stdout)["strategies"]


def test_the_demo_gives_the_table_of_the_readme(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["compare", str(ROOT / "examples" / "demo.toml"), "--json", "--out", str(tmp_path / "out")]) == 0
    strategies = json.loads(capfdbinary.readouterr().out)["strategies"]
    for name, figures in strategies.items():
        row = next(line for line in README.splitlines() if line.startswith(f"| {name}"))
        assert f"| {figures['makespan_s']['mean']:,.0f} |" in row
        ratios = [figures[key] for key in ("workers_bound_ratio", "bound_ratio", "speedup_vs_baseline")]
        assert f"| {ratios[0]:.2f} | {ratios[1]:.2f} | {ratios[2]:.2f} |" in row
        jct = f"| {figures['mean_jct_s']:,.0f} | {figures['jct_bound_ratio']:.2f} |"
        assert f"{jct} {figures['best_accuracy']:.3f} | {figures['utilisation']:.0%} |" in row
        assert figures["verdict"] == "the baseline" or f"    {name}: {figures['verdict']}\n" in README
        assert figures["bound_ratio"] >= 1
    assert strategies["fusion+hrfs"]["speedup_vs_baseline"] > 1
    assert strategies["fusion+least-progress"]["speedup_vs_baseline"] > 1


def test_the_commands_of_the_readme_exist() -> None:
    shown = set(re.findall(r"(?:`|bin/)hetsched ([a-z]+)", README))
    usage = parser().format_help()
    assert {"compare", "simulate", "run", "validate", "profile", "bound", "policies"} <= shown
    assert all(re.search(rf"^    {command}\b", usage, re.MULTILINE) for command in shown)
