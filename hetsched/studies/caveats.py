"""What is said beside the figures of a study: warnings, and assumptions about what nobody
measured."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from hetsched.errors import first_of

ASSUMED = "assumed, as nobody measured it:"

NAMED = 3
"""The most scenarios that are named where a line is of several."""


def of_scenarios(said: Mapping[str, Iterable[str]]) -> list[str]:
    """What is said of each scenario, every line once, with the scenarios that it is of.

    >>> of_scenarios({"a": ["x", "y"], "b": ["y"], "c": []})
    ['a: x', 'in 2 of 3 scenarios (a, b): y']
    """
    homes: dict[str, list[str]] = {}
    for name, lines in said.items():
        for line in lines:
            homes.setdefault(line, []).append(name)
    return [f"{scenarios_in_words(names, len(said))}: {line}" for line, names in homes.items()]


def scenarios_in_words(names: Sequence[str], all_of_them: int) -> str:
    """The one scenario, or how many of all there are."""
    return names[0] if len(names) == 1 else f"in {len(names)} of {all_of_them} scenarios ({first_of(names, NAMED)})"


class Caveats(NamedTuple):
    """What a study assumed, one line per assumption. By strategy, in words, why its figures should
    not be trusted."""

    assumptions: Sequence[str] = ()
    warnings: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Those of the document of a study. The assumptions of a suite are by scenario."""
        assumed = document.get("assumptions", ())
        if isinstance(assumed, Mapping):
            assumed = of_scenarios(assumed)
        return cls(assumed, document.get("warnings", {}))

    def lines(self) -> list[str]:
        """All of it, as commands print it."""
        warned = [f"warning: {strategy}: {warning}" for strategy, warning in self.warnings.items()]
        return [*warned, *([ASSUMED] if self.assumptions else []), *(f"  {line}" for line in self.assumptions)]

    def document(self) -> dict[str, Any]:
        """What `--json` prints, and what exported files have."""
        return {"assumptions": list(self.assumptions), "warnings": dict(self.warnings)}


NO_CAVEATS = Caveats()
