"""The simulator's PBT: its rules, one by one. tests/real/test_pbt_parity.py compares it with
Ray's."""

from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import hetsched
from hetsched.core.events import TrialAdded, TrialExploited
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError, PolicyError
from sim.pbt import PopulationBasedTraining, quantile_size
from tests.conftest import Simulate, make_setup


def population(
    size: int,
    seed: int = 0,
    space: Mapping[str, object] | None = None,
    metric: Mapping[str, str] | None = None,
    **pbt: Any,
) -> tuple[State, PopulationBasedTraining]:
    settings = {"perturbation_interval": 10, **pbt}
    searched: dict[str, Any] = {} if space is None else {"search_space": dict(space)}
    experiment = make_setup(population=size, pbt=settings, metric=dict(metric or {}), **searched).workload.experiments[
        0
    ]
    state = State()
    state.experiments[experiment.id] = experiment
    for index in range(size):
        trial = TrialId(f"t{index}")
        hyperparameters = {"lr": 0.1 * (index + 1), "momentum": 0.5}
        state.trials[trial] = Trial(trial, index, experiment.id, experiment.kind(index), hyperparameters, 0.0)
    assert experiment.pbt is not None
    return state, PopulationBasedTraining(experiment, experiment.pbt, state, Random(seed))


def report(state: State, pbt: PopulationBasedTraining, index: int, iterations: int, score: float | None) -> str | None:
    """A trial reports; returns the trial that it exploits."""
    known = state.trials[TrialId(f"t{index}")]
    trial = Trial(known.id, index, known.experiment, known.kind, {}, 0.0, iterations, score)
    exploit = pbt.perturb(trial)
    return exploit[0] if exploit else None


@pytest.mark.parametrize(("trials", "size"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (5, 2), (8, 2), (9, 3), (20, 5)])
def test_quantiles_hold_a_quarter_rounded_up_and_at_most_half(trials: int, size: int) -> None:
    assert quantile_size(trials, 0.25) == size


def test_the_worst_of_four_exploits_the_best() -> None:
    state, pbt = population(4)
    assert [report(state, pbt, i, 10, score) for i, score in enumerate([0.4, 0.3, 0.2])] == [None, "t0", "t0"]
    assert report(state, pbt, 3, 10, 0.5) is None
    assert report(state, pbt, 2, 20, 0.1) == "t3"


@pytest.mark.parametrize("missing", [None, 0.9])
def test_of_four_losses_the_largest_exploits_the_smallest(missing: float | None) -> None:
    state, pbt = population(4, metric={"name": "loss", "mode": "min"})
    assert [report(state, pbt, i, 10, loss) for i, loss in enumerate([0.6, 0.7, 0.8])] == [None, "t0", "t0"]
    assert report(state, pbt, 3, 10, 0.5) is None
    assert report(state, pbt, 2, 20, missing) == "t3"  # a loss that is not known is the largest


def test_before_the_interval_nothing_happens_and_no_score_is_kept() -> None:
    state, pbt = population(2)
    assert report(state, pbt, 0, 5, 0.9) is None
    assert report(state, pbt, 1, 10, 0.1) is None  # still alone in the ranking
    assert report(state, pbt, 0, 15, 0.9) is None
    assert report(state, pbt, 1, 20, 0.1) == "t0"


def test_ties_are_broken_by_the_order_of_the_trials() -> None:
    state, pbt = population(2)
    assert report(state, pbt, 1, 10, 0.5) is None
    assert report(state, pbt, 0, 10, 0.5) == "t1"  # of equals, the one added first ranks lower, as in a stable sort


def test_finished_trials_are_no_longer_ranked() -> None:
    state, pbt = population(3)
    report(state, pbt, 0, 10, 0.9)
    report(state, pbt, 1, 10, 0.5)
    pbt.forget(TrialId("t0"))
    assert report(state, pbt, 2, 10, 0.1) == "t1"


def test_a_trial_that_starts_again_is_ranked_when_it_has_done_an_interval_anew() -> None:
    state, pbt = population(2)
    report(state, pbt, 0, 30, 0.9)
    report(state, pbt, 1, 10, 0.5)
    pbt.forget(TrialId("t0"))
    assert pbt.quantiles() == ([], [])
    assert report(state, pbt, 1, 20, 0.1) is None
    assert report(state, pbt, 0, 5, 0.0) is None
    assert pbt.quantiles() == ([], [])
    assert report(state, pbt, 0, 10, 0.0) == "t1"


def test_with_lineage_a_copy_is_looked_at_again_when_its_source_is() -> None:
    state, pbt = population(2, iterations="lineage")
    assert report(state, pbt, 0, 70, 0.9) is None
    assert report(state, pbt, 1, 10, 0.1) == "t0"
    assert report(state, pbt, 1, 75, 0.1) is None, "its source was looked at with 70 iterations"
    assert report(state, pbt, 1, 80, 0.1) == "t0"
    own_state, own = population(2)
    report(own_state, own, 0, 70, 0.9)
    assert report(own_state, own, 1, 10, 0.1) == "t0"
    assert report(own_state, own, 1, 20, 0.1) == "t0", "on its own count"


