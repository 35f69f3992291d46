"""What a policy looks at: found in its code, without running it."""

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from hetsched.core.trial import Trial
from hetsched.core.view import StateView

FAMILIES = ("hetsched.scheduling.", "hetsched.allocation.")
"""How the names of modules begin that are parts of policies. What they read counts for the policies
that import them."""

STATE, TRIAL = "state", "trial"

MEMBERS = {
    STATE: {name for name in (*dir(StateView), *StateView.__annotations__) if not name.startswith("_")},
    TRIAL: {*Trial.__struct_fields__, "trained", "trained_by_kind"},
}
"""What a policy may read of the state's view, and of a trial."""

NAMED = {STATE: ("state", "view", "_state", "_view"), TRIAL: ("trial", "t")}
"""What code calls the state and a trial without an annotation."""

ANNOTATED = {"StateView": STATE, "Trial": TRIAL}

GIVEN = {"cluster": "the nodes", "workload": "the workload", "times": "the profile"}
"""What the methods `workers` and `setup` get."""


def observed(factory: Callable[..., Any]) -> dict[str, list[str]]:
    """What the policy's code reads, by what it is read of: "given", "state" and "trial". Names are
    sorted.

    The modules of the class and of its base classes are searched, and the modules of policies that
    these import. So a policy that shares a module with another one may get a name too many.
    """
    found: dict[str, set[str]] = {STATE: set(), TRIAL: set()}
    for module in _modules(factory):
        for of, name in _read(module):
            found[of].add(name)
    given = [words for name, words in GIVEN.items() if name in _arguments_used(factory)]
    return {"given": given, **{of: sorted(names) for of, names in found.items()}}


def _modules(factory: Callable[..., Any]) -> list[ModuleType]:
    classes = inspect.getmro(factory)[:-1] if isinstance(factory, type) else (factory,)
    waiting = [each.__module__ for each in classes]
    found: dict[str, ModuleType] = {}
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        if module is None or name in found or (name.startswith("hetsched.") and not name.startswith(FAMILIES)):
            continue
        if not inspect.getsourcefile(module) or name == "abc":
            continue
        found[name] = module
        waiting += [other for other in _imported(module) if other.startswith(FAMILIES)]
    return list(found.values())


@cache
def _tree(module: ModuleType) -> ast.Module:
    try:
        return ast.parse(inspect.getsource(module))
    except (OSError, TypeError):  # without its source
        return ast.Module([], [])


def _imported(module: ModuleType) -> Iterator[str]:
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _read(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Every member of the state and of trials that a module reads."""
    tree = _tree(module)
    names = {name: of for of, called in NAMED.items() for name in called}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            of = ANNOTATED.get(ast.unparse(node.annotation).strip("'\""))
            if of is not None:
                names[node.arg] = of
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            base = node.value
            called = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
            of = names.get(called)
            if of is not None and node.attr in MEMBERS[of]:
                yield of, node.attr


def _arguments_used(factory: Callable[..., Any]) -> set[str]:
    """Which arguments the bodies of `workers` and `setup` read."""
    classes = inspect.getmro(factory)[:-1] if isinstance(factory, type) else ()
    used: set[str] = set()
    for each in classes:
        module = sys.modules.get(each.__module__)
        if module is None:
            continue
        for node in ast.walk(_tree(module)):
            if isinstance(node, ast.ClassDef) and node.name == each.__name__:
                methods = [one for one in node.body if isinstance(one, ast.FunctionDef)]
                for method in methods:
                    if method.name in ("workers", "setup"):
                        used |= {name.id for name in ast.walk(method) if isinstance(name, ast.Name)}
    return used
