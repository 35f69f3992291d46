"""A backend that tells the end of a segment which does not run. Its log was refused after the run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import Parts, SegmentEnded, SegmentStarted, WorkerJoined
from hetsched.core.state import State
from hetsched.domain.cluster import WorkerId
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError
from tests.conftest import make_setup

FIFO = Strategy("fusion", "fifo")


def ended(start: SegmentStarted) -> SegmentEnded:
    parts = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    return SegmentEnded(start.time + 1, start.trial, start.worker, start.iterations, 0.5, parts, segment=start.segment)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda one: replace(one, iterations=one.iterations - 1), "expected segment 1, worker a/cpu0, 10 iterations"),
        (lambda one: replace(one, worker=WorkerId("b/cpu0")), "told the end of segment 1, worker b/cpu0"),
        (lambda one: replace(one, segment=7), "told the end of segment 7"),
        (lambda one: replace(one, trial="e-3"), "trial e-3: no segment of it runs: tell the end or the loss"),
    ],
)
def test_a_false_end_is_refused(wrong: Callable[[Any], SegmentEnded], message: str) -> None:
    setup = make_setup()
    dispatcher = Dispatcher(State(), setup.scenario.scheduling_policy(FIFO), "fifo", setup.times)
    for worker in setup.workers(FIFO):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.set_up(setup.cluster, setup.workload, np.random.default_rng(0))
    dispatcher.arrive(0.0, setup.workload.experiments[0], 0)
    start = dispatcher.dispatch(0.0).starts[0]
    with pytest.raises(HetschedError, match=message):
        dispatcher.end_segment(wrong(ended(start)), lambda trial: None)
    assert dispatcher.end_segment(ended(start), lambda trial: None).iterations == 10
    with pytest.raises(HetschedError, match="no segment of it runs"):
        dispatcher.end_segment(ended(start), lambda trial: None)
    with pytest.raises(HetschedError, match="no segment of it runs"):
        dispatcher.lose_segment(1.0, start.trial, "twice")
