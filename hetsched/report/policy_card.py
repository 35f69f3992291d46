"""What a policy is, for the terminal: its rule, its options, and what it looks at."""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rich.table import Table

from hetsched.core.observed import STATE, TRIAL, observed
from hetsched.domain.options import Option, options_of
from hetsched.domain.registry import first_paragraph

NOT_SAID = "(the docstring does not say)"


class Base(NamedTuple):
    """A class that a policy builds on, and the first paragraph of its docstring."""

    name: str
    summary: str


class PolicyCard(NamedTuple):
    """All that can be said of a policy without running it. `source` is its file and line."""

    kind: str
    name: str
    rule: str
    options: list[Option]
    observed: dict[str, list[str]]
    bases: list[Base]
    notes: list[str]
    source: str

    @property
    def what(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind} policy"

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "kind": self.kind,
            "rule": self.rule,
            "options": {one.name: one._asdict() for one in self.options},
            "observes": self.observed,
            "builds_on": {base.name: base.summary for base in self.bases},
            "notes": self.notes,
            "source": self.source,
        }


def policy_card(kind: str, name: str, factory: Callable[..., Any]) -> PolicyCard:
    """What the class says of itself, and what its code says."""
    rule = inspect.cleandoc(factory.__doc__ or "It has no docstring.")
    own = factory.__mro__[1:-1] if isinstance(factory, type) else ()
    bases = [
        Base(each.__qualname__, first_paragraph(each)) for each in own if each.__module__ != "abc" and each.__doc__
    ]
    return PolicyCard(
        kind, name, rule, options_of(factory), observed(factory), bases, list(_notes(factory)), _source(factory)
    )


def _notes(factory: Callable[..., Any]) -> Iterator[str]:
    """What the class attributes say that studies look at."""
    if getattr(factory, "single_workers_only", False):
        yield "it does not place gangs: a trial takes one worker"
    if getattr(factory, "preempts_at_checkpoints", False):
        yield "it takes a worker from a trial at a checkpoint only"
    if getattr(factory, "takes_turns", False):
        yield "it lets trials take turns on workers"
    if getattr(factory, "hands_out_packages", False):
        yield "it hands out packages: several trials that a worker reports together"
    for option, times in getattr(factory, "periods", {}).items():
        yield f"{option} is a period: at least {times} must fit into a run"


def _source(factory: Callable[..., Any]) -> str:
    try:
        return f"{inspect.getsourcefile(factory)}:{inspect.getsourcelines(factory)[1]}"
    except (OSError, TypeError):
        return factory.__module__


def options_table(card: PolicyCard) -> Table | None:
    """A row per option; None if there is none."""
    if not card.options:
        return None
    table = Table(header_style="bold")
    for heading in ("option", "type", "default", "what it is"):
        table.add_column(heading)
    for one in card.options:
        default = "must be given" if one.default is None else one.default
        table.add_row(one.name, one.type, default, one.meaning or NOT_SAID)
    return table


def remarks(card: PolicyCard) -> Iterator[str]:
    """What stands below the table."""
    if card.options:
        yield f"a scenario sets options in its table [{card.kind}.{card.name}]"
    else:
        yield "options: none"
    for base in card.bases:
        yield f"it builds on {base.name}: {base.summary}"
    yield from card.notes
    yield "it looks at: " + ("; ".join(_looked_at(card.observed)) or "nothing")
    if card.observed[STATE]:
        yield "what these are: docs/reference/python.md, StateView and Trial"


def _looked_at(found: dict[str, list[str]]) -> Iterator[str]:
    yield from found["given"]
    for of, words in ((STATE, "of the state"), (TRIAL, "of a trial")):
        if found[of]:
            yield f"{words}: {', '.join(found[of])}"


def docstring_lines(text: str) -> Iterator[str]:
    """A docstring whose paragraphs and items are one line each. What is indented by four blanks is
    left as it is."""
    kept: list[str] = []
    for line in [*text.splitlines(), ""]:
        begins = not line.strip() or line.startswith("    ") or re.match(r"(- |\d+\. )", line)
        if begins and kept:
            yield " ".join(kept)
            kept = []
        if not line.strip() or line.startswith("    "):
            yield line
        else:
            kept.append(line.strip())
