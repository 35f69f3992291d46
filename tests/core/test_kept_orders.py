"""Orders that are kept from decision to decision."""

from math import nan
from random import Random
from types import SimpleNamespace
from typing import Any

from hetsched.core.kept_orders import KeptOrder


def test_a_place_that_cannot_be_ordered_is_said_and_takes_out_no_other_trial() -> None:
    """nan is neither less nor more than anything, so a search may end at any other trial."""
    trials: dict[Any, Any] = {name: SimpleNamespace(id=name) for name in "abcdefgh"}
    said = set()
    for seed in range(200):
        rng, order = Random(seed), KeptOrder(trials)
        try:
            for number, trial in enumerate(trials.values()):
                order.put(trial, (rng.choice([1.0, 2.0, 3.0, 4.0, nan]), number))
            order.drop("c")  # type: ignore[arg-type]
        except ValueError as error:
            said.add(str(error).partition(", such as ")[0])
        else:
            assert sorted(trial.id for trial in order) == list("abdefgh")
    assert said == {"the places of trials cannot be ordered"}
