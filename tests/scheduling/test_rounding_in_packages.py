"""Rounding does not make a worker slower, or a package smaller, than the rule says."""

from types import SimpleNamespace
from typing import Any, cast

from hetsched.core.trial import Timing
from hetsched.core.view import StateView
from hetsched.domain.cluster import WorkerId
from hetsched.scheduling.packages.era import shrinks
from hetsched.scheduling.packages.hrfs import HRFS
from tests.conftest import make_setup


def seen(**parts: Any) -> StateView:
    return cast(StateView, SimpleNamespace(**parts))


def test_hrfs_takes_equally_fast_workers_for_equally_slow() -> None:
    """Seconds of a segment are the difference of two times: 0.3 - 0.2 is less than 0.2 - 0.1. The
    second worker counted as twice as slow as the first."""
    seconds = {"first": 0.3 - 0.2, "as-fast": 0.2 - 0.1, "half-as-fast": 0.6 - 0.4}
    first = {WorkerId(name): Timing(1, spent) for name, spent in seconds.items()}
    assert [*HRFS().slowness(seen(first_segments=first)).values()] == [1, 1 + 1, 2 + 2 + 1]


def test_hrfs_gives_the_last_rest_to_a_worker_that_is_just_fast_enough() -> None:
    """29 / 100 x 100 is less than 29 by rounding."""
    setup = make_setup(population=100, stop_iterations=129, pbt={"perturbation_interval": 100})
    [experiment] = setup.workload.experiments
    state = seen(experiment=lambda _: experiment, lead={experiment.id: 100}, best_score={})
    assert [HRFS()._spare(state, cast(Any, None), a) for a in (28, 29, 30)] == [False, False, True]


def test_era_shrinks_packages_by_whole_numbers() -> None:
    """L = 29 / 25 x 100 is 116: 99 below the stop iterations. By rounding it was 115."""
    setup = make_setup(population=100, stop_iterations=215, pbt={"perturbation_interval": 25})
    [experiment] = setup.workload.experiments
    assert shrinks(experiment, 215 - 29) == 0
