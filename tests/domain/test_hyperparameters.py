"""The kinds of hyperparameters: which values they have, and how likely each is. Ray's own domains
are the oracle."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.domain.hyperparameters import Choice, Constant, Domain, Float, Integer, by_logarithm, flat, nested
from tests.conftest import make_setup

DRAWN = 4000
QUANTILES = [(number + 0.5) / DRAWN for number in range(DRAWN)]


def rays(kind: str, *arguments: Any) -> Any:
    return getattr(pytest.importorskip("ray.tune"), kind)(*arguments)


@pytest.mark.parametrize(
    ("domain", "kind", "arguments"),
    [
        (Integer(1, 4), "randint", (1, 5)),
        (Integer(-2, 2), "randint", (-2, 3)),
        (Integer(1, 64, "log"), "lograndint", (1, 65)),
        (Integer(32, 128, step=32), "qrandint", (32, 128, 32)),
        (Integer(32, 512, "log", step=32), "qlograndint", (32, 512, 32)),
        (Float(0.0, 0.5, step=0.1), "quniform", (0.0, 0.5, 0.1)),
        (Float(0.1, 0.9, "log", step=0.1), "qloguniform", (0.1, 0.9, 0.1)),
        (Choice((16, "32", True)), "choice", ([16, "32", True],)),
        (Choice((1, 2, 4), ordered=True), "choice", ([1, 2, 4],)),
    ],
    ids=str,
)
def test_values_are_rays_and_as_likely_as_rays(domain: Domain, kind: str, arguments: tuple[Any, ...]) -> None:
    ours = Counter(domain.at(u) for u in QUANTILES)
    theirs = Counter(rays(kind, *arguments).sample(size=DRAWN, random_state=np.random.default_rng(1)))
    expected = {round(value, 9) if isinstance(value, float) else value: number for value, number in theirs.items()}
    for value, number in ours.items():
        shown = round(value, 9) if isinstance(value, float) else value
        assert expected.pop(shown) == pytest.approx(number, abs=4.5 * number**0.5 + 1)  # binomial noise of Ray's draws
    assert not expected


@pytest.mark.parametrize("domain", [Float(0.1, 0.3, step=0.1), Float(0.7, 2.1, step=0.7), Float(-0.3, -0.1, step=0.1)])
def test_multiples_of_a_step_are_in_the_range(domain: Float) -> None:
    """Three times 0.1 is above 0.3, by a rounding error."""
    values = [*(domain.at(u) for u in (0.0, 0.5, 0.999)), domain.nearest(domain.low), domain.nearest(domain.high + 1)]
    assert all(domain.low <= value <= domain.high for value in values)


@pytest.mark.parametrize(("domain", "kind"), [(Float(0.1, 10.0), "uniform"), (Float(0.1, 10.0, "log"), "loguniform")])
def test_quantiles_are_rays(domain: Domain, kind: str) -> None:
    theirs = sorted(rays(kind, 0.1, 10.0).sample(size=DRAWN, random_state=np.random.default_rng(1)))
    for share in (0.1, 0.5, 0.9):
        assert theirs[int(share * DRAWN)] == pytest.approx(domain.at(share), rel=0.1)


DOMAINS: st.SearchStrategy[Domain] = st.one_of(
    st.builds(lambda low, span: Float(low, low + span), st.floats(-1e6, 1e6), st.floats(0, 1e6)),
    st.builds(lambda low, factor: Float(low, low * factor, "log"), st.floats(1e-9, 1e3), st.floats(1, 1e6)),
    st.builds(
        lambda low, span, step: Float(low * step, (low + span) * step, step=step),
        st.integers(-100, 100),
        st.integers(0, 100),
        st.floats(1e-3, 10),
    ),
    st.builds(
        lambda low, span, step, scale: Integer(low * step, (low + span) * step, scale, step),
        st.integers(1, 100),
        st.integers(0, 100),
        st.integers(1, 32),
        st.sampled_from(["linear", "log"]),
    ),
)


@given(DOMAINS, st.floats(0, 1), st.floats(-1e7, 1e7))
def test_drawn_and_nearest_values_are_in_the_domain(domain: Float | Integer, u: float, value: float) -> None:
    for found in (domain.at(u), domain.nearest(value), domain.at(0.0), domain.at(1.0)):
        assert type(found) is (int if isinstance(domain, Integer) else float)
        slack = 1e-9 * max(1.0, abs(domain.high))
        assert domain.low - slack <= found <= domain.high + slack
        if domain.step is not None:
            assert found / domain.step == pytest.approx(round(found / domain.step), abs=1e-6)
        assert domain.nearest(found) == pytest.approx(found, rel=1e-12, abs=1e-300)


def test_ordered_choices_have_neighbours() -> None:
    choice = Choice((16, 32, "many"), ordered=True)
    assert [choice.beside(value, 1) for value in choice.values] == [32, "many", "many"]
    assert [choice.beside(value, -1) for value in choice.values] == [16, 16, 32]


NAMES = st.text("abc_", min_size=1, max_size=3)
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())
TABLES = st.recursive(
    st.dictionaries(NAMES, VALUES, min_size=1), lambda inner: st.dictionaries(NAMES, inner, min_size=1)
)


@given(TABLES)
def test_nested_tables_are_flat_inside(tables: dict[str, Any]) -> None:
    inside = flat(tables)
    assert not any(isinstance(value, dict) for value in inside.values())
    assert nested(inside) == tables


def test_a_population_starts_as_it_did_before_there_were_kinds() -> None:
    """The draws of a scenario of two ranges, as the release before drew them."""
    space = {"momentum": {"low": 0.1, "high": 0.99}, "lr": {"low": 0.001, "high": 1.0, "scale": "log"}}
    [experiment] = make_setup(population=2, search_space=space).workload.experiments
    assert list(experiment.search_space) == ["lr", "momentum"]
    assert experiment.initial_hyperparameters(0) == {
        "e-0": {"lr": 0.0037832641302328386, "momentum": 0.10046260058825485},
        "e-1": {"lr": 0.015024594041106495, "momentum": 0.6589699910690134},
    }


def test_a_constant_moves_no_draw() -> None:
    space: dict[str, Any] = {"lr": {"low": 0.1, "high": 1.0}, "layers": {"low": 1, "high": 9, "integer": True}}
    [alone] = make_setup(population=5, search_space=space).workload.experiments
    [beside] = make_setup(population=5, search_space={"depth": 3, **space, "name": "x"}).workload.experiments
    drawn = beside.initial_hyperparameters(3)
    assert isinstance(beside.search_space["depth"], Constant)
    for trial, values in alone.initial_hyperparameters(3).items():
        assert drawn[trial] == values | {"depth": 3, "name": "x"}


@given(st.integers(1, 9999), st.integers(-8, 3))
def test_ten_times_the_least_number_is_compared_by_logarithms_whatever_the_rounding(digits: int, power: int) -> None:
    least, most = float(f"{digits}e{power}"), float(f"{digits}e{power + 1}")
    assert by_logarithm(least, most)
    assert not by_logarithm(least, 0.999 * most)
