"""Users' own policies in benchmarks, and the figures that the tables of pytest-benchmark lack:
printed after them, and with `--keep` put into docs/measured."""

from pathlib import Path

import pytest

from benchmarks.kept_rows import MEASURED, Keep, keep
from hetsched.domain.user_files import load_file


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--policy-file", type=Path, action="append", default=[], metavar="FILE.py", help="policies of your own"
    )
    parser.addoption("--keep", action="store_true", help="put the figures of the docs into docs/measured")


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Keep:
    """Puts a row into a file of docs/measured, with the option `--keep`. See
    `benchmarks.kept_rows.keep`."""
    if not request.config.getoption("--keep"):
        return lambda file, row, key: None
    return lambda file, row, key: keep(MEASURED / file, [row], key)


def pytest_configure(config: pytest.Config) -> None:
    for file in config.getoption("--policy-file"):
        load_file(file)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    lines = [
        f"{benchmark.name:58} " + "  ".join(f"{key} {value:,.2f}" for key, value in benchmark.extra_info.items())
        for benchmark in (session.benchmarks if session else ())
        if benchmark.extra_info
    ]
    if lines:
        terminalreporter.section("hetsched")
        for line in lines:
            terminalreporter.write_line(line)
