"""Each format of traces has a page, whose command runs a file that comes with the project."""

import json
import re
from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.scenario.loading import load_setup
from hetsched.scenario.traces.formats import COLUMNS, READERS

ROOT = Path(__file__).parents[2]
FORMATS = ["hetsched", *READERS]


def test_every_format_has_a_page_and_every_page_a_format() -> None:
    assert sorted(page.stem for page in (ROOT / "docs" / "traces").glob("*.md")) == sorted(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_of_a_page_runs_its_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "traces" / f"{name}.md").read_text()
    [command] = re.findall(r"^hetsched (bound \S+)$", page, re.MULTILINE)
    [example] = re.findall(r"^`(examples/\S+)` is made up", page, re.MULTILINE)
    subcommand, scenario = command.split()
    setup = load_setup(ROOT / scenario)
    assert setup.reading is not None and setup.reading.format == name
    assert (ROOT / example).samefile(setup.scenario.path(str(setup.scenario.workload.trace)))
    assert main([subcommand, str(ROOT / scenario), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trace"]["read"] == setup.reading.read > 0


@pytest.mark.parametrize("name", ["hetsched", "philly", "helios", "openb", "gfs"])
def test_a_page_names_every_column_that_its_format_knows(name: str) -> None:
    page = (ROOT / "docs" / "traces" / f"{name}.md").read_text()
    of_format = next(its for known, its in COLUMNS.items() if known == name)
    columns = of_format.others | {column for names in of_format.needed for column in names}
    assert [column for column in columns if f"`{column}`" not in page] == []
