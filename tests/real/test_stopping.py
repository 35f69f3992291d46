"""What stops a run in order, and what stops it at once."""

import signal
from pathlib import Path

import pytest

from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.errors import Terminated
from real.tune import stopping
from real.tune.stopping import TERMINATED, Stopping


def test_a_second_signal_stops_at_once_but_not_within_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GNU `timeout` sends SIGTERM twice, microseconds apart. In 6 of 33 loops of Python the second one
    stopped the run at once, and the segments that ran were lost."""
    clock_s = iter([10.0, 10.0 + stopping.ONE_SIGNAL_S / 2, 10.0 + stopping.ONE_SIGNAL_S])
    monkeypatch.setattr("real.tune.stopping.time.monotonic", lambda: next(clock_s))
    with LogWriter(tmp_path / LOG_NAME) as log:
        until = Stopping(log)
        with until.on_interrupt():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert until.reason == TERMINATED
            with pytest.raises(Terminated):
                signal.raise_signal(signal.SIGTERM)


def test_what_ray_raises_in_place_of_a_second_sigterm_is_a_sigterm(tmp_path: Path) -> None:
    """The status of the command was 130, as after Ctrl-C."""

    def wait(until: Stopping) -> None:
        with until.on_interrupt():
            signal.raise_signal(signal.SIGTERM)
            raise KeyboardInterrupt

    with LogWriter(tmp_path / LOG_NAME) as log, pytest.raises(Terminated):
        wait(Stopping(log))
