"""Reads the text of a training's file without running it: what is certain to fail is found in
milliseconds.

Running the file may import torch, which takes seconds. So `training_class` runs it later, where it
is trained.
"""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from hetsched.domain.training_class import TrainingSource, way_out
from hetsched.errors import InputError, nearest

DYNAMIC = {"globals", "exec", "setattr", "__getattr__", "vars", "locals"}
"""Names in a text that may bind further names when it runs."""


def look_into(source: TrainingSource) -> None:
    """Raise InputError if the class cannot be imported from the source, as far as its text shows:
    the text is no Python, has no such class, or imports a package that is not installed."""
    if source.file is None:
        root = source.place.partition(".")[0]
        if not _is_installed(root):
            raise InputError(f"{source}: there is no module {root!r}: install it, or name FILE.py:CLASS")
        return
    try:
        tree = ast.parse(source.text, source.file)
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        place = f"{Path(source.place).name}{line}"
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise InputError(
            f"{source.place}: cannot be imported: {type(error).__name__} in {place}: {said}; mend the file"
        ) from error
    _check_imports(source, tree)
    names = set(_bound(tree))
    if source.class_name is None or source.class_name in names or "*" in names or _is_dynamic(tree):
        return
    classes = [each.name for each in tree.body if isinstance(each, ast.ClassDef)]
    hint = nearest(source.class_name, classes) if classes else "it defines no class"
    raise InputError(f"{source.place}: there is no class {source.class_name!r}: {hint}")


def _check_imports(source: TrainingSource, tree: ast.Module) -> None:
    """Raise InputError if a statement of the module itself imports a package that is not installed.
    A text that changes where Python looks for packages is left alone."""
    if any(isinstance(node, ast.Attribute) and node.attr in {"path", "modules"} for node in ast.walk(tree)):
        return
    for node in tree.body:
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            wanted = [node.module]
        else:
            continue
        for root in (name.partition(".")[0] for name in wanted):
            if not _is_installed(root):
                raise InputError(
                    f"{source.place}: cannot be imported in {Path(source.place).name}:{node.lineno}: "
                    f"No module named {root!r}{way_out(source, root)}"
                )


def _is_installed(root: str) -> bool:
    """Whether there is such a top-level module. It is not imported."""
    try:
        return find_spec(root) is not None
    except ValueError:  # a module that is loaded and does not say where it is from
        return True


def _bound(tree: ast.Module) -> Iterator[str]:
    """The names that the text binds anywhere. "*": it imports all names of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _is_dynamic(tree: ast.Module) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id in DYNAMIC)
        or (isinstance(node, ast.FunctionDef) and node.name in DYNAMIC)
        for node in ast.walk(tree)
    )
