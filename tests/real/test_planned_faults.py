"""Planned faults of a real run, with nobody to kill."""

import time
from threading import Thread

import pytest

from hetsched.domain.cluster import WorkerId
from hetsched.errors import InputError
from real.cluster import ray_cluster
from real.ray_internals import ray_itself
from real.tune.clock import Clock
from real.tune.planned_faults import PlannedFaults
from tests.conftest import make_setup


class Killed:
    """Workers that have a process from the second time on that somebody asks."""

    def __init__(self) -> None:
        self.asked: list[WorkerId] = []

    def kill(self, worker: WorkerId) -> bool:
        self.asked.append(worker)
        return len(self.asked) > 1


def test_what_is_planned_happens_in_the_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    begun = time.perf_counter()
    monkeypatch.setattr(ray_cluster, "kill_node", lambda node: seen.append((node, "killed")))
    monkeypatch.setattr(ray_cluster, "start_again", lambda node: seen.append((node.id, "back")))
    planned = [{"node": "b", "at_s": 0.1, "back_s": 0.3}, {"worker": "a/cpu0", "at_s": 0.2}]
    actors, clock = Killed(), Clock()
    monkeypatch.setattr(ray_cluster, "close", lambda: seen.append("closed"))
    faults = PlannedFaults(make_setup().replace(faults={"planned": planned}), actors, clock)
    with faults:
        time.sleep(0.2)
        assert not seen  # the run has not started
        clock.start()
        while len(seen) < 2 and time.perf_counter() < begun + 20:
            time.sleep(0.01)
    assert seen == [("b", "killed"), ("b", "back")]
    assert faults._thread.is_alive()  # else the node that it started would die with it
    faults.close()
    assert seen[-1] == "closed" and not faults._thread.is_alive()
    assert actors.asked == ["a/cpu0", "a/cpu0"]


def test_a_node_is_away_until_the_last_of_its_faults_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the first fault started a node that the second one keeps away, and the end of the
    second one started it again: two nodes of one name."""
    seen: list[str] = []
    monkeypatch.setattr(ray_cluster, "kill_node", lambda node: seen.append(f"{node} killed"))
    monkeypatch.setattr(ray_cluster, "start_again", lambda node: seen.append(f"{node.id} back"))
    monkeypatch.setattr(ray_cluster, "close", lambda: None)
    spans = [("a", 0.0, 0.02), ("a", 0.01, 0.04), ("b", 0.0, 0.045), ("b", 0.01, 0.03), ("a", 0.05, 0.06)]
    planned = [{"node": node, "at_s": at, "back_s": back} for node, at, back in spans]
    clock = Clock()
    clock.start()
    faults = PlannedFaults(make_setup().replace(faults={"planned": planned}), Killed(), clock)
    with faults:
        until = time.perf_counter() + 20
        while len(seen) < 6 and time.perf_counter() < until:
            time.sleep(0.01)
    faults.close()
    assert seen == ["a killed", "b killed", "a back", "b back", "a killed", "a back"]


def test_what_is_planned_for_later_than_the_end_does_not_happen() -> None:
    actors, clock = Killed(), Clock()
    clock.start()
    faults = PlannedFaults(make_setup().replace(faults={"planned": [{"worker": "a/cpu0", "at_s": 1e6}]}), actors, clock)
    with faults:
        pass
    faults.close()
    assert not actors.asked


def test_a_cluster_of_somebody_elses_is_left_alone() -> None:
    setup = make_setup().replace(faults={"planned": [{"worker": "a/cpu0", "at_s": 1.0}]}, real={"address": "auto"})
    with pytest.raises(InputError, match=r"faults\.planned: .* leave out --address"):
        PlannedFaults(setup, Killed(), Clock())


def test_ray_starts_a_node_in_a_thread_where_python_sets_no_handlers_of_signals() -> None:
    failed: list[Exception] = []

    def start() -> None:
        try:
            with ray_itself.sigterm_kept():
                ray_itself.utils.set_sigterm_handler(lambda signum, frame: None)  # type: ignore[attr-defined]
        except ValueError as error:
            failed.append(error)

    thread = Thread(target=start)
    thread.start()
    thread.join()
    assert not failed
