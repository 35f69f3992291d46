"""Every registered policy schedules where workers leave, and where not every worker serves every trial."""

from pathlib import Path

import pytest

from hetsched import scheduling
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.registry import Strategy
from hetsched.testing import check_log
from sim.engine import simulate
from tests.scheduling.random_setups import random_setup


def is_finished(policy: str, seed: int, folder: Path, *, searched: bool) -> bool:
    """Whether the policy finishes the random setup, with gangs if it schedules them."""
    single = getattr(scheduling.policies.factory(policy), "single_workers_only", False)
    folder.mkdir()
    simulate(random_setup(seed, gangs=not single, searched=searched), Strategy("fusion", policy), seed, folder)
    return check_log(read_log(folder / LOG_NAME)).finished


@pytest.mark.parametrize("policy", scheduling.policies.names())
def test_nodes_leave_while_gangs_and_single_trials_wait(policy: str, tmp_path: Path) -> None:
    """A type may have fewer workers left than a gang takes, while other trials can run."""
    for seed in (3, 4, 6):
        assert is_finished(policy, seed, tmp_path / str(seed), searched=False)


@pytest.mark.parametrize("policy", scheduling.policies.names())
def test_pbt_gives_trials_batch_sizes_that_some_workers_lack(policy: str, tmp_path: Path) -> None:
    """A trial leaves a worker that does not have the step time of its new batch size."""
    for seed in (14, 19, 17):
        assert is_finished(policy, seed, tmp_path / str(seed), searched=True)
