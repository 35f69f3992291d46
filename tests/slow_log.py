"""The results folder of a run whose log a test writes part by part, as a driver does."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hetsched.core.log import LOG_NAME, reserve_of
from hetsched.scenario.checks import parse_strategy
from sim.engine import simulate
from tests.conftest import make_setup


class SlowLog:
    """A simulated run under that strategy. Its folder has the scenario, and nothing of the log
    yet."""

    def __init__(self, folder: Path, strategy: str = "fusion+fifo", seed: int = 0, **experiment: Any) -> None:
        setup = make_setup(strategies=[strategy], **experiment)
        self.folder, self.path = folder, folder / LOG_NAME
        setup.save(folder)
        with TemporaryDirectory() as beside:
            simulate(setup, parse_strategy(strategy), seed, Path(beside))
            self.content = (Path(beside) / LOG_NAME).read_bytes()
        self.path.touch()
        self._written = 0

    @property
    def lines(self) -> list[bytes]:
        return self.content.splitlines(keepends=True)

    def write(self, share: float = 1.0) -> None:
        """Write up to that share of all bytes, which is hardly ever the end of a line."""
        end = round(share * len(self.content))
        self.append(self.content[self._written : end])
        self._written = end

    def append(self, more: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(more)

    def finished(self) -> "SlowLog":
        """With the whole log written."""
        self.write()
        return self

    @property
    def reserve(self) -> Path:
        """The file that a driver keeps while it writes."""
        return reserve_of(self.path)
