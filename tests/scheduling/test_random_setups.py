"""Every registered policy schedules where workers leave, and where not every worker serves every trial."""

from pathlib import Path

import pytest

from hetsched import scheduling
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.registry import Strategy
from hetsched.testing import check_log
from sim.engine import simulate
from tests.scheduling.random_setups import random_setup


@pytest.mark.parametrize("policy", scheduling.policies.names())
def test_nodes_leave_while_gangs_and_single_trials_wait(policy: str, tmp_path: Path) -> None:
    """A type may have fewer workers left than a gang takes, while other trials can run."""
    single = getattr(scheduling.policies.factory(policy), "single_workers_only", False)
    for seed in (3, 4, 6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        simulate(random_setup(seed, gangs=not single, searched=False), Strategy("fusion", policy), seed, folder)
        assert check_log(read_log(folder / LOG_NAME)).finished


@pytest.mark.parametrize("policy", scheduling.policies.names())
def test_pbt_gives_trials_batch_sizes_that_some_workers_lack(policy: str, tmp_path: Path) -> None:
    """A trial leaves a worker that does not have the step time of its new batch size."""
    single = getattr(scheduling.policies.factory(policy), "single_workers_only", False)
    for seed in (14, 19, 17):
        folder = tmp_path / str(seed)
        folder.mkdir()
        setup = random_setup(seed, gangs=not single, searched=True)
        simulate(setup, Strategy("fusion", policy), seed, folder)
        assert check_log(read_log(folder / LOG_NAME)).finished
