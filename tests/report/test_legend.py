"""What stands under the table of a comparison."""

import re
from pathlib import Path
from shlex import split

import pytest

from hetsched.cli.main import main
from hetsched.report.legend import BEST, LARGE, LEGEND, overhead
from hetsched.report.tables import comparison_table
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS

SCENARIO = """
name = "small"
strategies = ["uniform+fifo", "fusion+hrfs"]
seeds = 2
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "box", cores = 2, count = 2 }]
overheads = { start_up = false, restore = false, checkpoint = false, evaluation = EVALUATION, noise = false }
workload.experiments = [
    { name = "e", batch_size = 32, population = 4, stop_iterations = 20, pbt = { perturbation_interval = 1 } },
]
"""


def compared(folder: Path, evaluation: bool, *options: str) -> None:
    write_profile(folder / "p.csv", ROWS)
    (folder / "s.toml").write_text(SCENARIO.replace("EVALUATION", "true" if evaluation else "false"))
    assert main(["compare", str(folder / "s.toml"), "--jobs", "1", "--out", str(folder / "out"), *options]) == 0


def test_every_column_has_a_line() -> None:
    headings = [str(column.header) for column in comparison_table({}, "").columns]
    broken = {"speed-\n": "speed-", "utili-\n": "utili", "\n": " "}
    for gap, whole in broken.items():
        headings = [heading.replace(gap, whole) for heading in headings]
    assert headings == list(LEGEND)


def test_the_columns_are_explained_if_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared(tmp_path, False, "--explain")
    printed = capsys.readouterr().out
    for column, says in LEGEND.items():
        shown = "best accuracy" if column == BEST else column
        assert re.search(rf"^{re.escape(shown)} +{re.escape(says)}$", printed, re.M), column
    assert "--explain" not in printed and "--ablate" not in printed


def test_a_large_overhead_is_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compared(tmp_path, True)
    printed = capsys.readouterr().out
    assert "--explain says what the columns mean" in printed
    said = re.search(
        r"^(\S+): (\d+)% of the time in segments is not training; what takes it: (hetsched .*)$", printed, re.M
    )
    assert said is not None
    share = overhead(tmp_path / "out" / said[1] / "seed-0" / "events.jsonl")
    assert share > LARGE and said[2] == f"{100 * share:.0f}"
    assert main([*split(said[3])[1:], "--out", str(tmp_path / "ablation")]) == 0
