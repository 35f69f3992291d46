"""The cost of finding which checkpoint files are still wanted, by the number of trials. It should
not depend on that number.

The ratio is the time per event at 4,000 trials divided by the time per event at 100 trials.
"""

from pathlib import Path
from time import perf_counter

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

pytest.importorskip("torch")  # what keeps snapshots imports it

from hetsched.core.events import Event, Parts, SegmentEnded, TrialExploited
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId
from real.checkpoints.generations import Checkpoints

FEW, MANY, EVENTS = 100, 4000, 2000
NOTHING = Parts(0, 0, 0, 0, 0, 0)


def seconds_per_event(trials: int, folder: Path) -> float:
    """Seconds per event, for ends of segments and an exploit after every tenth, when every trial
    already refers to two files. No file is written or deleted."""
    checkpoints = Checkpoints(folder)
    names = [TrialId(f"t-{number}") for number in range(trials)]

    def ended(trial: TrialId) -> Event:
        return SegmentEnded(0.0, trial, WorkerId("a/cpu0"), 3, 0.5, NOTHING)

    for trial in names * 2:
        checkpoints.follow(ended(trial))
    events: list[Event] = []
    for number in range(EVENTS):
        trial, source = names[number % trials], names[(7 * number + 1) % trials]
        events.append(TrialExploited(0.0, trial, source, {}) if number % 10 == 9 else ended(trial))
    began = perf_counter()
    for event in events:
        checkpoints.follow(event)
    return (perf_counter() - began) / EVENTS


@pytest.mark.benchmark(group="checkpoint references")
def test_an_event_costs_the_same_with_many_trials(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    few, many = [], []

    def both() -> None:
        few.append(seconds_per_event(FEW, tmp_path))
        many.append(seconds_per_event(MANY, tmp_path))

    benchmark.pedantic(both, rounds=5)
    benchmark.extra_info[f"us an event, {FEW} trials"] = 1e6 * min(few)
    benchmark.extra_info[f"us an event, {MANY} trials"] = 1e6 * min(many)
    benchmark.extra_info["ratio"] = min(many) / min(few)
    assert min(many) < 3 * min(few)
