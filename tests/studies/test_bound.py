"""Why there is no bound: what the message says."""

import pytest

from hetsched.errors import InputError
from hetsched.studies.bound import bound
from tests.conftest import make_setup, profile_row

NODES = [{"name": "a", "cores": 4}]


def test_without_a_step_time_anywhere_the_profile_and_what_was_tried_are_named() -> None:
    setup = make_setup(NODES, [profile_row("k80"), profile_row("v100")])
    with pytest.raises(InputError) as raised:
        bound(setup, ["fusion+fifo"])
    assert str(raised.value).startswith(
        "profile.sources (in memory): no bound: the profile has no step time of resnet18 on cifar10, batch 32 on any "
        "worker of the types there (cpu); it has k80 at batch 32, v100 at batch 32: the profile has no device 'cpu': "
        "it has k80, v100; measure it with 'hetsched profile'"
    )


def test_if_only_an_allocations_workers_lack_a_step_time_the_strategy_is_named() -> None:
    setup = make_setup(NODES, [profile_row(cores=1)]).replace(allocation={"fusion": {"cores_per_worker": 4}})
    with pytest.raises(InputError) as raised:
        bound(setup, ["fusion+fifo"])
    message = str(raised.value)
    assert message.startswith(
        "profile.sources (in memory): of the workers of fusion+fifo; another allocation may make others: no bound: "
    )
    assert "types there (cpu); it has 1 cpu at batch 32: measure it with" in message


def test_too_few_workers_are_not_blamed_on_the_profile() -> None:
    setup = make_setup(NODES, [profile_row(cores=1)], gang=5)
    expected = "no type has enough workers for .* for a gang of 5; the workers are of: cpu: give the cluster"
    with pytest.raises(InputError, match=expected):
        bound(setup, ["fusion+fifo"])


def test_costs_that_nobody_measured_are_named() -> None:
    """A run ended below the bound of a profile without a time of evaluation."""
    bare, whole = profile_row(cores=1, evaluation_s_per_image=None), profile_row(cores=1, object_store_save_s=0.1)
    said = "evaluation: a third of an iteration's time per image, for resnet18 on 1 cpu"
    assert said in bound(make_setup(NODES, [bare]), ["uniform+fifo"]).assumptions
    assert bound(make_setup(NODES, [whole]), ["uniform+fifo"]).assumptions == []
