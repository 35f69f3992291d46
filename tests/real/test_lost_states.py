"""What a trial can no longer go on from, and what is still to be had: damaged files, and workers
without an actor."""

import signal
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("torch")  # what keeps snapshots imports it
pytest.importorskip("ray")

from hetsched.core.events import CheckpointLost, SegmentEnded
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.cluster import WorkerId
from tests.real.fake_tune import FakeTune
from tests.real.test_driver_errors import driver


def test_a_damaged_file_is_lost_for_every_trial_that_waits_to_go_on_from_it(tmp_path: Path) -> None:
    """All files are damaged at once. A trial falls back and takes over the weights of another one,
    whose file is one.

    If the source kept its score, PBT would send the trial to that file again, until it has failed
    too often.
    """
    damaged: set[str] = set()

    def damage_all_files(_: FakeTune) -> None:
        ended = [event for event in read_log(tmp_path / LOG_NAME) if isinstance(event, SegmentEnded)]
        if len(ended) == 12 and not damaged:
            for file in tmp_path.glob("checkpoints/*.pt"):
                damaged.add(file.name)
                file.write_bytes(b"")

    with driver(tmp_path, "storage", 1, "least-progress") as (under_test, fake):
        fake.run(under_test, damage_all_files)
        assert under_test.error is None
        assert fake.completed == 5
    events = list(read_log(tmp_path / LOG_NAME))
    lost = [event for event in events if isinstance(event, CheckpointLost)]
    of_file = {reason: [event for event in lost if event.reason == reason] for reason in {e.reason for e in lost}}
    shared = [events for events in of_file.values() if len(events) > 1]
    assert shared, "nobody waited to go on from a file that another one found damaged"
    for together in shared:
        assert len({event.time for event in together}) == 1


def test_a_run_that_stops_in_order_writes_states_whose_actors_are_gone(tmp_path: Path) -> None:
    """States in an object store outlive their actors, and a resume finds nothing but files."""
    stopped: list[int] = []

    def kill_the_actor_and_stop(fake: FakeTune) -> None:
        ended = sum(isinstance(event, SegmentEnded) for event in read_log(tmp_path / LOG_NAME))
        if ended == 7 and not stopped:
            stopped.append(ended)
            fake.kill_worker(WorkerId("n0/cpu0"))
            signal.raise_signal(signal.SIGTERM)

    with driver(tmp_path, "object-store", 1, "least-progress") as (under_test, fake):
        fake.run(under_test, kill_the_actor_and_stop)
        assert under_test.error is None
    ended = Counter(event.trial for event in read_log(tmp_path / LOG_NAME) if isinstance(event, SegmentEnded))
    assert len(ended) == 5
    files = {file.name for file in (tmp_path / "checkpoints").iterdir()}
    assert files == {f"{trial}-{3 * segments}.pt" for trial, segments in ended.items()}