def test_exploring_resamples_or_multiplies() -> None:
    _, always = population(2, resample_probability=1.0, bounds="ray")
    assert all(0.0001 <= v <= 1 for _ in range(50) for v in always.explore({"lr": 50.0, "momentum": 50.0}).values())
    _, never = population(2, resample_probability=0.0, bounds="ray")
    seen = {round(never.explore({"lr": 1.0, "momentum": 1.0})["lr"], 9) for _ in range(50)}
    assert seen == {0.8, 1.2}


def test_a_factor_does_not_lead_out_of_the_range_unless_rays_rule_is_asked_for() -> None:
    space = {"lr": {"low": 0.1, "high": 1.0, "scale": "log"}, "momentum": {"low": 0.3, "high": 0.9}}

    def explored(**pbt: Any) -> dict[str, set[float]]:
        _, one = population(2, space=space, resample_probability=0.0, **pbt)
        new = [one.explore({"lr": 1.0, "momentum": 0.3}) for _ in range(50)]
        return {key: {round(values[key], 9) for values in new} for key in space}

    assert explored() == {"lr": {0.8, 1.0}, "momentum": {0.3, 0.36}}
    assert explored(bounds="ray") == {"lr": {0.8, 1.2}, "momentum": {0.24, 0.36}}


@pytest.mark.parametrize("bounds", ["range", "ray"])
def test_a_range_of_one_value_is_a_constant_and_takes_no_random_numbers(bounds: str) -> None:
    lr = {"low": 0.001, "high": 1.0, "scale": "log"}
    _, alone = population(2, seed=3, space={"lr": lr}, bounds=bounds)
    _, beside = population(2, seed=3, space={"momentum": {"low": 0.9, "high": 0.9}, "lr": lr}, bounds=bounds)
    for _ in range(50):
        assert beside.explore({"momentum": 0.9, "lr": 0.5}) == {"momentum": 0.9, **alone.explore({"lr": 0.5})}


CONSTANT = {"lr": {"low": 0.001, "high": 0.01, "scale": "log"}, "momentum": {"low": 0.9, "high": 0.9}}


@pytest.mark.parametrize("bounds", ["range", "ray"])
@pytest.mark.parametrize(("space", "momenta"), [(CONSTANT, {0.9}), ({"lr": CONSTANT["lr"]}, {None})])
def test_a_run_searches_what_the_scenario_says_and_nothing_else(
    bounds: str, space: dict[str, object], momenta: set[float | None], simulate_log: Simulate
) -> None:
    pbt = {"perturbation_interval": 10, "bounds": bounds}
    events = simulate_log(make_setup(population=8, stop_iterations=400, search_space=space, pbt=pbt))
    tried = [event.hyperparameters for event in events if isinstance(event, TrialAdded | TrialExploited)]
    assert len(tried) > 50
    assert {values.get("momentum") for values in tried} == momenta
    left = [values["lr"] for values in tried if not 0.001 <= values["lr"] <= 0.01]
    assert bool(left) == (bounds == "ray")


KINDS: dict[str, Any] = {
    "lr": {"low": 0.1, "high": 1.0},
    "layers": {"low": 1, "high": 9, "integer": True},
    "units": {"low": 32, "high": 512, "integer": True, "step": 32},
    "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
    "width": {"choices": [16, 32, 64], "ordered": True},
    "optimizer": {"name": {"choices": ["sgd", "adam"]}},
    "depth": 3,
}
START = {
    "lr": 0.5,
    "layers": 5,
    "units": 256,
    "dropout": 0.2,
    "width": 32,
    "optimizer.name": "sgd",
    "depth": 3,
}


def explored(**pbt: Any) -> dict[str, set[Any]]:
    """Which values come of START, by hyperparameter."""
    _, one = population(2, space=KINDS, **pbt)
    new = [one.explore(START) for _ in range(200)]
    shown = [{key: round(v, 9) if isinstance(v, float) else v for key, v in values.items()} for values in new]
    return {key: {values[key] for values in shown} for key in START}


def test_what_is_not_resampled_is_multiplied_rounded_moved_or_kept() -> None:
    assert explored(resample_probability=0.0) == {
        "lr": {0.4, 0.6},
        "layers": {4, 6},
        "units": {192, 320},  # 204.8 and 307.2 are no multiples of 32
        "dropout": {0.2},  # 0.16 and 0.24 are nearest to 0.2
        "width": {16, 64},
        "optimizer.name": {"sgd"},
        "depth": {3},
    }
    ray = explored(resample_probability=0.0, bounds="ray")
    assert (ray["units"], ray["dropout"]) == ({205, 307}, {0.16, 0.24})


