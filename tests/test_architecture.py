"""The rooms of the house: what each may import, how large a file and a function may be, what an
import loads."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

GROUND = {"hetsched.errors", "hetsched.cores", "hetsched.argument_types", "hetsched.signals", "hetsched.version"}
"""Modules without a room: all may import them, and they import no other room."""

DOORS = {"hetsched", "hetsched.__main__", "hetsched.start", "hetsched.tune"}
"""What the outside opens: they may import all of hetsched, and no room imports them."""

ROOMS: dict[str, set[str]] = {
    "hetsched.domain": set(),
    "hetsched.core": {"hetsched.domain"},
    "hetsched.allocation": {"hetsched.core"},
    "hetsched.scheduling": {"hetsched.core"},
    "hetsched.scenario": {"hetsched.core", "hetsched.allocation", "hetsched.scheduling"},
    "hetsched.testing": {"hetsched.scenario"},
    "hetsched.analysis": {"hetsched.core"},
    "hetsched.studies": {"hetsched.scenario", "hetsched.analysis"},
    "hetsched.report": {"hetsched.studies"},
    "hetsched.cli": {"hetsched.report", "hetsched.testing"},
    "sim": {"hetsched.studies"},
    "real": {"hetsched.studies"},
}
"""What a room may import, beside itself and the ground: these rooms, and what they may import."""

LIBRARIES = {
    "hetsched": {"simpy", "ray", "torch", "torchvision"},
    "sim": {"ray", "torch", "torchvision"},
    "real": {"simpy"},
}
"""Libraries that no file of a package may import."""

NO_RAY = ("profiler", "training", "models", "data")
"""Files of `real` that profile one machine, where Ray need not be installed."""

LINES_PER_FILE = 400
LINES_PER_FUNCTION = 40

MEANINGLESS = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}


class Import(NamedTuple):
    """A module that a file imports. `late`: inside a function, so only when that is called."""

    module: str
    line: int
    late: bool


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for package in LIBRARIES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text())


@cache
def imports(module: str) -> list[Import]:
    """Everything that the file imports anywhere in it. Of our own packages, the very module."""
    return list(_imports(tree(module), module, late=False))


def _imports(node: ast.AST, module: str, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{module}:{child.lineno}: a relative import: write the whole name"
            source = child.module or ""
            for alias in child.names:
                inner = f"{source}.{alias.name}"
                yield Import(inner if inner in FILES else source, child.lineno, late)
        else:
            yield from _imports(child, module, late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def room_of(module: str) -> str | None:
    """The room that a module is in; None for ground, doors and what is not ours."""
    return next((room for room in ROOMS if module == room or module.startswith(f"{room}.")), None)


@cache
def reachable(room: str) -> frozenset[str]:
    """All rooms that a room may import, itself among them."""
    return frozenset({room}).union(*(reachable(below) for below in ROOMS[room]))


def ours(module: str) -> Iterable[Import]:
    return [found for found in imports(module) if found.module.partition(".")[0] in LIBRARIES]


def test_every_file_has_a_room() -> None:
    assert len(FILES) > 100
    homeless = [module for module in FILES if room_of(module) is None and module not in GROUND | DOORS]
    assert not homeless, "give them a room, or the room a line in ROOMS"


def test_every_room_is_there() -> None:
    assert not [room for room in ROOMS if room not in FILES]


@pytest.mark.parametrize("module", FILES)
def test_a_file_imports_only_what_its_room_may(module: str) -> None:
    if module in DOORS:
        return
    room = room_of(module)
    allowed = reachable(room) if room is not None else frozenset[str]()
    wrong = [
        f"{FILES[module].relative_to(ROOT)}:{found.line}: {found.module}"
        for found in ours(module)
        if found.module not in GROUND and room_of(found.module) not in allowed
    ]
    assert not wrong, f"{room or 'the ground'} may import {sorted(allowed) or 'nothing'}"


@pytest.mark.parametrize("module", FILES)
def test_a_file_imports_no_library_of_another_package(module: str) -> None:
    forbidden = LIBRARIES[module.partition(".")[0]]
    assert not {found.module for found in imports(module) if found.module.partition(".")[0] in forbidden}


def test_no_modules_import_each_other() -> None:
    """Not in a circle either, nor hidden behind TYPE_CHECKING. What a function imports when it is
    called may."""
    graph = {module: {found.module for found in ours(module) if not found.late} - {module} for module in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("module", FILES)
def test_a_file_is_short(module: str) -> None:
    assert len(FILES[module].read_text().splitlines()) <= LINES_PER_FILE


@pytest.mark.parametrize("module", FILES)
def test_functions_are_short(module: str) -> None:
    functions = [node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f"{node.name}, line {node.lineno}": node.end_lineno - node.lineno + 1 for node in functions}  # type: ignore[operator]
    assert not {name: lines for name, lines in lengths.items() if lines > LINES_PER_FUNCTION}


def test_no_module_is_called_after_nothing() -> None:
    assert not [module for module in FILES if module.rpartition(".")[2] in MEANINGLESS]


@pytest.mark.parametrize("name", NO_RAY)
def test_profiling_needs_no_ray(name: str) -> None:
    [module] = [module for module in FILES if module.startswith("real.") and FILES[module].name == f"{name}.py"]
    assert not {found.module for found in imports(module) if found.module.partition(".")[0] == "ray"}


def loaded_by(code: str) -> set[str]:
    """The modules that are loaded after this code ran in a new process."""
    script = f"import json, sys\n{code}\nprint(json.dumps(list(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import hetsched", {"numpy", "pydantic", "scipy", "rich"}),
        ("import hetsched.core.dispatcher", {"hetsched.scheduling", "hetsched.allocation", "scipy"}),
        ("import hetsched.cli.main, sim.engine", {"ray", "torch"}),
        (
            "from hetsched.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
            {"numpy", "pydantic", "scipy", "rich", "simpy"},
        ),
        (
            "from hetsched.cli.main import main\ntry: main(['compare', '--help'])\nexcept SystemExit: pass",
            {"scipy.optimize", "scipy.sparse", "scipy.stats", "pandas", "simpy", "joblib", "hypothesis"},
        ),
        (
            "from hetsched.cli.main import main\nmain(['policies'])",
            {"scipy.optimize", "scipy.sparse", "scipy.stats", "pandas", "simpy", "joblib", "hypothesis"},
        ),
    ],
    ids=["hetsched", "the dispatcher", "a simulation", "hetsched --help", "compare --help", "policies"],
)
def test_an_import_loads_no_more_than_it_needs(code: str, unwanted: set[str]) -> None:
    loaded = loaded_by(code)
    assert "hetsched" in loaded
    assert not unwanted & loaded
