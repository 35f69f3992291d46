"""Packages on Ray Tune: a worker trains their trials one after another and reports them
together."""

from collections import defaultdict
from pathlib import Path

from hetsched.core.events import SegmentEnded, SegmentStarted
from hetsched.testing import check_log
from sim.replay import replay
from tests.on_ray.conftest import STOP, carry_out, of, small_scenario, strategy, trained


def test_a_package_is_trained_on_one_worker_and_reported_at_its_end(tmp_path: Path) -> None:
    setup = small_scenario(population=5)
    seen = carry_out(setup, tmp_path, strategy=strategy("era"))
    assert trained(seen.events) == {f"e-{number}": STOP for number in range(5)}
    assert check_log(seen.events).finished
    packages: defaultdict[int, list[SegmentStarted]] = defaultdict(list)
    for start in of(seen.events, SegmentStarted):
        if start.package:
            packages[start.package].append(start)
    assert max(map(len, packages.values())) == 3, "two equal workers share five trials"
    ends = {event.segment: event for event in of(seen.events, SegmentEnded)}
    for package in packages.values():
        ended = [ends[start.segment] for start in package]
        assert len({(event.worker, event.time) for event in ended}) == 1
        times = [time for event in ended for time in event.worked or ()]
        assert len(times) == 2 * len(package) and times == sorted(times), "not one after another"
        assert times[0] == package[0].time and times[-1] == ended[0].time
        for event in ended:
            begun, done = event.worked or (0.0, 0.0)
            assert abs(event.parts.total_s - (done - begun)) < 0.001
    replayed = replay(setup, seen.events)
    assert (replayed.difference, replayed.alike) == (None, replayed.decisions)
