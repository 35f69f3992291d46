"""What a policy's options are: their types, their defaults, and what the docstring says of them."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, get_origin

from hetsched.domain.registry import arms_of, choices_of, parameters_of

IN_WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path of a file"}

SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`])")


class Option(NamedTuple):
    """An option of a policy. `default` is None for an option that must be given, and "none" for
    None."""

    name: str
    type: str
    default: str | None
    meaning: str


def options_of(factory: Callable[..., Any]) -> list[Option]:
    """The options that a policy takes, in their order."""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = {name: one for name, one in parameters_of(factory).items() if one.kind not in kinds}
    said = meanings(docstrings(factory), list(named))
    return [Option(name, type_in_words(one.annotation), _default(one), said[name]) for name, one in named.items()]


def docstrings(factory: Callable[..., Any]) -> list[str]:
    """What the class, its `__init__` and its base classes say of themselves, the class first."""
    classes = inspect.getmro(factory)[:-1] if isinstance(factory, type) else ()
    described = [part for each in classes for part in (each, vars(each).get("__init__"))] or [factory]
    return [inspect.cleandoc(text) for part in described if (text := getattr(part, "__doc__", None))]


def meanings(texts: list[str], names: list[str]) -> dict[str, str]:
    """What the docstrings say of each option; "" if they do not name it.

    The text starts with the sentence that begins with the option's name in backticks. The text goes
    on to the next sentence that begins with an option's name. If no sentence begins so, the text is
    the first one with the name.

    >>> meanings(["Waits.\\n\\n`a` is a time. 0: none. `b` is more."], ["a", "b", "c"])
    {'a': '`a` is a time. 0: none.', 'b': '`b` is more.', 'c': ''}
    """
    paragraphs = [list(_sentences(paragraph)) for text in texts for paragraph in _paragraphs(text)]
    begins = tuple(f"`{name}`" for name in names)
    found = {}
    for name in names:
        beginning = (_from(each, f"`{name}`", begins) for each in paragraphs)
        naming = (sentence for each in paragraphs for sentence in each if f"`{name}`" in sentence)
        found[name] = next(filter(None, beginning), "") or next(naming, "")
    return found


def _from(sentences: list[str], name: str, begins: tuple[str, ...]) -> str:
    taken: list[str] = []
    for sentence in sentences:
        if taken and sentence.startswith((*begins, "Raises ", "`hetsched.")):
            break
        if taken or sentence.startswith(name):
            taken.append(sentence)
    return " ".join(taken)


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n|\n(?=- )", text)


def _sentences(paragraph: str) -> Iterator[str]:
    yield from SENTENCE.split(re.sub(r"\s+", " ", paragraph.removeprefix("- ")).strip())


def type_in_words(annotation: Any) -> str:
    """An annotation in words.

    >>> type_in_words(int | None), type_in_words(str | float), type_in_words(inspect.Parameter.empty)
    ('whole number', 'text or number', 'any')
    >>> type_in_words(Literal["low", "high"] | None)
    "'low' or 'high'"
    """
    if annotation is inspect.Parameter.empty:
        return "any"
    arms = [arm for arm in arms_of(annotation) if arm is not NoneType and get_origin(arm) is not Literal]
    if all(arm in IN_WORDS for arm in arms):
        return " or ".join([*(IN_WORDS[arm] for arm in arms), *map(repr, choices_of(annotation))])
    return getattr(annotation, "__name__", None) or str(annotation)


def _default(parameter: inspect.Parameter) -> str | None:
    if parameter.default is inspect.Parameter.empty:
        return None
    return "none" if parameter.default is None else str(parameter.default)
