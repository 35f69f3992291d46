"""The live view of a run of another process, whose log grows."""

from pathlib import Path

import pytest

from hetsched.core.log import LOG_NAME
from hetsched.domain.registry import Strategy
from hetsched.report.following import FollowedRun
from hetsched.report.live import LiveView
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup


@pytest.mark.parametrize("seen", ["the first worker", "until the late node comes"])
def test_the_bound_is_of_all_workers_also_of_those_that_join_later(
    seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was the bound of the workers of the first look, and a run ended before it."""
    told: list[int | None] = []

    def expect(view: LiveView, setup: Setup | None, strategy: Strategy) -> None:
        told.append(None if setup is None else len(setup.workers(strategy)))

    monkeypatch.setattr(LiveView, "expect", expect)
    setup = make_setup([{"name": "a", "cores": 1, "count": 4}, {"name": "z", "cores": 4}], overheads=NO_OVERHEADS)
    setup = setup.replace(faults=FaultsTable.model_validate({"late": {"z": 30.0}}))
    setup.save(tmp_path)
    simulate(setup, Strategy("fusion", "fifo"), 0, tmp_path)
    log = tmp_path / LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    joined = [place for place, line in enumerate(lines) if b'"worker-joined"' in line]
    log.write_bytes(b"".join(lines[: joined[0] + 1 if seen == "the first worker" else joined[-1]]))
    with FollowedRun(log, every_s=1e9) as run:
        run.look()
        assert told == [None], "how many workers the run has is not known yet"
        begun = log.read_bytes()
        log.write_bytes(b"")
        run.look()
        log.write_bytes(begun)  # the log begins anew, and has a new view
        run.look()
        assert told == [None, None]
        log.write_bytes(b"".join(lines))
        run.look()
    assert told == [None, None, 5]
