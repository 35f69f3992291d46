"""Under every table that a command prints stands a line per column."""

import ast
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from rich.table import Table

import hetsched.cli
from hetsched.cli.main import main
from hetsched.report.fit_tables import fit_columns, fit_table
from hetsched.report.legend import AGREEMENT, PLAN, PROFILE, SCORES
from hetsched.report.plan_tables import plan_table
from hetsched.report.score_agreement_table import score_agreement_table
from hetsched.report.tables import agreement_table, profile_table
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.fit_result import Fitted, Noise
from tests.conftest import ROWS
from tests.report.suites import suite_folder, three_policies
from tests.report.test_legend import headings

ROOT = Path(__file__).parents[2]

SCENARIO = """
name = "small"
strategies = ["uniform+fifo", "fusion+hrfs"]
seeds = 2
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "box", cores = 2, count = 2, price_per_h = 1.0 }]
metrics = { deadline_s = 60.0, budget = 0.5, target_score = 0.2 }
workload.experiments = [
    { name = "e", batch_size = 32, population = 4, stop_iterations = 20, pbt = { perturbation_interval = 1 } },
    { name = "late", batch_size = 32, population = 4, stop_iterations = 30, arrival_s = 1.0 },
]
"""

TRAINING = "examples/my_training.py"

COMMANDS = {
    "simulate s.toml --strategy fusion+hrfs --repeat 2 --out simulated": 4,
    "simulate s.toml --strategy fusion+hrfs --ablate --out ablated": 1,
    "compare s.toml --jobs 1 --out compared": 2,
    "bound s.toml": 1,
    "show suite": 2,
    "suite list": 1,
    "suite generate --count 2 --out drawn": 1,
    "profile check p.csv s.toml": 1,
    "policies": 1,
    "policies sia": 1,
    "policies check fifo fusion --examples 1": 2,
}
"""Commands, and how many tables each prints, in a folder with a scenario, a profile and a suite."""

IN_THE_PROJECT = {
    f"training check {TRAINING} --hyperparameters lr=0.1,0.3 --iterations 4": 1,
    "fidelity --only eight-fifo": 4,
    "fidelity --calibrate fidelity/recordings/two-fifo fidelity/recordings/uniform-fifo --out OUT": 2,
}
"""Commands that read files of the project."""

FITTED = Fitted("small-cnn", "accuracy", {"a.csv": 3, "b.csv": 5}, 2, (), {}, Noise(None, None, 0))

STATIC: Mapping[str, tuple[Callable[[], Table], Mapping[str, str]]] = {
    "profile_table": (lambda: profile_table([]), PROFILE),
    "agreement_table": (lambda: agreement_table({}), AGREEMENT),
    "score_agreement_table": (lambda: score_agreement_table({}, None), SCORES),
    "plan_table": (lambda: plan_table({}), PLAN),
    "fit_table": (lambda: fit_table(FITTED), fit_columns(FITTED)),
}
"""Tables of commands that take real runs, or a minute."""

Pair = tuple[list[str], list[str]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Pair]:
    """Of each table that commands print: its headings, and those of the lines below it."""
    pairs: list[Pair] = []

    def show(table: Table | None, below: str) -> None:
        if table is not None:
            lines = [re.split(" {2,}", line)[0] for line in below.splitlines() if "  " in line]
            pairs.append((list(dict.fromkeys(headings(table))), lines))

    for module in iter_modules(hetsched.cli.__path__, "hetsched.cli."):
        found = import_module(module.name)
        if callable(getattr(found, "show", None)):
            monkeypatch.setattr(found, "show", show)
    return pairs


@pytest.mark.parametrize("command", COMMANDS)
def test_every_column_has_a_line(
    command: str, shown: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(SCENARIO)
    suite_folder(tmp_path / "suite", three_policies(2, 6))
    assert main(command.split()) == 0
    assert len(shown) == COMMANDS[command]
    for columns, lines in shown:
        assert columns == lines


@pytest.mark.parametrize("command", IN_THE_PROJECT)
def test_every_column_of_a_command_on_files_has_a_line(
    command: str, shown: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(command.replace("OUT", str(tmp_path / "fitted.csv")).split()) == 0
    assert len(shown) == IN_THE_PROJECT[command]
    for columns, lines in shown:
        assert columns == lines


@pytest.mark.parametrize("name", STATIC)
def test_every_column_of_a_slow_command_has_a_line(name: str) -> None:
    table, columns = STATIC[name]
    assert headings(table()) == list(columns)


def test_no_table_is_printed_without_its_lines() -> None:
    """`show` takes the lines, and nothing else prints tables. The live view draws its own."""
    for path in (ROOT / "hetsched" / "cli").glob("*.py"):
        tree = ast.parse(path.read_text())
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        names = [node.func.id for node in calls if isinstance(node.func, ast.Name)]
        assert "print_table" not in names or path.name == "shared.py", path
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id == "show":
                assert len(call.args) == 2, f"{path}:{call.lineno}: a table without a line per column"
