"""The page of the names in `import hetsched`: signatures and docstrings, from the source."""

import ast
import inspect
import re
from collections.abc import Iterator
from textwrap import dedent
from typing import Any, NamedTuple

import hetsched
from documentation.markdown import MADE
from hetsched.core.trial import Segment, Trial
from hetsched.domain.cluster import Worker, WorkerType
from hetsched.domain.workload import Experiment

IN_VIEWS = {"Trial": Trial, "Worker": Worker, "WorkerType": WorkerType, "Segment": Segment, "Experiment": Experiment}
"""The classes in a view. A policy reads their values, and makes no objects of them."""

ROW = re.compile(r"^`(?P<name>\w+)`\s+\S")


class Group(NamedTuple):
    """Names under one title of the docstring of `hetsched`."""

    title: str
    names: list[str]


def groups() -> list[Group]:
    """The names that the docstring of `hetsched` lists. Raises ValueError if `__all__` has
    others."""
    found: list[Group] = []
    lines = (hetsched.__doc__ or "").splitlines()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below.startswith("-----"):
            found.append(Group(line.strip(), []))
        elif row := ROW.match(line):
            found[-1].names.append(row["name"])
    listed = {name for group in found for name in group.names}
    if missing := {*hetsched.__all__} - {"__version__"} ^ listed:
        raise ValueError(f"the docstring of hetsched and its __all__ differ: {sorted(missing)}")
    return found


def api_page() -> str:
    """A page with every name of `import hetsched`."""
    lines = ["# Python reference", ""]
    lines += [MADE, ""]
    lines += ["Every name of `import hetsched`. [python.md](../python.md) shows how they are used.", ""]
    for group in groups():
        lines += [f"## {group.title}", ""]
        for name in group.names:
            lines += [f"### {name}", "", *described(name, getattr(hetsched, name)), ""]
    lines += [
        "## What a StateView has",
        "",
        "A policy meets objects of these classes. `import hetsched` does not have them.",
        "",
    ]
    for name, found in IN_VIEWS.items():
        lines += [f"### {name}", "", *described(name, found, values_only=True), ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def described(name: str, found: Any, *, values_only: bool = False) -> Iterator[str]:
    """Signature and docstring of a name. A class has those of its methods and properties, too,
    unless its docstring hides them.

    With `values_only` methods are left out, and properties stay.
    """
    node = ast.parse(dedent(inspect.getsource(found))).body[0]
    if isinstance(node, ast.FunctionDef):
        yield signature(name, node)
        yield ""
    yield from paragraphs(inspect.getdoc(found) or "")
    if not isinstance(node, ast.ClassDef):
        return
    members = [member for member in node.body if isinstance(member, ast.FunctionDef) and _is_public(member)]
    if values_only:
        members = [member for member in members if _is_property(member)]
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign) and not _name(each).startswith("_")]
    if not members and not fields:
        return
    yield ""
    for field in fields:
        yield f"- `{_name(field)}: {_code(field.annotation)}`"
    for member in members:
        first = (ast.get_docstring(member) or "").partition("\n\n")[0].replace("\n", " ")
        yield f"- {signature(member.name, member)}" + (f": {first}" if first else "")


def signature(name: str, node: ast.FunctionDef) -> str:
    """The call of a function, in backticks. For a property it is the type."""
    returned = f" -> {_code(node.returns)}" if node.returns is not None else ""
    if _is_property(node):
        return f"`{name}{returned.replace(' -> ', ': ')}`"
    arguments = re.sub(r"^(self|cls)(, )?", "", _code(node.args))
    return f"`{name}({arguments}){returned}`"


def paragraphs(docstring: str) -> Iterator[str]:
    """The lines of a docstring as Markdown. Indented lines and doctests are code."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        lines = paragraph.splitlines()
        if lines and (lines[0].startswith(("    ", ">>>"))):
            yield from ["<!-- not checked: of a docstring -->", "", "```text", *dedent(paragraph).splitlines(), "```"]
        else:
            yield from lines
        yield ""


def _code(node: ast.AST | None) -> str:
    """The code, without the quotes around classes that are defined later."""
    return "" if node is None else re.sub(r"'([A-Z]\w*)'", r"\1", ast.unparse(node))


def _name(node: ast.AnnAssign) -> str:
    return ast.unparse(node.target)


def _is_property(member: ast.FunctionDef) -> bool:
    return bool({ast.unparse(decorator) for decorator in member.decorator_list} & {"property", "cached_property"})


def _is_public(member: ast.FunctionDef) -> bool:
    is_of_pydantic = any("validator" in ast.unparse(decorator) for decorator in member.decorator_list)
    return not member.name.startswith("_") and member.name != "model_post_init" and not is_of_pydantic
