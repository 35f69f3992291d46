"""The private names of Ray that real runs use: the Ray that is installed has each, and they stand
in one package."""

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

ray = pytest.importorskip("ray")

from real.ray_internals.private_names import PRIVATE_NAMES, PrivateName  # noqa: E402

REAL = Path(__file__).parents[2] / "real"
INTERNALS = sorted((REAL / "ray_internals").glob("*.py"))


def lacks(private: PrivateName) -> str | None:
    """What to say of a name that is not there; None if it is."""
    module, _, kind = private.owner.partition(":")
    try:
        owner = import_module(module)
        owner = getattr(owner, kind) if kind else owner
        found = hasattr(owner, private.name)
        if private.set_by_init:
            found = any(f"self.{private.name}" in inspect.getsource(base.__init__) for base in owner.__mro__[:-1])
    except (ImportError, AttributeError):
        found = False
    if found:
        return None
    return (
        f"Ray {ray.__version__} has no {private.owner}.{private.name}, which real runs use to {private.purpose}: mend "
        "real/ray_internals, or keep to the version of Ray that pyproject.toml names"
    )


@pytest.mark.parametrize("private", PRIVATE_NAMES, ids=lambda private: f"{private.owner}.{private.name}")
def test_the_ray_that_is_installed_has_it(private: PrivateName) -> None:
    missing = lacks(private)
    assert missing is None, missing


@pytest.mark.parametrize("set_by_init", [False, True])
@pytest.mark.parametrize("owner", ["ray.tune.schedulers.pbt:PopulationBasedTraining", "ray.tune.no_such:Thing"])
def test_a_name_that_is_not_there_is_missed_with_its_purpose(owner: str, set_by_init: bool) -> None:
    missing = lacks(PrivateName(owner, "_no_such_name", "fly", set_by_init))
    assert missing is not None
    assert f"{owner}._no_such_name, which real runs use to fly" in missing


def private_uses(path: Path) -> list[str]:
    """Private modules that a file imports, and private attributes of anything but its own
    objects."""
    uses = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ray"):
            names = [*node.module.split("."), *(alias.name for alias in node.names)]
            uses += [f"import of {node.module}" for name in names if name.startswith("_")]
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls", "other")
            is_public = node.attr == "_replace"  # of named tuples
            uses += [] if is_own or is_public else [f"line {node.lineno}: {ast.unparse(node)}"]
    return uses


def test_private_names_stand_in_one_package() -> None:
    found = {path.relative_to(REAL).as_posix(): private_uses(path) for path in REAL.rglob("*.py")}
    of_others = {file: uses for file, uses in found.items() if uses and not file.startswith("ray_internals/")}
    assert of_others == {}
    assert len(found) > len(of_others)


def test_every_private_name_that_is_used_is_listed() -> None:
    """`PRIVATE_NAMES` is complete: what the package uses of other objects, what it replaces in the
    controller, and what it overrides."""
    listed = {private.name for private in PRIVATE_NAMES}
    nodes = [node for path in INTERNALS for node in ast.walk(ast.parse(path.read_text()))]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    own |= {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr.startswith("_")}
    assert used - own - listed - {"__name__", "__init__", "__class__", "__getstate__"} == set()
    replacing = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._replace"]
    replaced = {ast.literal_eval(node.args[0]) for node in replacing}
    assert "_schedule_trial_train" in replaced
    assert replaced - listed == {"__getstate__"}
    of_pbt = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name.endswith("PBT")]
    assert len(of_pbt) == 3
    overridden = {node.name for one in of_pbt for node in one.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in overridden if name.startswith("_")} <= listed
