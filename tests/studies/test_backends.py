"""Backends by name: what each can do, and in which words it refuses the rest."""

import re
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.registry import Strategy
from hetsched.errors import InputError
from hetsched.studies import backends
from hetsched.studies.backends import GROUP, Backend, backend
from hetsched.studies.one_run import carry_out
from sim.backend import SimBackend
from tests.conftest import make_setup

NOTHING: Any = None
CALLS: dict[str, Callable[[Backend], object]] = {
    "run": lambda of: of.run(NOTHING, NOTHING, 0, NOTHING),
    "replay": lambda of: of.replay(NOTHING, []),
    "discover": lambda of: of.discover("auto"),
    "executor": lambda of: of.executor("auto"),
    "profile": lambda of: of.profile(["resnet18"], [32], [1]),
    "record": lambda of: list(of.record(NOTHING, [])),
    "fit": lambda of: of.fit(NOTHING, NOTHING),
}
"""Every ability, asked for. No backend looks at the arguments before it has refused."""

LACKED = {"sim": ["discover", "executor", "profile", "record"], "ray": ["replay", "fit"]}
RAY = ["run", "discover", "executor", "profile"]


class Bare(Backend):
    """A backend that can do nothing."""

    name = "bare"


class Clock(SimBackend):
    """A backend of one's own, in which a simulation is what runs."""

    name = "clock"


def test_the_calls_are_all_abilities() -> None:
    assert list(CALLS) == [name for name in vars(Backend) if callable(vars(Backend)[name]) and not name.startswith("_")]


@pytest.mark.parametrize("ability", CALLS)
def test_what_a_backend_lacks_is_refused_in_words(ability: str) -> None:
    with pytest.raises(InputError, match=f"^backend 'bare' cannot [a-z ]+: it has no method '{ability}'$"):
        CALLS[ability](Bare())


@pytest.mark.parametrize("name", LACKED)
def test_a_shipped_backend_lacks_only_what_the_docs_say(name: str) -> None:
    """docs/python.md has a table of them."""
    of = backend(name)
    assert of.name == name
    assert [ability for ability in CALLS if getattr(type(of), ability) is getattr(Backend, ability)] == LACKED[name]
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (yes)? ?\| (yes)? ?\| ", page, re.MULTILINE)
    told = {ability: {"sim": bool(sim), "ray": bool(ray)} for ability, sim, ray in rows}
    assert [ability for ability in CALLS if not told[ability][name]] == LACKED[name]


@pytest.mark.parametrize("ability", RAY)
def test_without_its_packages_ray_refuses_in_words(ability: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == "real"]:
        monkeypatch.delitem(sys.modules, module)
    missing = "torch" if ability == "profile" else "ray"
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        InputError,
        match=rf"^backend 'ray' cannot .*: it needs {missing}, which is not installed: pip install 'hetsched\[real\]'$",
    ):
        CALLS[ability](backend("ray"))


def test_a_backend_that_is_not_there_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="^unknown backend 'rey': did you mean 'ray'[?]$"):
        backend("rey")


def test_a_package_offers_a_backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offered = EntryPoints([EntryPoint("clock", f"{__name__}:Clock", GROUP)])
    monkeypatch.setattr(backends, "entry_points", offered.select)
    setup, strategy = make_setup(), Strategy("fusion", "fifo")
    run, state = carry_out("clock", setup, strategy, 0, tmp_path / "own")
    simulated, _ = carry_out("sim", setup, strategy, 0, tmp_path / "sim")
    assert state.finished and run.metrics == simulated.metrics
