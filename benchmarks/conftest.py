"""Users' own policies in benchmarks, and the figures that the tables of pytest-benchmark lack,
printed after them."""

from pathlib import Path

import pytest

from hetsched.domain.registry import load_file


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--policy-file", type=Path, action="append", default=[], metavar="FILE.py", help="policies of your own"
    )


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
