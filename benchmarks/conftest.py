"""After the tables of pytest-benchmark: the figures that they do not show, such as segments per second."""

import pytest


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
