"""Steps of which a clock saw nothing, such as those of a trivial training."""

from pathlib import Path

import pytest
from msgspec.structs import astuple

pytest.importorskip("torch")
pytest.importorskip("ray")

from hetsched import scheduling
from hetsched.core.trial import Segment
from hetsched.domain.cluster import WorkerId
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId
from hetsched.scenario.scenario import Setup
from real.dropin.progress import Progress
from real.dropin.run import Run
from real.tune.clock import Clock
from tests.conftest import ROWS, make_setup

WITH_ABILITIES = {"era", "eta"}
"""Policies that need packages, which Ray Tune's trials do not have."""


@pytest.mark.parametrize("profiled", [False, True])
@pytest.mark.parametrize("policy", sorted({*scheduling.policies.names()} - WITH_ABILITIES))
def test_no_policy_divides_by_them(policy: str, profiled: bool, tmp_path: Path) -> None:
    """13 policies without a profile, `lookahead` among them, and 3 with one divided by zero."""
    made = make_setup([{"name": "a", "cores": 1}, {"name": "b", "cores": 2}], population=4, stop_iterations=12)
    setup = Setup.of(made.scenario, StepTimes(ROWS if profiled else []))
    now = [0.0]
    run = Run(setup, Strategy("fusion", policy), 0, tmp_path, Clock(read=lambda: now[0]))
    [experiment] = setup.workload.experiments
    run.begin(setup.workers(Strategy("fusion", policy)), {trial: {} for trial in experiment.trial_ids()})
    training: set[TrialId] = set()

    def start(trial: TrialId, fresh: bool) -> None:
        training.add(trial)
        run.ready(trial, fresh=fresh)

    for _ in range(100):
        now[0] += 1e-3
        run.clock.tick()
        run.decide()
        for segment in run.to_start:
            start(segment.trial, fresh=True)
        run.to_start.clear()
        for trial in sorted(training):
            progress = run.progress_of(trial)
            assert progress is not None
            if run.report(trial, progress.target, 0.0):
                training.remove(trial)
                goes_on = run.end(trial, 0.5, {}, lambda _: None, in_steps=False)
                if goes_on is not None:
                    start(goes_on.trial, fresh=False)
    assert run.state.finished


def test_a_clock_that_was_put_back_makes_no_part_negative() -> None:
    """Ray Tune takes the seconds of a report as a difference of two times of the day."""
    progress = Progress(Segment(0.0, TrialId("e-0"), WorkerId("a/cpu0"), 10), before=0, restores=False)
    progress.report(1.0, 5, -3600.0)
    progress.report(2.0, 10, 1.0)
    assert min(astuple(progress.parts(2.0, in_steps=False))) >= 0
