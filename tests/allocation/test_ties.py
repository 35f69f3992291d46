"""Workers that together train as fast as others, apart from rounding: the stated order decides."""

from itertools import product

import pytest

from hetsched.domain.cluster import WorkerId
from hetsched.domain.registry import Strategy
from hetsched.scheduling.packages.ability import abilities
from tests.conftest import make_setup, profile_row

SECONDS = [0.1, 0.3, 0.7, 1.1, 1.7, 2.3]


@pytest.mark.parametrize("population", [3, 7, 12])
def test_of_equally_fast_bundles_uniform_takes_the_one_of_fewest_cores(population: int) -> None:
    """Training that scales perfectly: 12 cores train as fast however they are cut."""
    for seconds, cores in product(SECONDS, (6, 12)):
        rows = [profile_row(cores=count, seconds=seconds / count) for count in range(1, cores + 1)]
        setup = make_setup([{"name": "n", "cores": cores}], rows, population=12 * population)
        assert {worker.cores for worker in setup.workers(Strategy("uniform", "fifo"))} == {1}
        assert setup.workers(Strategy("uniform", "fifo"))[0].cores == 1


def test_a_gpu_that_gains_nothing_by_shares_is_not_shared() -> None:
    for seconds, parts in product(SECONDS, range(2, 11)):
        rows = [
            profile_row("v100", seconds=seconds),
            profile_row("v100", seconds=seconds * parts, gpu_share=1 / parts),
        ]
        setup = make_setup([{"name": "g", "cores": 4, "gpus": 1, "gpu_type": "v100"}], rows, population=parts)
        found = setup.workers(Strategy("shared-gpu", "fifo"))
        assert [worker.gpu_share for worker in found if worker.device == "v100"] == [1.0], (seconds, parts)


def test_abilities_are_the_same_in_any_unit_of_speed() -> None:
    """A part of half a trial is rounded to even, whatever the sum of the speeds is by rounding."""
    for speeds in ([1, 3, 4], [1, 1, 2, 4], [3, 5, 8, 16], [1, 2, 3, 6], [5, 15, 20]):
        for population in range(len(speeds), 40):
            found = [
                [*abilities({WorkerId(str(n)): unit * speed for n, speed in enumerate(speeds)}, population).values()]
                for unit in (1.0, *SECONDS)
            ]
            assert all(each == found[0] for each in found), (speeds, population, found)