def test_what_is_resampled_has_any_value_of_its_kind() -> None:
    found = explored(resample_probability=1.0)
    assert found["layers"] == set(range(1, 10))
    assert found["units"] == set(range(32, 513, 32))
    assert found["dropout"] == {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
    assert (found["width"], found["optimizer.name"], found["depth"]) == ({16, 32, 64}, {"sgd", "adam"}, {3})


def test_only_what_pbt_names_is_mutated() -> None:
    found = explored(mutate=["layers", "optimizer.name"])
    assert {key for key, values in found.items() if len(values) > 1} == {"layers", "optimizer.name"}


def test_an_explore_function_has_the_last_word() -> None:
    @hetsched.register_explore("own")
    def own(hyperparameters: dict[str, Any], rng: Random) -> dict[str, Any]:
        assert hyperparameters["optimizer"] == {"name": "sgd"}  # nested, as a training gets them
        return hyperparameters | {"layers": rng.choice([2, 99]), "lr": 1}

    _, pbt = population(2, space=KINDS, resample_probability=0.0, explore="own")
    new = [pbt.explore(START) for _ in range(50)]
    assert {values["layers"] for values in new} == {2, 9}  # in its range
    assert {(type(values["lr"]), values["lr"]) for values in new} == {(float, 1.0)}
    assert {values["width"] for values in new} == {16, 64}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("None", "explore function 'own' returned None: expected the hyperparameters, a dictionary"),
        ("{**h, 'rate': 1}", "returned the hyperparameters .*, rate: expected lr, layers, .*, depth"),
        ("{**h, 'lr': 'fast'}", "returned lr = 'fast': expected a number"),
        ("{**h, 'lr': float('nan')}", "returned lr = nan: expected a number"),
        ("{**h, 'layers': True}", "returned layers = True: expected a number"),
        ("{**h, 'optimizer': {'name': 'lion'}}", "returned optimizer.name = 'lion': expected one of 'sgd', 'adam'"),
        ("{**h, 'depth': 4}", "returned depth = 4: expected the constant 3"),
        ("{**h, 'width': True}", "returned width = True: expected one of 16, 32, 64"),
        ("{**h, 'width': numpy.array([16, 32])}", "returned width = array.*: expected one of 16, 32, 64"),
        ("{**h, 'lr': 10**400}", "returned lr = 1000.*: expected a number"),
        ("h['lrr']", "explore function 'own' raised KeyError in own.py:4: 'lrr'"),
    ],
)
def test_an_explore_function_that_returns_what_no_trial_can_have_is_named(
    body: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "own.py"
    lines = ("import hetsched, numpy", "@hetsched.register_explore('own')", "def own(h, rng):", f"    return {body}")
    file.write_text("\n".join(lines))
    hetsched.load_policies(file)
    _, pbt = population(2, space=KINDS, explore="own")
    with pytest.raises(PolicyError, match=message):
        pbt.explore(START)


def test_what_an_explore_function_has_of_numpy_becomes_pythons(simulate_log: Simulate) -> None:
    """Else the log, which has no such values, would be lost."""

    @hetsched.register_explore("own")
    def own(h: dict[str, Any], rng: Random) -> dict[str, Any]:
        choices = {"width": np.float64(16.0), "optimizer": {"name": np.str_("adam")}, "depth": np.int64(3)}
        return h | {"lr": np.float32(0.5), "layers": np.int64(4), "flag": np.bool_(True)} | choices

    space = KINDS | {"flag": {"choices": [False, True]}}
    pbt = {"perturbation_interval": 10, "quantile_fraction": 0.5, "explore": "own"}
    events = simulate_log(make_setup(population=6, stop_iterations=60, search_space=space, pbt=pbt))
    seen = [event.hyperparameters for event in events if isinstance(event, TrialExploited)]
    assert seen
    for values in seen:
        assert (values["lr"], values["layers"], values["width"], values["flag"]) == (0.5, 4, 16, True)
        assert type(values["width"]) is int and values["optimizer.name"] == "adam"


def test_an_explore_function_that_changes_a_list_changes_no_search_space() -> None:
    @hetsched.register_explore("own")
    def own(h: dict[str, Any], rng: Random) -> dict[str, Any]:
        h["sizes"].append(9)
        return h

    _, pbt = population(2, space={"lr": 0.1, "sizes": {"choices": [[1, 2], [3]]}}, explore="own")
    with pytest.raises(PolicyError, match=r"returned sizes = \[1, 2, 9\]: expected one of \[1, 2\], \[3\]"):
        pbt.explore({"lr": 0.1, "sizes": [1, 2]})


def test_an_explore_function_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="unknown explore function 'own'.*policy-file"):
        population(2, space=KINDS, explore="own")
