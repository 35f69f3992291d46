"""What the README, and the pages that it was before, say is so."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hetsched
from benchmarks.pages.validation import validation
from hetsched import allocation, scheduling
from hetsched.cli.main import main, parser
from hetsched.report.legend import where_time_goes

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DEMO = (ROOT / "docs" / "demo.md").read_text()
COMMANDS = (ROOT / "docs" / "commands.md").read_text()


def test_the_policy_in_the_readme_is_the_example() -> None:
    shown = re.search(r"```python\n((?:(?!```).)*@register.*?)```", README, re.DOTALL)
    assert shown is not None
    assert shown[1].strip() in (ROOT / "examples" / "my_policy.py").read_text()


def test_the_policy_of_the_readme_runs(tmp_path: Path) -> None:
    command = next(line for line in README.splitlines() if "compare" in line and "--policy-file" in line)
    arguments = [*shlex.split(command)[1:], "--seeds", "1", "--jobs", "1", "--json", "--out", str(tmp_path / "out")]
    run = [sys.executable, "-m", "hetsched", *arguments]
    done = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "fusion+soonest" in json.loads(done.stdout)["strategies"]


def row_of(page: str, strategy: str) -> list[str]:
    """The cells of a strategy's row in the first table that has one."""
    line = next(line for line in page.splitlines() if line.startswith(f"| {strategy}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_demo_gives_the_tables_of_the_pages(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["compare", str(ROOT / "examples" / "demo.toml"), "--json", "--out", str(tmp_path / "out")]) == 0
    strategies = json.loads(capfdbinary.readouterr().out)["strategies"]
    assert {"fusion+hrfs", "fusion+least-progress", "fusion+lookahead"} < strategies.keys()
    for name, figures in strategies.items():
        makespan, speed_up = f"{figures['makespan_s']['mean']:,.0f}", f"{figures['speedup_vs_baseline']:.2f}"
        own, bound = f"{figures['workers_bound_ratio']:.2f}", f"{figures['bound_ratio']:.2f}"
        accuracy = f"{figures['best_score']:.3f}"
        to_target = f"{figures['time_to_target_s']:,.0f}"
        assert row_of(README, name) == [makespan, speed_up, own, bound, accuracy, to_target]
        low, high = figures["makespan_s"]["ci95"]
        assert row_of(DEMO, name) == [
            makespan,
            f"{low:,.0f} .. {high:,.0f}",
            own,
            bound,
            speed_up,
            f"{figures['mean_jct_s']:,.0f}",
            f"{figures['jct_bound_ratio']:.2f}",
            accuracy,
            f"{figures['lineage_iterations']:,.0f}",
            f"{figures['utilisation']:.0%}",
        ]
        assert figures["verdict"] == "the baseline" or f"\n{name}: {figures['verdict']}\n" in DEMO
        assert figures["bound_ratio"] >= 1
        assert name == "uniform+fifo" or figures["speedup_vs_baseline"] > 1
    logs = {name: tmp_path / "out" / name / "seed-0" / "events.jsonl" for name in strategies}
    found = where_time_goes(logs, 0, Path("examples/demo.toml"))
    assert found is not None and "\n{}\n  {}\n".format(*found) in DEMO
    assert strategies["fusion+lookahead"]["verdict"] in README.replace("\n", " ")
    says_what_seed_0_took([strategies[name]["makespan_s"] for name in ("uniform+fifo", "fusion+lookahead")])


def says_what_seed_0_took(makespans: Sequence[dict[str, Any]]) -> None:
    """The README has the makespans of seed 0, which the picture shows, beside their means."""
    first, mean = ([f"{of:,.0f} s" for of in found] for found in zip(*map(_first_and_mean, makespans), strict=True))
    shown = " ".join(README.split())
    assert f"seed 0 of the demo: {first[0]} and {first[1]}" in shown
    assert f"over ten seeds: {mean[0]} and {mean[1]}" in shown
    for page in (shown, " ".join((ROOT / "docs" / "figures.md").read_text().split())):
        assert f"train one trial each for {first[0]}" in page
        assert re.search(rf"(?:for|after) {first[1]}\.\]", page)


def _first_and_mean(makespan: dict[str, Any]) -> tuple[float, float]:
    return makespan["per_seed"][0], makespan["mean"]


def test_the_readme_counts_the_policies() -> None:
    kinds = (allocation.policies, scheduling.policies)
    shipped = [name for known in kinds for name in known.names() if known.is_shipped(name)]
    assert f"[all {len(shipped)}](docs/policies/README.md)" in README


def test_what_no_schedule_gains_on_the_cluster_of_hrfs_is_what_its_bounds_say() -> None:
    """1.56 on the workers of `fusion` only; other allocations gain more."""
    found = hetsched.bound(hetsched.load_scenario(ROOT / "examples" / "hrfs-cluster" / "hrfs-cluster.toml")).document()
    seconds = {"any": found["bound_s"], **found["by_allocation_s"]}
    one_worker, any_allocation = (f"{seconds['uniform'] / seconds[name]:.2f}" for name in ("fusion", "any"))
    for page in ("validation.md", "from-hrfs.md"):
        text = " ".join((ROOT / "docs" / page).read_text().split())
        assert "one worker per box" in text
        assert f"no schedule gains more than {one_worker}" in text
        assert f"no schedule gains more than {any_allocation}" in text
        assert text.count("no schedule gains more than 1") == 2
    table = (ROOT / "docs" / "validation.md").read_text()
    assert f"| fusion | {seconds['fusion']:.1f} | {one_worker} |" in table
    assert f"| under any allocation | {seconds['any']:.1f} | {any_allocation} |" in table


def test_the_error_of_predictions_is_that_of_the_recordings() -> None:
    """The mean of the absolute errors in the first table of docs/validation.md."""
    _, *rows = validation()
    errors = [float(row[3].removesuffix("%")) for row in rows]
    mean = sum(map(abs, errors)) / len(errors)
    assert f"off by {mean:.1f}% in the mean over three strategies and three seeds" in " ".join(README.split())


def test_the_readme_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 150


def test_the_readme_has_the_two_commands() -> None:
    lines = README.splitlines()
    assert "make demo" in lines
    assert "make test" in lines


def test_the_commands_of_the_pages_exist() -> None:
    shown = set(re.findall(r"(?:`|bin/)hetsched ([a-z]+)", README + COMMANDS))
    offered = set(re.findall(r"^    ([a-z]+)\b", parser().format_help(), re.MULTILINE))
    assert shown == offered
