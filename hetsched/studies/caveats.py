"""What is said beside the figures of a study: warnings, and assumptions about what nobody
measured."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Self

ASSUMED = "assumed, as nobody measured it:"


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
            assumed = [f"{name}: {line}" for name, lines in assumed.items() for line in lines]
        return cls(assumed, document.get("warnings", {}))

    def lines(self) -> list[str]:
        """All of it, as commands print it."""
        warned = [f"warning: {strategy}: {warning}" for strategy, warning in self.warnings.items()]
        return [*warned, *([ASSUMED] if self.assumptions else []), *(f"  {line}" for line in self.assumptions)]

    def document(self) -> dict[str, Any]:
        """What `--json` prints, and what exported files have."""
        return {"assumptions": list(self.assumptions), "warnings": dict(self.warnings)}


NO_CAVEATS = Caveats()
